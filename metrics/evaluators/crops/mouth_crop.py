"""The place where a reader looks for the mouth: a crop whose place the mouth's own movement cannot move.

The crop follows the base of the nose and the line of the eyes, frame by frame; its offset from the nose (to
the middle of the mouth corners) and its size are constant over a clip. So a reader that is shown a generated
mouth cannot learn the true opening from where, or how large, the crop is.

D is the clip's eye distance (`regions.eye_distance`), T frames of H x W pixels, crops of `ROWS` x `COLUMNS`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from privtalk.metrics.evaluators.crops.face_crop import Placement, Points, across_and_down, eye_axis, sample
from privtalk.metrics.regions import CORNERS, eye_distance

__all__ = ["COLUMNS", "PITCH", "ROWS", "Placement", "crops", "placement", "standardised"]

ROWS, COLUMNS = 24, 28
PITCH = 1 / 28
"""Distance between neighbouring samples of a crop, in D; the crop is one D wide."""
NOSE_BASE = slice(31, 36)


def placement(landmarks: Points) -> Placement:
    """Crops of a clip with landmarks [T, 68, 2] in pixels; only their clip-wide middle uses mouth points."""
    points = landmarks.astype(np.float64)
    axis = eye_axis(points)
    nose = points[:, NOSE_BASE].mean(1)
    offset = points[:, CORNERS].mean(1) - nose
    down = across_and_down(axis)
    across = np.median((offset * axis).sum(-1))
    below = np.median((offset * down).sum(-1))
    pitch = np.full(len(points), PITCH * eye_distance(landmarks))
    return Placement(nose + across * axis + below * down, axis, pitch)


def crops(frames: NDArray[np.uint8], place: Placement) -> NDArray[np.float32]:
    """[T, ROWS, COLUMNS, 3] in grey levels 0..255, bilinear; pixels beyond the edge repeat it.

    Large faces are averaged in whole blocks first, so that no detail is aliased.
    """
    return sample(frames, place, ROWS, COLUMNS)


def standardised(images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Crops with zero mean and unit deviation each, whatever the light and the skin (a flat crop stays 0)."""
    mean = images.mean((1, 2, 3), keepdims=True)
    deviation = images.std((1, 2, 3), keepdims=True)
    result: NDArray[np.float32] = (images - mean) / np.maximum(deviation, 1.0)
    return result

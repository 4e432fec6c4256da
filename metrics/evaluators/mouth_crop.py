"""Where a reader looks for the mouth: a crop whose place the mouth's own movement cannot move.

The crop follows the base of the nose and the line of the eyes, frame by frame; its offset from the nose (to
the middle of the mouth corners) and its size are constant over a clip. So a reader that is shown a generated
mouth cannot learn the true opening from where, or how large, the crop is.

D is the clip's eye distance (`regions.eye_distance`), T frames of H x W pixels, crops of `ROWS` x `COLUMNS`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from privtalk.metrics.regions import CORNERS, EYES, eye_distance

ROWS, COLUMNS = 24, 28
PITCH = 1 / 28
"""Distance between neighbouring samples of a crop, in D; the crop is one D wide."""
NOSE_BASE = slice(31, 36)

Points = NDArray[np.floating]


class Placement(NamedTuple):
    """Crops in a clip."""

    centre: NDArray[np.float64]
    """[T, 2] middle (x, y) in pixels."""
    axis: NDArray[np.float64]
    """[T, 2] unit vector (x, y) along the eyes, the direction of a crop's columns."""
    pitch: NDArray[np.float64]
    """[T] pixels between neighbouring samples."""


def placement(landmarks: Points) -> Placement:
    """Crops of a clip with landmarks [T, 68, 2] in pixels; only their clip-wide middle uses mouth points."""
    points = landmarks.astype(np.float64)
    eyes = points[:, EYES[1]] - points[:, EYES[0]]
    axis = eyes / np.maximum(np.linalg.norm(eyes, axis=-1, keepdims=True), 1e-9)
    nose = points[:, NOSE_BASE].mean(1)
    offset = points[:, CORNERS].mean(1) - nose
    down = np.stack([-axis[:, 1], axis[:, 0]], -1)
    across = np.median((offset * axis).sum(-1))
    below = np.median((offset * down).sum(-1))
    pitch = np.full(len(points), PITCH * eye_distance(landmarks))
    return Placement(nose + across * axis + below * down, axis, pitch)


def crops(frames: NDArray[np.uint8], place: Placement) -> NDArray[np.float32]:
    """[T, ROWS, COLUMNS, 3] in grey levels 0..255, bilinear; pixels beyond the edge repeat it.

    Large faces are averaged in whole blocks first, so that no detail is aliased.
    """
    block = max(1, int(place.pitch.min() + 0.5))
    if block > 1:
        frames, place = _shrunk(frames, place, block)
    x, y = _samples(place)
    return _bilinear(frames, x - 0.5, y - 0.5)


def standardised(images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Crops with zero mean and unit deviation each, whatever the light and the skin (a flat crop stays 0)."""
    mean = images.mean((1, 2, 3), keepdims=True)
    deviation = images.std((1, 2, 3), keepdims=True)
    result: NDArray[np.float32] = (images - mean) / np.maximum(deviation, 1.0)
    return result


def _samples(place: Placement) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """x and y [T, ROWS, COLUMNS] of every sample, in pixels."""
    right = (np.arange(COLUMNS) - (COLUMNS - 1) / 2) * place.pitch[:, None]
    down = (np.arange(ROWS) - (ROWS - 1) / 2) * place.pitch[:, None]
    (cx, cy), (ax, ay) = place.centre.T[:, :, None, None], place.axis.T[:, :, None, None]
    return cx + right[:, None] * ax - down[..., None] * ay, cy + right[:, None] * ay + down[..., None] * ax


def _bilinear(
    frames: NDArray[np.uint8], x: NDArray[np.float64], y: NDArray[np.float64]
) -> NDArray[np.float32]:
    height, width = frames.shape[1:3]
    x, y = np.clip(x, 0, width - 1), np.clip(y, 0, height - 1)
    left = np.minimum(x.astype(np.int64), width - 2)
    top = np.minimum(y.astype(np.int64), height - 2)
    u, v = ((x - left)[..., None]).astype(np.float32), ((y - top)[..., None]).astype(np.float32)
    t = np.arange(len(frames))[:, None, None]
    upper = frames[t, top, left] * (1 - u) + frames[t, top, left + 1] * u
    lower = frames[t, top + 1, left] * (1 - u) + frames[t, top + 1, left + 1] * u
    sampled: NDArray[np.float32] = upper * (1 - v) + lower * v
    return sampled


def _shrunk(frames: NDArray[np.uint8], place: Placement, block: int) -> tuple[NDArray[np.uint8], Placement]:
    """Frames averaged over blocks of `block` x `block` pixels (the rest is cut), and their placement."""
    count, height, width = len(frames), frames.shape[1] // block, frames.shape[2] // block
    whole = frames[:, : height * block, : width * block]
    means = whole.reshape(count, height, block, width, block, 3).mean((2, 4), dtype=np.float32)
    return np.rint(means).astype(np.uint8), place._replace(
        centre=place.centre / block, pitch=place.pitch / block
    )

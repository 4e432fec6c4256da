"""The box that a face detector would draw, from the landmarks of the upper face.

Detectors trained on WIDER FACE (S3FD, YuNet, SCRFD) box a face from the forehead to the chin. Landmarks begin at
the brows, and a generated face's own box is unknown: here the box follows the driving clip's brows, nose and
eyes frame by frame, and its size and place relative to them are constant over a clip. So a reader that is shown
a generated mouth cannot learn from the crop how far the true one is open.

T frames, landmarks [T, 68, 2] in pixels, (0, 0) the top-left corner of the top-left pixel.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from privtalk.metrics.declaration import Undefined

UPPER = slice(17, 48)
"""Brows, nose and eyes."""
FOREHEAD = 0.32
"""How far a box reaches above the brows, over the height from brows to chin: the median of YuNet's boxes over
four real videos (.30, .32, .32, .42), whose sides are then within 3 % of the boxes made here (7 % in the last)."""
CALM = 13
"""Frames of the median filter that steadies a box (that of syncnet_python's pipeline)."""

Floats = NDArray[np.float64]


class FaceBoxes(NamedTuple):
    """A box a frame."""

    centre: Floats
    """[T, 2] middle (x, y) in pixels."""
    size: Floats
    """[T, 2] width and height in pixels."""

    @property
    def side(self) -> Floats:
        """[T] the longer side."""
        longer: Floats = self.size.max(1)
        return longer


def face_boxes(landmarks: NDArray[np.floating]) -> FaceBoxes:
    """Boxes of a clip. Raises `Undefined` where the upper face is one point."""
    points = landmarks.astype(np.float64)
    upper = points[:, UPPER]
    anchor = upper.mean(1)
    scale = np.sqrt(((upper - anchor[:, None]) ** 2).sum(-1).mean(1))
    if not (scale > 0).all():
        raise Undefined("the landmarks of the upper face coincide")
    low, high = points.min(1), points.max(1)
    low[:, 1] -= FOREHEAD * (high - low)[:, 1]
    offset = np.median(((low + high) / 2 - anchor) / scale[:, None], 0)
    size = np.median((high - low) / scale[:, None], 0)
    scale = _calm(scale)[:, None]
    return FaceBoxes(_calm(anchor) + offset * scale, size * scale)


def _calm(values: Floats) -> Floats:
    """[T, ...] freed of outliers over time; the reference pads with zeros, which pulls the ends inwards."""
    steady: Floats = median_filter(values, size=(CALM, *[1] * (values.ndim - 1)), mode="nearest")
    return steady

"""From a face in a picture to a square crop that stays steady over time.

Legend: n frames; x to the right, y down, (0, 0) the top-left corner of the top-left pixel, so that a pixel's
centre lies at halves. A crop turns and stretches nothing: it is a centre and a side.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, median_filter

from privtalk.metrics.evaluators.crops.square_crop import extract, from_crop, to_crop

__all__ = ["Features", "Framing", "extract", "face_unit", "features", "frame_face", "from_crop", "to_crop"]

Floats = NDArray[np.float64]

SIDE = 3.6
"""Side of a crop in face units (`face_unit`). Brows to chin then fill .57-.64 of it and the eyes are .24-.28 apart,
as in the embedded corpus."""

EYE_MOUTH_HEIGHT = 0.525
"""Share of the crop, from its top, at which the middle between eyes and mouth lies; likewise."""

CENTRE_SECONDS = 0.5
"""How slowly the centre follows the head (sigma of a Gaussian)."""

SIDE_SECONDS = 1.5
"""How slowly the side follows the distance from the camera."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Framing:
    """The place of the crop, frame by frame."""

    centres: Floats
    """[n, 2] pixels of the source."""
    sides: Floats
    """[n] pixels of the source."""


class Features(NamedTuple):
    """Middles of features, [..., 2] each; right and left are those of the picture's person."""

    right_eye: Floats
    left_eye: Floats
    mouth: Floats

    @property
    def eyes(self) -> Floats:
        """Middle between the eyes."""
        return (self.right_eye + self.left_eye) / 2


def features(landmarks: Floats) -> Features:
    """Eyes and mouth (its corners' middle) of 68 iBUG points [..., 68, 2]."""
    right, left = landmarks[..., 36:42, :].mean(-2), landmarks[..., 42:48, :].mean(-2)
    return Features(right, left, (landmarks[..., 48, :] + landmarks[..., 54, :]) / 2)


def face_unit(face: Features) -> Floats:
    """Size of a face that survives turning: [...] pixels.

    The larger of the distance between the eyes (which yaw shortens) and from the eyes to the mouth (which
    pitch shortens); on a face seen from the front the two are about equal.
    """
    between = np.linalg.norm(face.left_eye - face.right_eye, axis=-1)
    return np.maximum(between, np.linalg.norm(face.eyes - face.mouth, axis=-1))


def frame_face(landmarks: Floats, fps: float) -> Framing:
    """Steady framing of one face followed over n frames, from its landmarks [n, 68, 2]."""
    face = features(landmarks)
    sides = _slow(SIDE * face_unit(face), SIDE_SECONDS * fps)
    centres = _slow((face.eyes + face.mouth) / 2, CENTRE_SECONDS * fps)
    return Framing(centres=centres + np.stack([0 * sides, (0.5 - EYE_MOUTH_HEIGHT) * sides], -1), sides=sides)


def _slow(values: Floats, sigma: float) -> Floats:
    """[n, ...] freed of outliers by a short median, then smoothed over `sigma` frames."""
    calm = median_filter(values, size=(5, *[1] * (values.ndim - 1)), mode="nearest")
    return np.asarray(gaussian_filter1d(calm, sigma, axis=0, mode="nearest"))

"""From a face in a picture to a square crop that stays steady over time.

Legend: n frames; x to the right, y down, (0, 0) the top-left corner of the top-left pixel, so that a pixel's
centre lies at halves. A crop turns and stretches nothing: it is a centre and a side.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, median_filter

Floats = NDArray[np.float64]
Pixels = NDArray[np.uint8]

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
    """Where the crop lies, frame by frame."""

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


def extract(picture: Pixels, centre: Floats, side: float, size: int) -> Pixels:
    """The square of `side` pixels around `centre` (x, y) as [size, size, 3].

    Sampled at a whole multiple of `size` and averaged down (an area filter that need not start on a pixel);
    outside the picture its edge is repeated.
    """
    fine = max(1, math.ceil(side / size)) * size
    step = side / fine
    left, top = centre[0] - side / 2, centre[1] - side / 2
    # cv2 counts pixel centres as whole numbers: index i lies at i + 0.5.
    back = np.array([[step, 0, left + step / 2 - 0.5], [0, step, top + step / 2 - 0.5]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    square = cv2.warpAffine(picture, back, (fine, fine), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.resize(square, (size, size), interpolation=cv2.INTER_AREA), np.uint8)


def to_crop(points: Floats, centre: Floats, side: float, size: int) -> Floats:
    """Points [..., 2] of the picture in pixels of its crop (inverse: `from_crop`).

    >>> to_crop(np.array([30.0, 40.0]), np.array([30.0, 40.0]), 50.0, 100).tolist()
    [50.0, 50.0]
    """
    return (points - centre + side / 2) * (size / side)


def from_crop(points: Floats, centre: Floats, side: float, size: int) -> Floats:
    """Points [..., 2] of a crop in pixels of the picture."""
    return points * (side / size) + centre - side / 2

"""Squares cut out of pictures, and points in them.

x to the right, y down, (0, 0) the top-left corner of the top-left pixel, so that a pixel's centre lies at halves.
A crop turns and stretches nothing: it is a centre and a side.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Pixels = NDArray[np.uint8]


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

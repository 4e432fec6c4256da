"""How a picture is turned and mirrored for display: the eight orientations of a display matrix.

The matrix maps a decoded pixel (x, y) to (a x + c y, b x + d y) on the screen, x to the right and y down; where it
shifts and by how much it scales does not matter here (readers turn unequal scales into the shape of a pixel).
"""

from __future__ import annotations

import math
import struct
from typing import Any, NamedTuple

import numpy as np
from av.sidedata.sidedata import Type
from numpy.typing import NDArray

from privtalk.bench.corpus.video.media import VideoError

Pixels = NDArray[np.uint8]

SLACK = 1.0
"""Degrees by which an axis may miss a quarter turn; ffmpeg's own tolerance."""


class Orientation(NamedTuple):
    """Swap rows and columns, then flip left and right, then top and bottom."""

    swap: bool = False
    mirror: bool = False
    upend: bool = False

    def __call__(self, pixels: Pixels) -> Pixels:
        """The picture [H, W, 3] as it is to be seen."""
        turned = pixels.swapaxes(0, 1) if self.swap else pixels
        return np.ascontiguousarray(turned[:: -1 if self.upend else 1, :: -1 if self.mirror else 1])


def orientation_of(frame: Any) -> Orientation:
    """The orientation that a decoded frame asks for."""
    found = frame.side_data.get(Type.DISPLAYMATRIX)
    if found is None:
        return Orientation()
    a, b, _, c, d, *_ = struct.unpack("=9i", bytes(found))
    return orientation(a, b, c, d)


def orientation(a: float, b: float, c: float, d: float) -> Orientation:
    """The orientation of a matrix; a matrix without extent is passed over, as players do.

    >>> orientation(-1, 0, 0, 1)
    Orientation(swap=False, mirror=True, upend=False)
    >>> orientation(0, 1, -1, 0)
    Orientation(swap=True, mirror=True, upend=False)
    """
    if not (a or b) or not (c or d):
        return Orientation()
    swap = abs(b) > abs(a)
    straying = max(_astray(a, b), _astray(c, d))
    if straying > SLACK or swap != (abs(c) > abs(d)):
        angle = -math.degrees(math.atan2(b, a))
        raise VideoError(
            f"to be shown turned by {angle:.0f} degrees, which is no quarter turn: re-encode it upright"
        )
    return Orientation(swap, (c if swap else a) < 0, (b if swap else d) < 0)


def _astray(x: float, y: float) -> float:
    """Degrees between a direction and the nearest axis."""
    return math.degrees(math.atan2(min(abs(x), abs(y)), max(abs(x), abs(y))))

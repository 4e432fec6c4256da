"""The relief of the face: what rises from and sinks into the smooth head, as displacement along z.

Template centimetres: x to the right of the picture, y up, both from the middle between the ears.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

Array = NDArray[np.float64]


def gauss(distance: Array, width: float) -> Array:
    """exp(-(d / w)^2)."""
    return np.exp(-((distance / width) ** 2))


def smoothstep(low: float | Array, high: float | Array, value: Array) -> Array:
    """0 below `low`, 1 above `high`, smooth between."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def nose_height(x: Array, y: Array) -> Array:
    """Displacement of the nose along z, centimetres."""
    profile = PchipInterpolator(
        [-2.6, -2.15, -1.75, -1.25, -0.8, -0.3, 1.0, 2.3, 3.3, 4.2],
        [0.0, 0.55, 1.65, 2.55, 2.75, 2.5, 1.55, 0.75, 0.35, 0.0],
        extrapolate=False,
    )
    height = np.nan_to_num(profile(y))
    width = np.interp(y, [-2.2, -1.2, -0.2, 1.2, 2.4, 3.6], [0.75, 0.92, 0.86, 0.80, 0.75, 1.0])
    ridge = height * np.exp(-((np.abs(x) / width) ** 2.2))
    wing = 1.35 * gauss(np.hypot((np.abs(x) - 1.22) / 0.62, (y + 1.42) / 0.72), 1.0)
    return np.maximum(ridge, 0) + wing * np.exp(-ridge * 0.25)


def relief(x: Array, y: Array) -> Array:
    """Displacement along z of everything on the face but the lips, centimetres."""
    ax = np.abs(x)
    socket = -0.85 * gauss(np.hypot((ax - 3.0) / 1.9, (y - 2.2) / 1.15), 1.0)
    inner = -0.45 * gauss(np.hypot((ax - 1.75) / 0.7, (y - 2.35) / 0.8), 1.0)
    ridge = 0.28 * gauss(np.hypot((ax - 2.6) / 2.4, (y - 4.1) / 0.75), 1.0)
    cheekbone = 0.45 * gauss(np.hypot((ax - 4.7) / 1.7, (y + 0.2) / 1.5), 1.0)
    hollow = -0.35 * gauss(np.hypot((ax - 5.0) / 1.4, (y + 4.0) / 1.8), 1.0)
    fold = -0.16 * gauss(np.hypot((ax - 2.55 + 0.28 * (y + 3)) / 0.5, (y + 2.9) / 1.4), 1.0)
    corner = -0.22 * gauss(np.hypot((ax - 2.75) / 0.6, (y + 4.35) / 0.6), 1.0)
    philtrum = -0.12 * gauss(np.hypot(ax / 0.28, (y + 2.95) / 0.6), 1.0)
    muzzle = 0.35 * gauss(np.hypot(ax / 2.0, (y + 4.0) / 1.9), 1.0)
    button = 0.30 * gauss(np.hypot(ax / 1.5, (y + 8.0) / 0.9), 1.0)
    return socket + inner + ridge + cheekbone + hollow + fold + corner + philtrum + muzzle + button

"""A person's bone structure: shape coefficients bend space around the template head, and everything in it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from privtalk.bench.corpus.rendered.relief import Array, gauss, smoothstep


def warp(points: Array, shape: Mapping[str, float]) -> Array:
    """Template points [V, 3] of a person with these coefficients (`look.SHAPES`), centimetres.

    All coefficients 0 is the identity. The fields are smooth and symmetric, so features bend and never fold.
    """
    x, y, z = points.T.copy()
    front = smoothstep(1.0, 6.0, z)
    moved = points.copy()
    moved += _eyes(x, y, front, shape) + _nose(x, y, z, front, shape) + _mouth(x, y, front, shape)
    moved += _bones(x, y, z, front, shape)
    moved[:, 0] *= 1 + 0.035 * shape["width"] - 0.012 * shape["length"]
    moved[:, 1] *= 1 + 0.028 * shape["length"]
    return moved


def _field(x: Array, dx: Array | float = 0.0, dy: Array | float = 0.0, dz: Array | float = 0.0) -> Array:
    return np.stack([dx + 0 * x, dy + 0 * x, dz + 0 * x], -1)


def _eyes(x: Array, y: Array, front: Array, shape: Mapping[str, float]) -> Array:
    ax, side = np.abs(x), np.sign(x)
    band = gauss(np.hypot((ax - 3.2) / 2.6, (y - 2.3) / 1.8), 1.0) * front
    spacing = 0.13 * shape["eye_spacing"] * side * band
    tilt = 0.10 * shape["eye_tilt"] * (ax - 3.2) / 1.5 * band
    size = 0.05 * shape["eye_size"] * band
    return _field(x, spacing + size * (ax - 3.2) * side, tilt + 1.6 * size * (y - 2.3))


def _nose(x: Array, y: Array, z: Array, front: Array, shape: Mapping[str, float]) -> Array:
    body = gauss(np.hypot(x / 1.9, np.clip(np.abs(y - 0.2) - 1.6, 0, None) / 0.9), 1.0) * front
    tip = gauss(np.hypot(x / 1.5, (y + 1.0) / 1.2), 1.0) * front
    low = gauss(np.hypot(np.abs(x) / 2.0, (y + 1.5) / 1.3), 1.0) * front
    out = gauss(x / 1.6, 1.0) * gauss((y + 0.4) / 1.9, 1.0) * front
    hump = gauss(np.hypot(x / 0.9, (y - 0.9) / 0.9), 1.0) * front
    return _field(
        x,
        0.13 * shape["nose_width"] * x * low,
        -0.20 * shape["nose_length"] * low + 0.16 * shape["nose_tip"] * tip + 0 * body,
        0.30 * shape["nose_height"] * out + 0.14 * shape["nose_hump"] * hump,
    )


def _mouth(x: Array, y: Array, front: Array, shape: Mapping[str, float]) -> Array:
    near = gauss(np.hypot(x / 3.6, (y + 4.4) / 1.8), 1.0) * front
    upper = gauss(np.hypot(x / 2.2, (y + 3.6) / 0.45), 1.0) * front
    lower = gauss(np.hypot(x / 2.2, (y + 5.4) / 0.55), 1.0) * front
    full = gauss(np.hypot(x / 2.2, (y + 4.4) / 1.1), 1.0) * front
    return _field(
        x,
        0.055 * shape["mouth_width"] * x * near,
        0.11 * shape["lip_upper"] * upper - 0.13 * shape["lip_lower"] * lower,
        0.07 * (shape["lip_upper"] + shape["lip_lower"]) * full,
    )


def _bones(x: Array, y: Array, z: Array, front: Array, shape: Mapping[str, float]) -> Array:
    ax = np.abs(x)
    jaw = smoothstep(1.0, 6.5, -y) * (1 - smoothstep(9.5, 14, -y))
    chin = gauss(np.hypot(ax / 2.8, (y + 8.6) / 2.2), 1.0) * front
    neck = smoothstep(8.5, 10.5, -y)
    cheeks = gauss(np.hypot((ax - 4.8) / 2.0, (y + 3.4) / 2.3), 1.0) * smoothstep(-1, 3, z)
    bone = gauss(np.hypot((ax - 5.2) / 1.8, (y - 0.0) / 1.5), 1.0) * smoothstep(-1, 3, z)
    ridge = gauss(np.hypot(np.clip(ax - 2.5, 0, None) / 2.0, (y - 4.0) / 0.9), 1.0) * front
    side = np.sign(x)
    return _field(
        x,
        0.045 * shape["jaw"] * x * jaw
        + side * (0.16 * shape["cheeks"] * cheeks + 0.14 * shape["cheekbones"] * bone)
        + 0.05 * (shape["neck"] + 0.6 * shape["jaw"]) * x * neck,
        -0.32 * shape["chin"] * chin,
        0.24 * shape["chin_forward"] * chin
        + 0.22 * shape["cheeks"] * cheeks
        + 0.12 * shape["cheekbones"] * bone
        + 0.16 * shape["brow_ridge"] * ridge,
    )

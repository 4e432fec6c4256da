"""Spectacle frames: closed tubes around the eyes, over the nose and to the ears."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from privtalk.bench.corpus.rendered.look import Look
from privtalk.bench.corpus.rendered.parts import HeadPart, grid_faces
from privtalk.bench.corpus.rendered.relief import Array

SECTION = 6
"""Corners of a tube's cross-section."""


def _tube(path: Array, radius: float, closed: bool) -> tuple[Array, NDArray[np.int32]]:
    """Points [len(path) * SECTION, 3] and faces of a tube along `path` [N, 3]."""
    tangent = np.roll(path, -1, 0) - np.roll(path, 1, 0) if closed else np.gradient(path, axis=0)
    tangent = tangent / np.linalg.norm(tangent, axis=1, keepdims=True)
    up = np.where(np.abs(tangent[:, 1:2]) > 0.95, [[0.0, 0.0, 1.0]], [[0.0, 1.0, 0.0]])
    up = np.broadcast_to([[0.0, 0.0, 1.0]], path.shape) if closed else up
    side = np.cross(tangent, up)
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    other = np.cross(side, tangent)
    turn = np.linspace(0, 2 * np.pi, SECTION, endpoint=False)
    ring = np.cos(turn)[None, :, None] * side[:, None] + np.sin(turn)[None, :, None] * other[:, None]
    points = (path[:, None] + radius * ring).reshape(-1, 3)
    rows = len(path) + (1 if closed else 0)
    return points, grid_faces(rows, SECTION, closed=True) % len(points)


def glasses(look: Look) -> HeadPart | None:
    """The frame of a look, in template centimetres; None without glasses."""
    if look.glasses == "none":
        return None
    turn = np.linspace(0, 2 * np.pi, 28, endpoint=False)
    power, wide, tall = (1.0, 2.25, 2.0) if look.glasses == "round" else (0.55, 2.45, 1.75)
    paths: list[tuple[Array, bool]] = []
    for side in (-1.0, 1.0):
        x = side * 3.15 + wide * np.sign(np.cos(turn)) * np.abs(np.cos(turn)) ** power
        y = 1.95 + tall * np.sign(np.sin(turn)) * np.abs(np.sin(turn)) ** power
        paths.append((np.stack([x, y, _depth(x)], -1), True))
        if look.hair == "headscarf":
            continue
        hinge = side * (3.15 + wide)
        reach = np.linspace(0, 1, 8)
        arm_x = hinge + (side * 7.5 - hinge) * np.minimum(reach * 1.25, 1)
        paths.append(
            (
                np.stack([arm_x, 2.5 + 0 * reach, _depth(np.array([hinge])) * (1 - reach) - 0.6 * reach], -1),
                False,
            )
        )
    bridge = np.linspace(-(3.15 - wide), 3.15 - wide, 7)
    paths.append((np.stack([bridge, 2.35 + 0.25 * np.cos(bridge * 1.5), _depth(bridge) + 0.1], -1), False))
    points, faces, count = [], [], 0
    for path, closed in paths:
        p, f = _tube(path, 0.17, closed)
        points.append(p)
        faces.append(f + count)
        count += len(p)
    joined = np.concatenate(points)
    return HeadPart(
        name="glasses",
        points=joined,
        faces=np.concatenate(faces).astype(np.int32),
        shade=np.full(len(joined), 0.95),
    )


def _depth(x: Array) -> Array:
    return 9.75 - 0.055 * x**2

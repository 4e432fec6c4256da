"""Landmarks of a schematic face."""

from __future__ import annotations

import numpy as np


def face(centre=(32.0, 32.0), size=20.0, opening=0.0):
    """[68, 2] iBUG points: brows at 0, chin at `size` below them, half as wide to each side of the centre."""
    points = np.zeros((68, 2))
    turn = np.linspace(0, np.pi, 17)
    points[:17] = np.stack([-0.5 * np.cos(turn), 0.15 + 0.85 * np.sin(turn)], -1)
    points[17:27, 0] = np.linspace(-0.4, 0.4, 10)
    points[27:31, 1] = np.linspace(0.15, 0.45, 4)
    points[31:36] = np.stack([np.linspace(-0.1, 0.1, 5), np.full(5, 0.5)], -1)
    around = np.linspace(np.pi, -np.pi, 7)[:6]
    for start, x in ((36, -0.22), (42, 0.22)):
        points[start : start + 6] = np.stack([x + 0.08 * np.cos(around), 0.18 - 0.03 * np.sin(around)], -1)
    lips = np.linspace(np.pi, -np.pi, 13)[:12]
    points[48:60] = np.stack([0.2 * np.cos(lips), 0.7 - (0.05 + opening) * np.sin(lips)], -1)
    inner = np.linspace(np.pi, -np.pi, 9)[:8]
    points[60:] = np.stack([0.15 * np.cos(inner), 0.7 - opening * np.sin(inner)], -1)
    points[8, 1] += opening
    return (points - (0, 0.5)) * size + centre

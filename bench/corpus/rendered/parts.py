"""Parts beside the skin: eyeballs, teeth, tongue, mouth cavity, ears, torso, glasses. Each is a small closed grid.

Points in template centimetres (see `face_mesh`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from privtalk.bench.corpus.rendered.face_mesh import EYE_CENTRE, EYE_RADIUS
from privtalk.bench.corpus.rendered.relief import Array, gauss


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadPart:
    """A rigid piece of the head."""

    name: str
    points: Array
    """[V, 3] centimetres."""
    faces: NDArray[np.int32]
    """[F, 3]."""
    shade: Array
    """[V] occlusion, 0 dark .. 1 open."""
    jaw: float = 0.0
    """Share of the jaw's rotation."""
    body: float = 0.0
    """0 follows the head, 1 stays with the body."""


def grid_faces(rows: int, columns: int, closed: bool = False, flip: bool = False) -> NDArray[np.int32]:
    """Triangles of a rows x columns grid, rows downwards and columns to the right seen from outside."""
    wide = columns if closed else columns - 1
    r, c = (a.ravel() for a in np.meshgrid(np.arange(rows - 1), np.arange(wide), indexing="ij"))
    a, b = r * columns + c, r * columns + (c + 1) % columns
    d, e = a + columns, b + columns
    faces = np.concatenate([np.stack([a, d, b], -1), np.stack([b, d, e], -1)]).astype(np.int32)
    return faces[:, ::-1].copy() if flip else faces


def sphere(rows: int, columns: int) -> Array:
    """[rows, columns, 3] unit sphere around z: row 0 is the front pole, columns run anticlockwise seen from there."""
    polar = np.linspace(0.02, np.pi - 0.02, rows)[:, None]
    turn = np.linspace(0, 2 * np.pi, columns, endpoint=False)[None]
    return np.stack(
        [np.sin(polar) * np.cos(turn), np.sin(polar) * np.sin(turn), np.cos(polar) + 0 * turn], -1
    )


EYE_RING = 20
"""Vertices of a ring of an eyeball; the last ring is the still floor of the socket."""


def eyeball(side: int) -> HeadPart:
    """Front part of an eyeball and the floor of its socket, side -1 on the picture's left; rows are rings."""
    polar = np.array([0.0, 0.09, 0.17, 0.20, 0.24, 0.36, 0.44, 0.48, 0.54, 0.8, 1.1, 1.5])[:, None] + 0.002
    turn = np.linspace(0, 2 * np.pi, EYE_RING, endpoint=False)[None]
    unit = np.stack(
        [np.sin(polar) * np.cos(turn), np.sin(polar) * np.sin(turn), np.cos(polar) + 0 * turn], -1
    )
    floor = np.stack([1.42 * np.cos(turn), 1.42 * np.sin(turn), -0.4 + 0 * turn], -1)
    local = np.concatenate([unit, floor]).reshape(-1, 3)
    shade = 0.95 - 0.55 * np.clip(local[:, 1] - 0.05, 0, 1) / 0.6
    shade[-EYE_RING:] = 0.45
    return HeadPart(
        name="eye_right" if side < 0 else "eye_left",
        points=EYE_CENTRE * [side, 1, 1] + EYE_RADIUS * local,
        faces=grid_faces(13, EYE_RING, closed=True),
        shade=np.clip(shade, 0.3, 1),
    )


def teeth(upper: bool) -> HeadPart:
    """A smooth arch of teeth."""
    angle = np.linspace(-1.3, 1.3, 15)[None]
    span = np.array([-3.3, -3.8, -4.3, -4.62]) if upper else np.array([-4.72, -5.0, -5.4, -5.9])
    reach = 8.0 if upper else 7.6
    lean = np.array([0.1, 0.05, 0.0, -0.12]) if upper else np.array([-0.1, 0.0, 0.0, 0.0])
    x = 2.0 * np.sin(angle) + 0 * span[:, None]
    z = reach - 2.3 * (1 - np.cos(angle)) + lean[:, None]
    points = np.stack([x, span[:, None] + 0.05 * (x / 2) ** 2, z], -1).reshape(-1, 3)
    shade = 0.74 - 0.16 * points[:, 0] ** 2
    name = "teeth_upper" if upper else "teeth_lower"
    return HeadPart(
        name=name,
        points=points,
        faces=grid_faces(4, 15),
        shade=np.clip(shade, 0.1, 1),
        jaw=0.0 if upper else 1.0,
    )


def tongue() -> HeadPart:
    """An ellipsoid on the floor of the mouth."""
    unit = sphere(9, 14).reshape(-1, 3)
    points = unit * [1.55, 0.62, 2.0] + [0.0, -5.75, 5.5]
    return HeadPart(
        name="tongue",
        points=points,
        faces=grid_faces(9, 14, closed=True),
        shade=0.35 + 0.25 * unit[:, 2],
        jaw=1.0,
    )


def cavity() -> HeadPart:
    """The dark back of the mouth."""
    x, down = np.meshgrid(np.linspace(-4.6, 4.6, 11), np.linspace(0, 1, 7))
    y = -1.8 - down * (6.4 - 2.4 * (x / 4.6) ** 2)
    z = 5.2 - 0.4 * (x / 4.6) ** 2
    points = np.stack([x, y, z], -1).reshape(-1, 3)
    return HeadPart(
        name="cavity", points=points, faces=grid_faces(7, 11), shade=np.full(len(points), 0.25), jaw=0.3
    )


def ear(side: int) -> HeadPart:
    """A flattened shell with a hollow, tilted outwards."""
    unit = sphere(9, 14)
    radius = np.hypot(unit[..., 0], unit[..., 1])
    hollow = -0.45 * gauss(radius, 0.55) * (unit[..., 2] > 0)
    taper = 1 - 0.18 * (unit[..., 1] < 0) * np.abs(unit[..., 1])
    flat = np.stack([unit[..., 0] * 1.55 * taper, unit[..., 1] * 2.75, unit[..., 2] * 0.55 + hollow], -1)
    forward, outward = np.array([-np.sin(0.5), 0, np.cos(0.5)]), np.array([np.cos(0.5), 0, np.sin(0.5)])
    centre = np.array([6.95, 0.75, 0.4]) - 1.5 * forward
    points = (
        centre + flat[..., :1] * forward + flat[..., 1:2] * [0, 1, 0] + flat[..., 2:] * outward
    ).reshape(-1, 3)
    points *= [side, 1, 1]
    shade = (0.95 - 0.5 * gauss(radius, 0.5) * (unit[..., 2] > 0)).ravel()
    return HeadPart(
        name="ear_right" if side < 0 else "ear_left",
        points=points,
        faces=grid_faces(9, 14, closed=True, flip=side > 0),
        shade=shade,
    )


def torso(neckline: float) -> HeadPart:
    """Shoulders and chest; `neckline` (centimetres) lifts the collar."""
    rings = np.array(
        [
            # y, half width, front z, back z
            (-12.3 + neckline, 5.6, 4.2, -7.2),
            (-12.5 + 0.5 * neckline, 6.0, 4.7, -7.5),
            (-12.8, 7.2, 5.4, -7.8),
            (-13.2, 9.6, 5.8, -8.0),
            (-13.9, 12.4, 6.0, -8.0),
            (-15.0, 15.3, 6.2, -8.0),
            (-16.6, 17.6, 6.6, -8.0),
            (-19.0, 19.0, 7.2, -8.0),
            (-26.0, 19.5, 8.0, -8.0),
        ]
    )
    angle = np.linspace(-np.pi, np.pi, 48, endpoint=False)[None]
    y, width, front, back = (rings[:, i : i + 1] for i in range(4))
    middle = (front + back) / 2
    x = width * np.sin(angle)
    z = middle + (front - back) / 2 * np.cos(angle)
    sag = (1.0 - neckline) * np.clip(np.cos(angle), 0, 1) ** 2 * np.clip((y + 14.5) / 2, 0, 1)
    points = np.stack([x, y - sag + 0 * x, z], -1).reshape(-1, 3)
    near = np.clip((points[:, 1] + 15.0) / 3, 0, 1) * np.clip((points[:, 2] + 2) / 6, 0, 1)
    return HeadPart(
        name="torso", points=points, faces=grid_faces(9, 48, closed=True), shade=0.95 - 0.45 * near, body=1.0
    )

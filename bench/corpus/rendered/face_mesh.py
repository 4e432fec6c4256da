"""The template face: a grid of rows (crown to neck) and columns (around the head) with holes for eyes and mouth.

Every row is a closed curve around the head. Key rows have a name and follow a feature (lid, lip, jaw line), so that
landmarks are vertices, lids and lips part along rows, and masks and weights can be written in row coordinates.
Centimetres; x to the right of the picture, y up, z towards the camera; the ears lie at z = 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from privtalk.bench.corpus.rendered.relief import Array, gauss, nose_height, relief

HEAD_HEIGHT = 22.0
"""Chin to crown of the template in centimetres: the unit of `head.vertices`."""

KEYS: dict[str, tuple[float, float, float, float, float, float]] = {
    # name: y at the front, the side, the back; half width; z of the front, of the back
    "crown": (12.45, 12.45, 12.45, 0.05, -0.70, -0.80),
    "top": (12.05, 12.05, 12.05, 2.60, 2.00, -3.80),
    "vertex": (11.00, 11.00, 11.00, 4.80, 4.90, -6.60),
    "hairline": (9.20, 9.20, 9.20, 6.40, 7.10, -8.50),
    "forehead_high": (7.20, 7.20, 7.20, 7.10, 8.25, -9.30),
    "forehead": (5.40, 5.40, 5.40, 7.35, 8.75, -9.60),
    "brow": (3.75, 3.90, 3.50, 7.35, 8.95, -9.60),
    "crease": (3.05, 3.00, 2.50, 7.30, 8.75, -9.50),
    "lid_upper": (2.55, 2.55, 1.80, 7.25, 8.50, -9.40),
    "lid_lower": (2.05, 2.05, 1.30, 7.20, 8.45, -9.30),
    "orbit": (1.10, 1.10, 0.30, 7.15, 8.55, -9.10),
    "cheek": (-0.50, -0.20, -1.00, 7.05, 8.80, -8.60),
    "subnasale": (-2.15, -1.30, -2.20, 6.90, 9.05, -7.90),
    "lip_top": (-3.62, -2.10, -2.90, 6.75, 9.12, -7.40),
    "lip_upper": (-4.15, -2.55, -3.30, 6.67, 9.07, -7.15),
    "lip_lower": (-4.61, -2.95, -3.60, 6.60, 8.96, -6.97),
    "lip_bottom": (-5.38, -3.50, -4.00, 6.50, 8.70, -6.72),
    "mentolabial": (-6.25, -4.10, -4.40, 6.35, 8.45, -6.50),
    "chin": (-7.90, -4.90, -4.90, 5.85, 8.75, -6.30),
    "jaw": (-9.30, -5.60, -5.50, 5.25, 7.75, -6.20),
    "under_jaw": (-9.55, -6.40, -6.20, 5.00, 5.60, -6.20),
    "throat": (-10.10, -8.20, -8.00, 4.85, 4.30, -6.20),
    "neck": (-12.50, -12.50, -12.50, 4.95, 3.90, -6.40),
    "neck_base": (-17.00, -17.00, -17.00, 5.80, 4.10, -7.00),
}
KEY = {name: float(i) for i, name in enumerate(KEYS)}
ROWS_BETWEEN = (1, 2, 3, 3, 3, 3, 2, 3, 1, 3, 4, 6, 3, 4, 1, 4, 3, 4, 3, 3, 2, 3, 2)
"""Grid strips between consecutive key rows."""

FRONT = np.concatenate([np.arange(21) * 0.036, [0.78, 0.84, 0.89, 0.93, 0.965, 0.99, 1.0]])
BACK = np.array([0.97, 0.9, 0.8, 0.65, 0.45, 0.22, 0.0])
HALF = len(FRONT) + len(BACK) - 1
COLUMNS = 2 * HALF
EYE_INNER, EYE_OUTER = 6, 18
"""Columns (each side of the midline) of the corners of the eyes."""
MOUTH_INNER, MOUTH_OUTER = 10, 11
"""Columns of the corners of the lip opening and of the lips."""
EYE_CENTRE = np.array([3.18, 2.33, 6.50])
EYE_RADIUS = 1.22


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceMesh:
    """The template: V vertices, F triangles."""

    points: Array
    """[V, 3] centimetres."""
    faces: NDArray[np.int32]
    """[F, 3] counter-clockwise seen from outside."""
    row: Array
    """[V] row coordinate: integers are the key rows `KEY`."""
    column: NDArray[np.int64]
    """[V] signed column, 0 the front midline, positive on the picture's right, +-HALF the back midline."""
    depth: NDArray[np.int64]
    """[V] 0 on the skin, 1.. on the rims that turn inwards at lids and lips."""


@cache
def _row_coordinates() -> Array:
    parts = [np.arange(n) / n + i for i, n in enumerate(ROWS_BETWEEN)]
    return np.concatenate([*parts, [len(ROWS_BETWEEN)]])


def _key_heights(sigma: Array, back: NDArray[np.bool_]) -> Array:
    """[keys, columns] y of every key row on one half of the head, before lids and lips bend them."""
    table = np.array(list(KEYS.values()))
    cosine = np.sqrt(1 - sigma**2)
    to_side = (1 - cosine) ** 1.15
    front = table[:, :1] + (table[:, 1:2] - table[:, :1]) * to_side
    rear = table[:, 1:2] + (table[:, 2:3] - table[:, 1:2]) * cosine
    return np.where(back, rear, front)


def _shaped_heights(y: Array, sigma: Array, back: NDArray[np.bool_]) -> Array:
    """Key-row heights [keys, columns] bent along lids, brows and lips."""
    y = y.copy()
    _shape_eye_rows(y, sigma, ~back)
    _shape_lip_rows(y, sigma, ~back)
    return y


def _smooth_rows(plain: Array, y: Array) -> Array:
    """Row coordinate [rows, columns] at which the unbent head has the height y: what its cross-section follows."""
    keys = np.arange(len(KEYS), dtype=float)
    out = np.empty_like(y)
    for c in range(y.shape[1]):
        fine = PchipInterpolator(keys, plain[:, c])(np.linspace(0, keys[-1], 600))
        out[:, c] = np.interp(-y[:, c], -fine, np.linspace(0, keys[-1], 600))
    return out


def _shape_eye_rows(y: Array, sigma: Array, front: NDArray[np.bool_]) -> None:
    inner, outer = FRONT[EYE_INNER], FRONT[EYE_OUTER]
    u = np.clip((sigma - inner) / (outer - inner), 0, 1)
    away = np.maximum(inner - sigma, sigma - outer).clip(0)
    spread = np.minimum(away * 1.6, 0.22)
    line = 2.16 + 0.22 * u
    fade = np.clip((0.95 - sigma) / 0.25, 0, 1) * front
    upper = line + 0.64 * np.sin(np.pi * u**0.92) ** 0.75 + spread
    lower = line - 0.43 * np.sin(np.pi * u**1.1) ** 0.8 - spread
    crease = np.maximum(upper + 0.30, line + 0.42)
    brow = 3.55 + 0.75 * gauss(sigma - 0.50, 0.22) - 0.15 * gauss(sigma - 0.75, 0.12)
    for name, target in (("brow", brow), ("crease", crease), ("lid_upper", upper), ("lid_lower", lower)):
        k = int(KEY[name])
        y[k] += (target - y[k]) * fade


def _shape_lip_rows(y: Array, sigma: Array, front: NDArray[np.bool_]) -> None:
    u = sigma / FRONT[MOUTH_OUTER]
    inside = np.clip(u, 0, 1)
    away = np.clip(u - FRONT[MOUTH_INNER] / FRONT[MOUTH_OUTER], 0, None)
    middle = (y[int(KEY["lip_upper"])] + y[int(KEY["lip_lower"])]) / 2
    middle = middle - 0.05 * gauss(u, 0.3) + 0.03 * gauss(u - 0.45, 0.2)
    spread = np.minimum(0.35 * away, 0.15)
    top = middle + 0.05 + spread * 3 + 0.74 * (1 - inside**2.0) ** 0.9 - 0.10 * gauss(u, 0.13)
    bottom = middle - 0.05 - spread * 3 - 0.98 * (1 - inside**2.4) ** 0.9
    fade = np.clip((0.97 - sigma) / 0.3, 0, 1) * front
    rows = (("lip_top", top), ("lip_upper", middle + spread), ("lip_lower", middle - spread))
    for name, target in (*rows, ("lip_bottom", bottom)):
        k = int(KEY[name])
        y[k] += (target - y[k]) * fade


def _lip_bulge(row: Array, sigma: Array) -> Array:
    u = np.clip(sigma / FRONT[MOUTH_OUTER], 0, 1)
    upper = np.clip(row - KEY["lip_top"], 0, 1)
    lower = np.clip(row - KEY["lip_lower"], 0, 1)
    body = 0.30 * np.sin(np.pi * upper**1.3) + 0.42 * np.sin(np.pi * lower**0.8)
    return body * (1 - u**2) ** 0.8


def _skin_points() -> tuple[Array, Array, NDArray[np.int64]]:
    """Points [V, 3], row coordinate [V] and signed column [V] of the grid before rims are added."""
    rows = _row_coordinates()
    sigma = np.concatenate([FRONT, BACK])
    back = np.arange(HALF + 1) >= len(FRONT)
    keys = np.arange(len(KEYS), dtype=float)
    plain = _key_heights(sigma, back)
    y = PchipInterpolator(keys, _shaped_heights(plain, sigma, back))(rows)
    level = _smooth_rows(plain, y)
    table = PchipInterpolator(keys, np.array(list(KEYS.values()))[:, 3:])(level)
    width, front, rear = (table[..., i] for i in range(3))
    power = np.interp(level, [0, 3, 6, 12, 18, 20, 23], [2.0, 2.1, 2.3, 2.25, 2.1, 2.0, 2.0])
    centre = (front + rear) / 2 * np.clip((3.5 - level) / 3, 0, 1)
    round_ = (1 - sigma[None] ** power) ** (1 / power)
    z = centre + np.where(back, rear - centre, front - centre) * round_
    x = width * sigma
    z = z + np.where(back, 0, nose_height(x, y) + relief(x, y) * np.clip(round_ * 2, 0, 1))
    z = z + np.where(back, 0, _lip_bulge(rows[:, None], sigma[None]))
    column = np.concatenate([np.arange(HALF + 1), np.arange(-HALF + 1, 0)])
    half = np.abs(column)
    points = np.stack([x[:, half] * np.sign(column), y[:, half], z[:, half]], -1)
    return points.reshape(-1, 3), np.repeat(rows, COLUMNS), np.tile(column, len(rows))


@cache
def nearest_row(name: str) -> int:
    """Grid row of a key row."""
    return int(np.argmin(np.abs(_row_coordinates() - KEY[name])))


def vertex(name: str | float, column: int) -> int:
    """Index of the grid vertex on a key row (or row coordinate) and signed column."""
    row = nearest_row(name) if isinstance(name, str) else int(np.argmin(np.abs(_row_coordinates() - name)))
    return row * COLUMNS + column % COLUMNS


def _grid_faces() -> NDArray[np.int32]:
    rows = len(_row_coordinates())
    r, c = np.meshgrid(np.arange(rows - 1), np.arange(COLUMNS), indexing="ij")
    signed = np.where(c <= HALF, c, c - COLUMNS)
    low = np.minimum(np.abs(signed), np.abs(signed + 1))
    eye = (r == nearest_row("lid_upper")) & (low >= EYE_INNER) & (low < EYE_OUTER)
    mouth = (r == nearest_row("lip_upper")) & (low < MOUTH_INNER)
    keep = ~(eye | mouth)
    a = (r * COLUMNS + c)[keep]
    b = (r * COLUMNS + (c + 1) % COLUMNS)[keep]
    d, e = a + COLUMNS, b + COLUMNS
    return np.concatenate([np.stack([a, d, b], -1), np.stack([b, d, e], -1)]).astype(np.int32)


class _Rim:
    """Strips that continue an open edge of the grid inwards."""

    def __init__(self, name: str, columns: range, offsets: list[tuple[float, float]]) -> None:
        self.parents = np.array([vertex(name, c) for c in columns])
        self.offsets = offsets

    def build(self, first: int, points: Array, flip: bool) -> tuple[Array, NDArray[np.int32]]:
        rings = [points[self.parents] + [0.0, dy, dz] for dy, dz in self.offsets]
        ids = [
            self.parents,
            *(first + i * len(self.parents) + np.arange(len(self.parents)) for i in range(len(rings))),
        ]
        faces = []
        for near, far in pairwise(ids):
            a, b, c, d = near[:-1], near[1:], far[:-1], far[1:]
            faces += [np.stack([a, c, b], -1), np.stack([b, c, d], -1)]
        out = np.concatenate(faces).astype(np.int32)
        return np.concatenate(rings), out[:, ::-1] if flip else out


def _rims() -> list[tuple[_Rim, bool]]:
    mouth = range(-MOUTH_INNER, MOUTH_INNER + 1)
    right, left = range(EYE_INNER, EYE_OUTER + 1), range(-EYE_OUTER, -EYE_INNER + 1)
    lips = [
        (_Rim("lip_upper", mouth, [(0.08, -0.28), (0.24, -0.6), (0.5, -0.95)]), False),
        (_Rim("lip_lower", mouth, [(-0.08, -0.28), (-0.28, -0.6), (-0.6, -0.95)]), True),
    ]
    lids = [(_Rim("lid_upper", eye, [(0.0, -0.35)]), False) for eye in (left, right)]
    return lips + lids + [(_Rim("lid_lower", eye, [(0.0, -0.35)]), True) for eye in (left, right)]


@cache
def template() -> FaceMesh:
    """The template mesh (read-only arrays)."""
    points, row, column = _skin_points()
    depth = np.zeros(len(points), dtype=np.int64)
    faces = [_grid_faces()]
    for rim, flip in _rims():
        new, new_faces = rim.build(len(points), points, flip)
        rings = len(rim.offsets)
        row = np.concatenate([row, np.tile(row[rim.parents], rings)])
        column = np.concatenate([column, np.tile(column[rim.parents], rings)])
        depth = np.concatenate([depth, np.repeat(np.arange(1, rings + 1), len(rim.parents))])
        points = np.concatenate([points, new])
        faces.append(new_faces)
    mesh = FaceMesh(points=points, faces=np.concatenate(faces), row=row, column=column, depth=depth)
    for array in (mesh.points, mesh.faces, mesh.row, mesh.column, mesh.depth):
        array.setflags(write=False)
    return mesh

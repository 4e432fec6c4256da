"""The paint of a person: one small texture (skin map and eye), linear RGB, and its labels.

The skin map lies in the template's front view (x, y); what is painted there moves with the mesh.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from privtalk.bench.corpus.clip import MASK_LABELS
from privtalk.bench.corpus.rendered import face_mesh, hair
from privtalk.bench.corpus.rendered.face_mesh import EYE_INNER, EYE_OUTER, MOUTH_OUTER, vertex
from privtalk.bench.corpus.rendered.look import Colour, Look
from privtalk.bench.corpus.rendered.relief import Array, gauss, smoothstep

TEXEL = 0.12
"""Centimetres a texel."""
LEFT, TOP = -8.16, 10.08
WIDTH, HEIGHT = 136, 184
EYE_TILE = 64
WHITE = (WIDTH + EYE_TILE + 4.0, 4.0)
"""A white texel, for parts that are coloured by vertex."""
LABEL = {name: i for i, name in enumerate(MASK_LABELS)}


class Paint(NamedTuple):
    """Texture [h, w, 3] float32 linear RGB and label [h, w] uint8."""

    texture: NDArray[np.float32]
    label: NDArray[np.uint8]


class Maps(NamedTuple):
    """Masks [HEIGHT, WIDTH] that are the same for everybody."""

    x: Array
    y: Array
    lips: Array
    seam: Array
    """Line between the closed lips."""
    lash: Array
    """Edges of the upper lids."""
    lash_lower: Array
    lid: Array
    """Skin of the upper lids."""
    brow: Array
    """Distance to the brow's middle line over its half thickness, 0 on the line, 1 on its edge."""
    blush: Array
    """Redder skin: cheeks, nose, chin."""
    tired: Array
    """Darker skin under the eyes."""
    bright: Array
    """Lighter skin of the forehead."""
    crease: Array
    """Factor of the folds beside the nose and of the nostrils."""


def linear(colour: Colour) -> Array:
    """sRGB 0..1 to linear RGB."""
    return np.asarray(colour, dtype=np.float64) ** 2.2


def skin_uv(points: Array, column: NDArray[np.int64]) -> Array:
    """[V, 2] texel of template points: x and y of the front view, the edge of the map behind the ears."""
    behind = np.abs(column) >= len(face_mesh.FRONT)
    x = np.where(behind, 8.0 * np.sign(column), points[:, 0])
    return np.stack([(x - LEFT) / TEXEL - 0.5, (TOP - points[:, 1]) / TEXEL - 0.5], -1)


def _row_line(name: str, columns: range, x: Array) -> Array:
    points = face_mesh.template().points[[vertex(name, c) for c in columns]]
    return np.interp(x, points[:, 0], points[:, 1])


def _spot(x: Array, y: Array, at_x: float, at_y: float, wide: float, tall: float) -> Array:
    return gauss(np.hypot((np.abs(x) - at_x) / wide, (y - at_y) / tall), 1.0)


@cache
def maps() -> Maps:
    """Masks of the features in the skin map."""
    x, y = np.meshgrid(LEFT + TEXEL * (np.arange(WIDTH) + 0.5), TOP - TEXEL * (np.arange(HEIGHT) + 0.5))
    ax = np.abs(x)
    mouth = range(MOUTH_OUTER + 1)
    corner = face_mesh.template().points[vertex("lip_upper", MOUTH_OUTER), 0]
    line = _row_line("lip_upper", mouth, ax)
    top, bottom = _row_line("lip_top", mouth, ax), _row_line("lip_bottom", mouth, ax)
    soft = 0.09
    ends = smoothstep(corner + 0.05, corner - 0.2, ax)
    lips = smoothstep(bottom - soft, bottom + soft, y) * smoothstep(top + soft, top - soft, y) * ends
    seam = gauss(y - line, 0.11) * smoothstep(corner + 0.25, corner - 0.1, ax)
    eye = range(EYE_INNER, EYE_OUTER + 1)
    upper, lower = _row_line("lid_upper", eye, ax), _row_line("lid_lower", eye, ax)
    crease = _row_line("crease", eye, ax)
    inner, outer = (face_mesh.template().points[vertex("lid_upper", c), 0] for c in (EYE_INNER, EYE_OUTER))
    span = smoothstep(inner - 0.1, inner + 0.5, ax) * smoothstep(outer + 0.15, outer - 0.1, ax)
    lid = smoothstep(crease + 0.15, crease - 0.1, y) * smoothstep(upper - 0.2, upper, y) * span
    brow_line = np.interp(ax, [1.2, 2.2, 3.6, 4.6, 5.6], [3.80, 4.00, 4.22, 4.12, 3.62])
    half = np.interp(ax, [0.9, 1.4, 2.2, 3.6, 5.0, 5.7], [0.02, 0.34, 0.42, 0.36, 0.18, 0.01])
    brow = np.abs(y - brow_line) / half + 3.0 * (ax < 0.8) + 3.0 * (ax > 5.7)
    return Maps(
        x=x, y=y, lips=lips, seam=seam, lid=lid, brow=brow,
        lash=gauss(y - upper - 0.03, 0.10) * span,
        lash_lower=gauss(y - lower, 0.08) * span,
        blush=0.42 * _spot(x, y, 4.2, -1.3, 1.8, 1.4) + 0.4 * _spot(x, y, 0, -1.1, 1.2, 0.8)
        + 0.25 * _spot(x, y, 0, -8.2, 1.6, 0.8),
        tired=0.45 * _spot(x, y, 2.9, 1.3, 1.4, 0.45),
        bright=0.6 * _spot(x, y, 0, 6.2, 3.0, 1.6),
        crease=(1 - 0.15 * _spot(x, y, 1.95, -1.3, 0.25, 0.5)) * (1 - 0.80 * _spot(x, y, 0.66, -1.93, 0.36, 0.17)),
    )  # fmt: skip


def _blend(base: Array, colour: Array, share: Array) -> Array:
    return base + (colour - base) * share[..., None]


def _skin_map(look: Look, beard: Array) -> Array:
    m = maps()
    skin = linear(look.skin)
    out = np.broadcast_to(skin, (*m.x.shape, 3)).copy()
    rosy = skin * [1.06, 0.74, 0.72]
    out = _blend(out, rosy, m.blush)
    out = _blend(out, skin * [0.80, 0.70, 0.70], m.tired)
    out = _blend(out, skin * [0.78, 0.64, 0.60], 0.55 * m.lid)
    out = _blend(out, skin * 1.08, m.bright)
    out *= m.crease[..., None]
    scalp = hair.scalp_mask(m.x, m.y, look)
    out = _blend(out, linear(look.hair_colour) * 0.8 + 0.06 * skin, 0.85 * scalp)
    shadow = linear(look.hair_colour) * 0.5 + 0.15 * skin
    if look.beard != "none":
        strength = 0.5 if look.beard == "stubble" else 0.85
        out = _blend(out, shadow, strength * beard)
    out = _blend(out, linear(look.lips), 0.92 * m.lips)
    out *= 1 - 0.62 * m.seam[..., None]
    brow = 0.88 * smoothstep(1.35, 0.55, m.brow / look.brow_thickness)
    out = _blend(out, linear(look.brow_colour), brow)
    out = _blend(out, np.array([0.015, 0.010, 0.010]), 0.85 * m.lash)
    return _blend(out, skin * [0.5, 0.34, 0.32], 0.6 * m.lash_lower)


def _skin_labels(beard: Array) -> NDArray[np.uint8]:
    m = maps()
    label = np.full(m.x.shape, LABEL["skin"], dtype=np.uint8)
    label[beard > 0.5] = LABEL["beard"]
    label[m.lips > 0.5] = LABEL["lips"]
    return label


def _eye_map(look: Look) -> Array:
    axis = (np.arange(EYE_TILE) + 0.5) / EYE_TILE * 2 - 1
    x, y = np.meshgrid(axis, axis)
    angle = np.hypot(x, y) * 1.1
    iris = linear(look.eyes)
    out = np.broadcast_to(np.array([0.56, 0.53, 0.51]), (EYE_TILE, EYE_TILE, 3)).copy()
    out = _blend(out, np.array([0.55, 0.30, 0.28]), 0.5 * smoothstep(0.6, 1.1, angle))
    out = _blend(out, iris * 0.35, smoothstep(0.54, 0.48, angle))
    out = _blend(out, iris * (1.0 + 0.5 * np.clip(y, -0.3, 0.4))[..., None], smoothstep(0.46, 0.38, angle))
    return _blend(out, np.full(3, 0.006), smoothstep(0.235, 0.185, angle))


def eye_uv(rings: Array) -> Array:
    """[V, 2] texel of unit directions [V, 3] from the eyeball's centre, z along the gaze."""
    polar = np.arccos(np.clip(rings[:, 2], -1, 1))
    flat = rings[:, :2] / (np.linalg.norm(rings[:, :2], axis=1, keepdims=True) + 1e-9)
    place = flat * np.clip(polar / 1.1, 0, 0.98)[:, None] * [1, -1]
    return (place + 1) / 2 * EYE_TILE - 0.5 + [WIDTH, 0]


def paint(look: Look) -> Paint:
    """The texture of a person."""
    texture = np.ones((HEIGHT, WIDTH + EYE_TILE + 8, 3))
    label = np.full(texture.shape[:2], LABEL["skin"], dtype=np.uint8)
    beard = hair.beard_mask(maps().x, maps().y, look.beard)
    texture[:, :WIDTH] = _skin_map(look, beard)
    label[:, :WIDTH] = _skin_labels(beard)
    texture[:EYE_TILE, WIDTH : WIDTH + EYE_TILE] = _eye_map(look)
    return Paint(texture=texture.astype(np.float32), label=label)

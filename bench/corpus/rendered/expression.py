"""How the face moves: per-vertex weights on the template, and the compiled kernel that applies a performance.

The jaw is a rotation about the joints before the ears; everything else is a sum of displacement fields; lids and their
skin are pushed out of the eyeballs, so that they slide over them.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from privtalk.bench.corpus.performance import ARTICULATORS, Performance
from privtalk.bench.corpus.rendered import face_mesh
from privtalk.bench.corpus.rendered.face_mesh import KEY, FaceMesh
from privtalk.bench.corpus.rendered.rasteriser import Float, compiled
from privtalk.bench.corpus.rendered.relief import Array, gauss, smoothstep

JAW_ANGLE = 0.235
"""Rotation at jaw = 1, radians."""
JAW_PIVOT = (0.4, 0.6)
"""y and z of the jaw joints, centimetres."""
LID_MARGIN = 1.045
"""Least distance of lid skin from the eyeball's centre, in eyeball radii."""
CHANNELS = ("width", "round", "press", "tuck", "open", "blink_r", "blink_l", "brow_r", "brow_l", "tongue")


class JawWeights(NamedTuple):
    """Per-vertex [V] shares of the jaw's rotation."""

    jaw: Array
    """0 skull .. 1 jaw."""
    lip: Array
    """Share that pressed or tucked lips take back, 0..1."""


@cache
def jaw_weights() -> JawWeights:
    """Weights of the template's vertices."""
    mesh = face_mesh.template()
    x, y, z = mesh.points.T
    half = np.abs(mesh.points[face_mesh.vertex("lip_upper", face_mesh.MOUTH_OUTER), 0])
    line = _mouth_line(mesh)
    below = mesh.row > KEY["lip_upper"] + 0.5
    u = np.abs(x) / half
    part = np.clip(1 - np.clip(u, 0, 1) ** 2.2, 0, 1) ** 0.62
    beyond = np.clip(np.abs(x) - half, 0, None)
    reach = 1.0 + np.minimum(1.3 * beyond, 1.6)
    depth = np.where(below, y - line, line - y)
    away = smoothstep(0, 1, np.clip(-depth, 0, None) / (2 * reach))
    share = part + (1 - part) * away
    jaw = 0.5 + 0.5 * np.where(below, share, -share)
    jaw *= 1 - smoothstep(KEY["jaw"] + 0.5, KEY["throat"] + 0.7, mesh.row)
    jaw *= smoothstep(-1.5, 3.0, z)
    lip = (
        (1 - smoothstep(KEY["lip_bottom"], KEY["chin"], mesh.row)) * below * (1 - smoothstep(0, 2.0, beyond))
    )
    return JawWeights(jaw=jaw, lip=lip)


def _mouth_line(mesh: FaceMesh) -> Array:
    columns = np.abs(mesh.column)
    ids = [
        (face_mesh.vertex("lip_upper", c), face_mesh.vertex("lip_lower", c))
        for c in range(face_mesh.HALF + 1)
    ]
    line = np.array([(mesh.points[a, 1] + mesh.points[b, 1]) / 2 for a, b in ids])
    return line[columns]


def fields(points: Array) -> Array:
    """Displacement fields [channels, V, 3] of the template's vertices at a person's `points` [V, 3], centimetres."""
    mesh = face_mesh.template()
    out = _mouth_fields().copy()
    for name, sign in (("r", -1), ("l", 1)):
        out[CHANNELS.index(f"blink_{name}")] = _blink_field(mesh, points, sign)
        out[CHANNELS.index(f"brow_{name}")] = _brow_field(mesh, sign)
    return out


@cache
def _mouth_fields() -> Array:
    mesh = face_mesh.template()
    out = np.zeros((len(CHANNELS), len(mesh.points), 3))
    x, y, z = mesh.points.T
    near = gauss(
        np.hypot(np.clip(np.abs(x) - 2.2, 0, None) / 1.6, np.clip(np.abs(y + 4.4) - 0.6, 0, None) / 1.5), 1.0
    )
    near *= smoothstep(1.0, 4.0, z)
    lips = gauss(
        np.hypot(np.clip(np.abs(x) - 1.9, 0, None) / 0.8, np.clip(np.abs(y + 4.45) - 0.8, 0, None) / 0.6), 1.0
    )
    lips *= smoothstep(1.0, 4.0, z)
    upper = lips * (mesh.row < KEY["lip_upper"] + 0.5)
    lower = lips - upper
    middle = np.clip(1 - (x / 2.6) ** 2, 0, 1)
    out[0, :, 0] = 0.20 * x * near
    out[0, :, 1] = 0.10 * np.abs(x / 2.6) ** 2 * near + 0.06 * lower * middle - 0.06 * upper * middle
    out[0, :, 2] = -(0.10 + 0.16 * (x / 2.6) ** 2) * near
    out[1, :, 0] = -0.30 * x * near
    out[1, :, 1] = (0.10 * upper - 0.12 * lower) * middle
    out[1, :, 2] = 0.62 * lips * (0.5 + 0.5 * middle)
    above = np.clip(KEY["lip_upper"] - mesh.row, 0, 1) * upper
    under = np.clip(mesh.row - KEY["lip_lower"], 0, 1) * lower
    out[2, :, 1] = -0.26 * above * middle + 0.34 * under * middle
    out[2, :, 2] = -0.18 * lips
    out[3, :, 1] = 0.12 * upper * middle + 0.16 * lower * middle
    out[3, :, 2] = -0.42 * lower * (1 - 0.6 * np.clip(mesh.row - KEY["lip_lower"], 0, 1)) * (mesh.depth == 0)
    out[4, :, 1] = (0.26 * upper - 0.36 * lower) * middle**0.7
    out[:4] *= (np.abs(mesh.column) < len(face_mesh.FRONT))[None, :, None]
    return out


def _blink_field(mesh: FaceMesh, points: Array, sign: int) -> Array:
    out = np.zeros_like(points)
    columns = np.abs(mesh.column)
    for c in range(face_mesh.EYE_INNER, face_mesh.EYE_OUTER + 1):
        top, low = (points[face_mesh.vertex(name, sign * c)] for name in ("lid_upper", "lid_lower"))
        here = (columns == c) & (np.sign(mesh.column) == sign)
        fall = np.clip(mesh.row - KEY["crease"], 0, 1) * (mesh.row < KEY["lid_upper"] + 0.5)
        rise = np.clip((KEY["orbit"] - mesh.row) / 1.0, 0, 1) * (mesh.row > KEY["lid_upper"] + 0.5)
        share = 0.90 * fall - 0.16 * rise
        out[here, :2] += (share[:, None] * (low - top)[None, :2])[here]
    return out


def _brow_field(mesh: FaceMesh, sign: int) -> Array:
    x, y, z = mesh.points.T
    weight = gauss(np.hypot((np.abs(x) - 3.0) / 2.4, (y - 4.2) / 1.1), 1.0) * smoothstep(1.0, 4.0, z)
    weight *= smoothstep(-1.2, 1.2, sign * x)
    out = np.zeros_like(mesh.points)
    out[:, 1] = 0.42 * weight
    return out


def channel_values(performance: Performance) -> NDArray[np.float32]:
    """[T, 3 + channels]: jaw, closing share of the lips, eyelid follow of vertical gaze, then `CHANNELS`."""
    jaw, width, round_, press, tuck, tongue = (
        performance.articulators[:, i].astype(np.float64) for i in range(len(ARTICULATORS))
    )
    free = (1 - press) * (1 - tuck)
    opening = (0.30 * jaw + 0.35 * round_) * free
    closing = 1 - (1 - press) * (1 - 0.62 * tuck)
    blink = performance.blink.astype(np.float64)
    follow = np.clip(-performance.gaze[:, 1].astype(np.float64) * 0.5, -0.12, 0.2)
    lids = np.clip(blink + follow[:, None] * (1 - blink), -0.15, 1)
    columns = [jaw, closing, follow, width, round_, press, tuck, opening, lids[:, 0], lids[:, 1]]
    columns += [*performance.brows.astype(np.float64).T, tongue]
    return np.stack(columns, -1).astype(np.float32)


@compiled
def animate(
    base: Float,
    field: Float,
    jaw: Float,
    lip: Float,
    values: Float,
    gaze: Float,
    eyes: Float,
    eye_span: NDArray[np.int64],
    lid: NDArray[np.int32],
    constants: Float,
    out: Float,
) -> None:
    """One frame: base [V, 3] -> out [V, 3], centimetres, before the head's pose.

    field [channels, V, 3], jaw and lip [V], values [3 + channels] (`channel_values`), gaze [2], eyes [2, 4] (centre,
    radius), eye_span [2, 2] (vertex ranges of the eyeballs), lid [L, 2] (vertex, eye), constants: jaw angle, pivot y,
    pivot z, lid margin.
    """
    channels = field.shape[0]
    for v in range(base.shape[0]):
        x, y, z = base[v, 0], base[v, 1], base[v, 2]
        if v < field.shape[1]:
            for k in range(channels):
                amount = values[3 + k]
                if amount != 0:
                    x += amount * field[k, v, 0]
                    y += amount * field[k, v, 1]
                    z += amount * field[k, v, 2]
        angle = constants[0] * jaw[v] * values[0] * (1 - values[1] * lip[v])
        if angle != 0:
            c, s = np.cos(angle), np.sin(angle)
            dy, dz = y - constants[1], z - constants[2]
            y = constants[1] + c * dy - s * dz
            z = constants[2] + s * dy + c * dz
        out[v, 0], out[v, 1], out[v, 2] = x, y, z
    cy, sy, cp, sp = np.cos(gaze[0]), np.sin(gaze[0]), np.cos(gaze[1]), np.sin(gaze[1])
    for e in range(2):
        for v in range(eye_span[e, 0], eye_span[e, 1]):
            x, y, z = base[v, 0] - eyes[e, 0], base[v, 1] - eyes[e, 1], base[v, 2] - eyes[e, 2]
            y, z = cp * y + sp * z, cp * z - sp * y
            out[v, 0] = eyes[e, 0] + cy * x + sy * z
            out[v, 1] = eyes[e, 1] + y
            out[v, 2] = eyes[e, 2] + cy * z - sy * x
    for k in range(lid.shape[0]):
        v, e = lid[k, 0], lid[k, 1]
        x, y, z = out[v, 0] - eyes[e, 0], out[v, 1] - eyes[e, 1], out[v, 2] - eyes[e, 2]
        least = eyes[e, 3] * constants[3]
        square = least * least - x * x - y * y
        if square > 0 and z * z < square:
            out[v, 2] = eyes[e, 2] + np.sqrt(square)

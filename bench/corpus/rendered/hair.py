"""Hair, beards and head-coverings: shells that grow out of the skin, and curtains of long hair.

A shell copies vertices of the skin and lifts them along its normals by a thickness; where the thickness is negative it
lies under the skin, so its edge is where the two cross. Shells move with the skin.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from privtalk.bench.corpus.rendered import face_mesh
from privtalk.bench.corpus.rendered.face_mesh import KEY, FaceMesh
from privtalk.bench.corpus.rendered.look import Look
from privtalk.bench.corpus.rendered.parts import HeadPart, grid_faces, sphere
from privtalk.bench.corpus.rendered.relief import Array, gauss, smoothstep


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell:
    """A layer over the skin; N vertices."""

    parents: NDArray[np.int64]
    """[N] skin vertices."""
    thickness: Array
    """[N] centimetres along the normal; negative under the skin."""
    faces: NDArray[np.int32]
    """[F, 3] in 0..N-1."""
    shade: Array
    """[N] occlusion."""


def azimuth(mesh: FaceMesh) -> Array:
    """[V] degrees around the head, 0 in front, +-180 behind, positive on the picture's right."""
    sigma = np.concatenate([face_mesh.FRONT, face_mesh.BACK])[np.abs(mesh.column)]
    angle = np.degrees(np.arcsin(np.clip(sigma, 0, 1)))
    angle = np.where(np.abs(mesh.column) < len(face_mesh.FRONT), angle, 180 - angle)
    return angle * np.where(mesh.column < 0, -1, 1)


def _shell(signed: Array, height: Array) -> Shell | None:
    """The shell where `signed` [V], the distance inside its edge (cm), is positive; `height` [V] far inside."""
    mesh = face_mesh.template()
    grid = mesh.faces[(mesh.depth[mesh.faces] == 0).all(-1)]
    faces = grid[(signed[grid] > 0).any(-1)]
    if not len(faces):
        return None
    parents, local = np.unique(faces, return_inverse=True)
    rise = 1 - np.exp(-np.clip(signed, 0, None) / 0.5)
    locks = 0.06 * np.sin(np.radians(azimuth(mesh)) * 9 + 0.5 * mesh.points[:, 1]) * smoothstep(1, 3, signed)
    thickness = np.where(signed < 0, np.clip(signed, -1.2, 0) * 0.8, height * rise)
    return Shell(
        parents=parents.astype(np.int64),
        thickness=thickness[parents],
        faces=local.reshape(faces.shape).astype(np.int32),
        shade=(0.62 + 0.32 * rise + locks)[parents],
    )


def _hairline(angle: Array, look: Look) -> Array:
    """Lowest y of the hair at each azimuth, degrees."""
    recede, angle = look.hairline, np.abs(angle)
    if look.hair == "beanie":
        return np.interp(angle, [0, 60, 95, 180], [6.4, 5.8, 3.6, 0.5])
    if look.hair in ("bob", "long"):
        low = [8.9 + 0.4 * recede, 8.6 + 0.3 * recede, 7.7, 6.0, 3.2, -0.5, -2.0, -3.2, -4.8]
        return np.interp(angle, [0, 14, 30, 45, 57, 65, 90, 135, 180], low)
    front = 8.1 + 0.7 * recede
    around = [0, 12, 28, 42, 54, 64, 74, 84, 92, 104, 118, 135, 180]
    low = [front, front + 0.15, front + 0.25 + 0.5 * recede, 7.6 + 0.7 * recede, 6.2, 4.9, 3.4, 1.4, 1.8, 3.0]
    return np.interp(angle, around, [*low, 0.5, -3.2, -4.8])


def _inside(angle: Array, y: Array, look: Look) -> Array:
    """Distance inside the hair's edge, centimetres, at azimuths (degrees) and heights."""
    line = _hairline(angle, look)
    if look.hair == "fringe":
        line = np.where(np.abs(angle) < 62, np.minimum(line, 5.1 + 0.0006 * angle**2), line)
    if look.hair == "parted":
        line = line - 1.3 * gauss(angle - 22, 22.0) * (1 + look.hairline * 0.3)
    return y - line


def hair_extent(look: Look) -> Array:
    """[V] distance inside the edge of the hair (or of a head-covering), centimetres, negative outside."""
    mesh = face_mesh.template()
    if look.hair == "bald":
        return np.full(len(mesh.points), -9.0)
    if look.hair == "headscarf":
        return _scarf(mesh)
    return _inside(azimuth(mesh), mesh.points[:, 1], look)


def scalp_mask(x: Array, y: Array, look: Look) -> Array:
    """Share of hair painted on the skin at template positions in the front view: softens the edge of the shell."""
    if look.hair in ("bald", "beanie", "headscarf"):
        return np.zeros_like(x)
    angle = np.degrees(np.arcsin(np.clip(x / 7.3, -1, 1)))
    return smoothstep(-0.25, 0.25, _inside(angle, y, look))


def _scarf(mesh: FaceMesh) -> Array:
    x, y, z = mesh.points.T
    opening = np.hypot(x / 6.3, np.where(y > -0.5, (y + 0.5) / 8.1, (y + 0.5) / 9.0))
    under = (mesh.row - KEY["jaw"] - 0.6) * 1.5
    return np.maximum.reduce([(opening - 1) * 6.5, under, 1.8 - z])


def _height(look: Look) -> Array:
    mesh = face_mesh.template()
    angle, (x, y, z) = azimuth(mesh), mesh.points.T
    top = smoothstep(6.0, 11.0, y)
    if look.hair == "buzz":
        return np.full(len(y), 0.16)
    if look.hair == "short":
        return 0.35 + 0.75 * top
    if look.hair == "parted":
        return (
            0.45
            + 1.0 * top
            + 0.45 * gauss(angle - 25, 45.0) * smoothstep(6, 9, y)
            - 0.5 * gauss(x + 3.2, 0.7) * top
        )
    if look.hair == "fringe":
        return 0.5 + 0.7 * top
    if look.hair == "curly":
        lumps = np.sin(x * 1.7 + 0.7) * np.sin(y * 1.6) + np.sin(z * 1.5 + 1.0) * np.sin(x * 1.1 + y)
        return 1.5 + 0.7 * top + 0.22 * lumps
    if look.hair in ("bob", "long"):
        return 0.7 + 0.5 * top - 0.35 * gauss(x, 0.5) * smoothstep(7, 10, y)
    if look.hair == "beanie":
        line = _hairline(angle, look)
        return 0.62 + 0.32 * smoothstep(line + 2.6, line + 2.2, y) + 0.5 * top
    if look.hair == "headscarf":
        folds = 0.12 * np.sin(1.1 * x + 0.9 * y) + 0.10 * np.sin(1.6 * y - 0.5 * x + 1.0)
        return 0.85 + 0.3 * top + folds * smoothstep(5.5, 7.0, np.hypot(x, y + 1.0))
    return 0.45 + 0.15 * top


def hair_shell(look: Look) -> Shell | None:
    """Hair on the skull, a cap or a scarf; None for the bald."""
    return _shell(hair_extent(look), _height(look))


def beard_coverage(look: Look) -> Array:
    """[V] share of beard over the template's skin, 0..1 (also for stubble, which is only painted)."""
    mesh = face_mesh.template()
    return (
        beard_mask(mesh.points[:, 0], mesh.points[:, 1], look.beard)
        * (mesh.depth == 0)
        * smoothstep(-3.5, -1.0, mesh.points[:, 2])
    )


def beard_mask(x: Array, y: Array, beard: str) -> Array:
    """Share of beard at template positions."""
    ax = np.abs(x)
    lips = np.hypot(ax / 2.75, np.where(y > -4.4, (y + 4.4) / 0.92, (y + 4.4) / 1.12))
    off_lips = smoothstep(0.98, 1.18, lips)
    over_lip = -2.45 - 0.13 * ax**2
    moustache = (
        smoothstep(over_lip + 0.2, over_lip - 0.2, y) * smoothstep(-5.2, -4.5, y) * smoothstep(3.1, 2.5, ax)
    )
    cheek_line = np.interp(ax, [0, 2.4, 3.4, 5.0, 6.3, 6.8], [-2.4, -2.9, -3.9, -3.3, -0.8, 2.0])
    full = smoothstep(cheek_line + 0.35, cheek_line - 0.45, y) * smoothstep(-11.8, -10.2, y)
    goatee = smoothstep(2.9, 2.2, ax) * smoothstep(-3.2, -3.6, y) * smoothstep(-11.2, -10.0, y)
    soul = 1 - 0.6 * gauss(np.hypot((ax - 1.3) / 0.8, (y + 5.9) / 0.35), 1.0)
    tables = {
        "none": np.zeros_like(ax),
        "moustache": moustache,
        "goatee": np.maximum(goatee * soul, moustache),
        "full": np.maximum(full * soul, moustache),
        "stubble": np.maximum(full * soul, moustache),
    }
    return tables[beard] * off_lips


def beard_shell(look: Look) -> Shell | None:
    """A beard with body; None for none and for stubble."""
    if look.beard in ("none", "stubble"):
        return None
    mesh = face_mesh.template()
    x, y = mesh.points[:, 0], mesh.points[:, 1]
    chin = gauss(np.hypot(x / 2.8, (y + 9.0) / 2.0), 1.0)
    near_lips = gauss(np.hypot(x / 3.2, (y + 4.4) / 1.5), 1.0)
    body = {"moustache": 0.26, "goatee": 0.24 + 0.5 * chin, "full": 0.42 + 0.5 * chin - 0.16 * near_lips}
    return _shell((beard_coverage(look) - 0.4) * 0.9, np.broadcast_to(np.asarray(body[look.beard]), x.shape))


def curtain(look: Look) -> HeadPart | None:
    """Hair that hangs: a closed sheet from the temples around the back."""
    if look.hair not in ("bob", "long"):
        return None
    bottom = -7.6 if look.hair == "bob" else -15.5
    down = np.linspace(0, 1, 16)[:, None]
    y = 7.0 + (bottom - 7.0) * down
    around = np.radians(np.linspace(66, 294, 30))[None]
    bulge = (
        0.3
        + 1.2 * smoothstep(0.0, 0.35, down)
        - (0.9 if look.hair == "bob" else -0.3) * smoothstep(0.7, 1.0, down)
    )
    rings = []
    for inset in (0.0, 1.1):
        reach = bulge - inset
        x = (7.35 + reach) * np.sin(around)
        depth = np.where(np.cos(around) > 0, 6.5, 9.4)
        z = (
            -0.6
            + (depth + reach) * np.cos(around)
            + 0.8 * gauss(np.abs(np.degrees(around) - 180) - 110, 12.0) * down
        )
        rings.append(np.stack([x, y + 0 * x, z], -1))
    points = np.concatenate([rings[0], rings[1][:, ::-1]], 1)
    locks = 0.92 + 0.08 * np.sin(11 * around + 0.6 * down)
    shade = np.concatenate([np.broadcast_to(locks, (16, 30)), np.full((16, 30), 0.3)], 1) * (1 - 0.25 * down)
    shade[:, [0, 29]] = 0.7
    return HeadPart(
        name="curtain",
        points=points.reshape(-1, 3),
        faces=grid_faces(16, 60, closed=True),
        shade=shade.ravel(),
    )


def bun(look: Look) -> HeadPart | None:
    """A knot of hair on top."""
    if look.hair != "bun":
        return None
    points = sphere(10, 18).reshape(-1, 3) * [2.6, 2.3, 2.6] + [0.0, 13.2, -3.5]
    return HeadPart(
        name="bun", points=points, faces=grid_faces(10, 18, closed=True), shade=np.full(len(points), 0.9)
    )

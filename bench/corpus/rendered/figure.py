"""Everything of a person that the camera sees, as one mesh with colours and materials: head, hair, beard, glasses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from privtalk.bench.corpus.rendered import face_mesh, hair, head, materials
from privtalk.bench.corpus.rendered.face_mesh import KEY
from privtalk.bench.corpus.rendered.glasses import glasses
from privtalk.bench.corpus.rendered.hair import Shell
from privtalk.bench.corpus.rendered.head import SKIN_VERTICES, Head
from privtalk.bench.corpus.rendered.identity import warp
from privtalk.bench.corpus.rendered.look import Look
from privtalk.bench.corpus.rendered.materials import LABEL, Paint, linear
from privtalk.bench.corpus.rendered.parts import HeadPart
from privtalk.bench.corpus.rendered.rasteriser import vertex_normals
from privtalk.bench.corpus.rendered.relief import Array, gauss, smoothstep

MATERIALS: dict[str, tuple[float, float, float, float, float]] = {
    # label, wrap, specular, shininess, subsurface (`rasteriser.MATERIAL_FIELDS`)
    "skin": (-1, 0.18, 0.055, 9.0, 0.16),
    "eye": (LABEL["eyes"], 0.30, 0.55, 140.0, 0.0),
    "teeth": (LABEL["mouth"], 0.30, 0.10, 30.0, 0.0),
    "mouth": (LABEL["mouth"], 0.30, 0.08, 20.0, 0.1),
    "hair": (LABEL["hair"], 0.25, 0.05, 7.0, 0.0),
    "beard": (LABEL["beard"], 0.25, 0.02, 6.0, 0.0),
    "cloth": (LABEL["body"], 0.25, 0.0, 1.0, 0.0),
    "glasses": (LABEL["glasses"], 0.20, 0.25, 40.0, 0.0),
    "cap": (LABEL["hair"], 0.30, 0.0, 1.0, 0.0),
}
EARS_COVERED = ("bob", "long", "headscarf")
"""Styles over which ears would poke out."""
MATERIAL_ID = {name: i for i, name in enumerate(MATERIALS)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A shell in the figure: vertices from `first` on follow skin vertices plus an offset."""

    first: int
    parents: NDArray[np.int64]
    offset: NDArray[np.float32]
    """[N, 3] centimetres."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureMesh:
    """V vertices of the head, then accessories; F faces."""

    head: Head
    faces: NDArray[np.int32]
    uv: NDArray[np.float32]
    """[V, 2] texels."""
    colour: NDArray[np.float32]
    """[V, 4] linear RGB factor and occlusion."""
    material: NDArray[np.int32]
    """[F] index into `MATERIALS`."""
    materials: NDArray[np.float32]
    body: NDArray[np.float32]
    """[V] 0 follows the head .. 1 stays with the body."""
    layers: tuple[Layer, ...]
    rigid: NDArray[np.float32]
    """[R, 3] accessories that follow the head, the last vertices."""
    paint: Paint


class _Builder:
    """Gathers the pieces of a figure."""

    def __init__(self) -> None:
        self.faces: list[NDArray[np.int32]] = []
        self.material: list[NDArray[np.int32]] = []
        self.uv: list[Array] = []
        self.colour: list[Array] = []
        self.body: list[Array] = []
        self.count = 0

    def add(
        self, count: int, faces: NDArray[np.int32], material: str, rgb: Array, shade: Array, body: Array | float,
        uv: Array | None = None,
    ) -> int:  # fmt: skip
        """Append a piece; `faces` count from 0. Returns its first vertex."""
        first = self.count
        self.faces.append(faces + np.int32(first))
        self.material.append(np.full(len(faces), MATERIAL_ID[material], dtype=np.int32))
        self.uv.append(np.broadcast_to(np.asarray(materials.WHITE), (count, 2)) if uv is None else uv)
        self.colour.append(np.column_stack([np.broadcast_to(rgb, (count, 3)), shade]))
        self.body.append(np.broadcast_to(np.asarray(body, dtype=np.float64), (count,)))
        self.count += count
        return first


def _skin_occlusion() -> Array:
    """[SKIN_VERTICES] how open the skin is to the surroundings."""
    mesh = face_mesh.template()
    x, y, z = mesh.points.T
    ax = np.abs(x)
    out = np.ones(len(x))
    out -= 0.42 * gauss(np.hypot((ax - 2.0) / 0.95, (y - 2.75) / 0.8), 1.0)
    out -= 0.15 * gauss(np.hypot((ax - 3.4) / 1.6, (y - 2.9) / 0.5), 1.0)
    out -= 0.16 * gauss(np.hypot((ax - 1.9) / 0.45, (y + 1.1) / 1.0), 1.0)
    out -= 0.40 * gauss(np.hypot(ax / 1.5, (y + 2.1) / 0.45), 1.0)
    out -= 0.28 * gauss(np.hypot(ax / 1.7, (y + 5.95) / 0.4), 1.0)
    out -= 0.15 * gauss(np.hypot((ax - 2.8) / 0.5, (y + 4.4) / 0.5), 1.0)
    under = smoothstep(KEY["jaw"] - 0.2, KEY["jaw"] + 0.8, mesh.row) * smoothstep(-4, 2, z)
    out -= under * (0.55 - 0.25 * smoothstep(KEY["throat"] + 0.3, KEY["neck"], mesh.row))
    rim = np.array([1.0, 0.60, 0.36, 0.18])[mesh.depth]
    eye_rim = (mesh.row < KEY["orbit"]) & (mesh.depth > 0)
    return np.clip(out, 0.2, 1) * np.where(eye_rim, 0.5, rim)


def _part_paint(look: Look, part: HeadPart) -> tuple[str, Array]:
    skin = linear(look.skin)
    if part.name.startswith("ear"):
        return "skin", skin * [1.02, 0.88, 0.86]
    table = {
        "teeth_upper": ("teeth", np.array([0.74, 0.68, 0.58])),
        "teeth_lower": ("teeth", np.array([0.62, 0.56, 0.48])),
        "tongue": ("mouth", np.array([0.50, 0.17, 0.16])),
        "cavity": ("mouth", np.array([0.10, 0.025, 0.025])),
        "torso": ("cloth", linear(look.clothing)),
        "curtain": ("hair", linear(look.hair_colour)),
        "bun": ("hair", linear(look.hair_colour)),
        "glasses": ("glasses", linear(look.glasses_colour)),
    }
    return table[part.name]


def _add_head(builder: _Builder, look: Look, person: Head) -> None:
    mesh = face_mesh.template()
    uv = materials.skin_uv(mesh.points, mesh.column)
    neck = person.body[:SKIN_VERTICES].astype(np.float64)
    builder.add(SKIN_VERTICES, mesh.faces, "skin", np.ones(3), _skin_occlusion(), neck, uv)
    for part in person.parts:
        if part.name in ("eye_right", "eye_left"):
            side = -1 if part.name == "eye_right" else 1
            template = face_mesh.EYE_CENTRE * np.array([[side, 1, 1]])
            centre = warp(template, look.shape)
            rings = (part.points - centre) / np.linalg.norm(part.points - centre, axis=1, keepdims=True)
            builder.add(
                len(part.points), part.faces, "eye", np.ones(3), part.shade, 0.0, materials.eye_uv(rings)
            )
        else:
            material, rgb = _part_paint(look, part)
            hidden = part.name.startswith("ear") and look.hair in EARS_COVERED
            faces = part.faces[:0] if hidden else part.faces
            builder.add(len(part.points), faces, material, rgb, part.shade, part.body)


def _normals(person: Head) -> Array:
    normals = np.zeros((SKIN_VERTICES, 3), dtype=np.float32)
    vertex_normals(person.points[:SKIN_VERTICES], face_mesh.template().faces, normals)
    return normals.astype(np.float64)


def _head_cover(look: Look) -> tuple[str, Array]:
    if look.hair in ("beanie", "headscarf"):
        return "cap", linear(look.clothing) * 0.85 + 0.03
    return "hair", linear(look.hair_colour)


def _add_shell(builder: _Builder, person: Head, shell: Shell, material: str, rgb: Array) -> Layer:
    normals = _normals(person)[shell.parents]
    first = builder.add(
        len(shell.parents),
        shell.faces,
        material,
        rgb,
        shell.shade,
        person.body[shell.parents].astype(np.float64),
    )
    offset = (normals * shell.thickness[:, None]).astype(np.float32)
    return Layer(first=first, parents=shell.parents, offset=offset)


def build(look: Look) -> FigureMesh:
    """The figure of a person."""
    person, builder = head.build(look), _Builder()
    _add_head(builder, look, person)
    shells = [
        (hair.hair_shell(look), *_head_cover(look)),
        (hair.beard_shell(look), "beard", linear(look.hair_colour)),
    ]
    layers = [_add_shell(builder, person, s, material, rgb) for s, material, rgb in shells if s is not None]
    rigid = []
    for part in (hair.curtain(look), hair.bun(look), glasses(look)):
        if part is not None:
            material, rgb = _part_paint(look, part)
            sway = smoothstep(6.0, 16.0, -part.points[:, 1]) * 0.8
            builder.add(len(part.points), part.faces, material, rgb, part.shade, sway)
            rigid.append(warp(part.points, look.shape))
    return FigureMesh(
        head=person,
        faces=np.concatenate(builder.faces).astype(np.int32),
        uv=np.concatenate(builder.uv).astype(np.float32),
        colour=np.concatenate(builder.colour).astype(np.float32),
        material=np.concatenate(builder.material),
        materials=np.array(list(MATERIALS.values()), dtype=np.float32),
        body=np.concatenate(builder.body).astype(np.float32),
        layers=tuple(layers),
        rigid=np.concatenate([np.zeros((0, 3)), *rigid]).astype(np.float32),
        paint=materials.paint(look),
    )


def place(figure: FigureMesh, points: NDArray[np.float32]) -> NDArray[np.float32]:
    """All vertices [V, 3] of the figure for one frame of the head's vertices (`head.animate`)."""
    out = np.empty((len(figure.body), 3), dtype=np.float32)
    out[: len(points)] = points
    for layer in figure.layers:
        out[layer.first : layer.first + len(layer.parents)] = points[layer.parents] + layer.offset
    if len(figure.rigid):
        out[-len(figure.rigid) :] = figure.rigid
    return out

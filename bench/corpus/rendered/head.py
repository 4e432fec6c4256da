"""The head of a person: template, bone structure and parts in one set of vertices, and its motion.

The vertices are the same for everybody, so 3-D errors can be taken between any two heads. V vertices, T frames.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from privtalk.bench.corpus.performance import Performance
from privtalk.bench.corpus.rendered import expression, face_mesh, parts
from privtalk.bench.corpus.rendered.face_mesh import COLUMNS, EYE_INNER, EYE_OUTER, HEAD_HEIGHT, KEY, vertex
from privtalk.bench.corpus.rendered.identity import warp
from privtalk.bench.corpus.rendered.look import Look
from privtalk.bench.corpus.rendered.parts import HeadPart


def _landmark_vertices() -> NDArray[np.int64]:
    """The 68 iBUG points as grid vertices."""
    jaw = [("lid_lower", 25), ("cheek", 25), ("subnasale", 25), ("lip_upper", 25), ("chin", 25), ("jaw", 23),
           ("jaw", 16), ("jaw", 8)]  # fmt: skip
    ids = [vertex(name, -c) for name, c in jaw] + [vertex("jaw", 0)]
    ids += [vertex(name, c) for name, c in jaw[::-1]]
    ids += [vertex(KEY["brow"] - 0.25, c) for c in (-19, -16, -13, -9, -5, 5, 9, 13, 16, 19)]
    ids += [
        vertex(row, 0)
        for row in (KEY["lid_upper"], KEY["orbit"] - 0.2, KEY["cheek"] - 0.6, KEY["cheek"] + 0.2)
    ]
    ids += [vertex(KEY["subnasale"] - 0.18, c) for c in (-5, -2, 0, 2, 5)]
    for columns in ((-18, -14, -10, -6), (6, 10, 14, 18)):
        outer, first, second, inner = columns
        ids += [vertex("lid_upper", c) for c in (outer, first, second, inner)]
        ids += [vertex("lid_lower", c) for c in (second, first)]
    ids += (
        [vertex("lip_upper", -11)]
        + [vertex("lip_top", c) for c in (-7, -2, 0, 2, 7)]
        + [vertex("lip_upper", 11)]
    )
    ids += [vertex("lip_bottom", c) for c in (7, 3, 0, -3, -7)]
    ids += [vertex("lip_upper", c) for c in (-10, -4, 0, 4, 10)] + [
        vertex("lip_lower", c) for c in (4, 0, -4)
    ]
    return np.array(ids, dtype=np.int64)


def _grid_region(low: str, high: str, columns: int) -> NDArray[np.int64]:
    mesh = face_mesh.template()
    keep = (
        (mesh.row >= KEY[low])
        & (mesh.row <= KEY[high])
        & (np.abs(mesh.column) <= columns)
        & (mesh.depth == 0)
    )
    return np.flatnonzero(keep)


LANDMARK_VERTICES = _landmark_vertices()
"""[68] iBUG order."""
LIP_VERTICES = _grid_region("lip_top", "lip_bottom", face_mesh.MOUTH_OUTER)
"""Vertices of both lips."""
UPPER_FACE_VERTICES = _grid_region("hairline", "subnasale", 24)
"""Forehead, brows, eyes, nose and cheeks."""
EYE_FOREHEAD_VERTICES = _grid_region("hairline", "orbit", 24)
"""Forehead, brows and eyes: what moves freely while a person speaks."""
SKIN_VERTICES = len(face_mesh.template().points)
"""The first vertices of a head are the skin's (`face_mesh.template`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A person's head at rest and what moves it; centimetres."""

    points: NDArray[np.float32]
    """[V, 3]."""
    faces: NDArray[np.int32]
    """[F, 3]."""
    parts: tuple[HeadPart, ...]
    """The pieces after the skin, in order, with warped points."""
    spans: dict[str, tuple[int, int]]
    """Vertices of each part."""
    face_spans: dict[str, tuple[int, int]]
    """Faces of each part; "skin" is the first."""
    fields: NDArray[np.float32]
    """[channels, SKIN_VERTICES, 3]."""
    jaw: NDArray[np.float32]
    lip: NDArray[np.float32]
    eyes: NDArray[np.float32]
    """[2, 4] centre and radius."""
    body: NDArray[np.float32]
    """[V] 0 follows the head .. 1 stays with the body."""


def build(look: Look) -> Head:
    """The head of a person."""
    mesh = face_mesh.template()
    skin = warp(mesh.points, look.shape)
    pieces = tuple(_warped(part, look) for part in _pieces(look))
    points, faces, spans = [skin], [mesh.faces], {"skin": (0, len(skin))}
    face_spans, count, face_count = {"skin": (0, len(mesh.faces))}, len(skin), len(mesh.faces)
    for part in pieces:
        points.append(part.points)
        faces.append(part.faces + np.int32(count))
        spans[part.name] = (count, count + len(part.points))
        face_spans[part.name] = (face_count, face_count + len(part.faces))
        count, face_count = count + len(part.points), face_count + len(part.faces)
    weights = expression.jaw_weights()
    size = 1 + 0.05 * look.shape["eye_size"] * 0.5
    centres = warp(face_mesh.EYE_CENTRE * np.array([[-1, 1, 1], [1, 1, 1]]), look.shape)
    jaw = np.concatenate([weights.jaw, *(np.full(len(p.points), p.jaw) for p in pieces)])
    neck = np.clip((mesh.row - KEY["jaw"] - 0.5) / (KEY["neck_base"] - KEY["jaw"] - 1.0), 0, 1) ** 1.2
    body = np.concatenate([neck, *(np.full(len(p.points), p.body) for p in pieces)])
    return Head(
        points=np.concatenate(points).astype(np.float32),
        faces=np.concatenate(faces).astype(np.int32),
        parts=pieces,
        spans=spans,
        face_spans=face_spans,
        fields=expression.fields(skin).astype(np.float32),
        jaw=jaw.astype(np.float32),
        lip=np.pad(weights.lip, (0, len(jaw) - len(weights.lip))).astype(np.float32),
        eyes=np.column_stack([centres, np.full(2, face_mesh.EYE_RADIUS * size)]).astype(np.float32),
        body=body.astype(np.float32),
    )


def _pieces(look: Look) -> list[HeadPart]:
    collar = {"crew": 0.0, "vee": -0.6, "high": 1.2}[look.neckline]
    inner = [parts.eyeball(-1), parts.eyeball(1), parts.teeth(True), parts.teeth(False), parts.tongue()]
    return [*inner, parts.cavity(), parts.ear(-1), parts.ear(1), parts.torso(collar)]


def _warped(part: HeadPart, look: Look) -> HeadPart:
    points = warp(part.points, look.shape)
    if part.name in ("eye_right", "eye_left"):
        side = -1 if part.name == "eye_right" else 1
        centre = face_mesh.EYE_CENTRE * np.array([[side, 1, 1]])
        size = 1 + 0.05 * look.shape["eye_size"] * 0.5
        points = warp(centre, look.shape) + (part.points - centre) * size
    if part.name == "torso":
        points = part.points
    return HeadPart(
        name=part.name, points=points, faces=part.faces, shade=part.shade, jaw=part.jaw, body=part.body
    )


def _lid_vertices() -> NDArray[np.int32]:
    """[L, 2] vertices that slide over an eyeball, and which eyeball."""
    mesh = face_mesh.template()
    near = (mesh.row > KEY["crease"] - 0.5) & (mesh.row < KEY["orbit"] - 0.2)
    near &= (
        (np.abs(mesh.column) >= EYE_INNER - 2) & (np.abs(mesh.column) <= EYE_OUTER + 2) & (mesh.depth == 0)
    )
    ids = np.flatnonzero(near)
    return np.stack([ids, mesh.column[ids] > 0], -1).astype(np.int32)


def animate(head: Head, performance: Performance) -> NDArray[np.float32]:
    """[T, V, 3] centimetres, before the head's pose."""
    values = expression.channel_values(performance)
    return move(head, values, performance.gaze.astype(np.float32), performance.articulators[:, 5])


def move(
    head: Head, values: NDArray[np.float32], gaze: NDArray[np.float32], tongue: NDArray[np.floating]
) -> NDArray[np.float32]:
    """[T, V, 3] centimetres, before the head's pose.

    values: [T, 3 + channels], as `expression.channel_values` returns them, with a number for each of the head's
    fields; gaze: [T, 2]; tongue: [T].
    """
    spans = np.array([head.spans["eye_right"], head.spans["eye_left"]], dtype=np.int64)
    spans[:, 1] -= parts.EYE_RING
    constants = np.array(
        [expression.JAW_ANGLE, *expression.JAW_PIVOT, expression.LID_MARGIN], dtype=np.float32
    )
    lids = _lid_vertices()
    out = np.empty((len(values), len(head.points), 3), dtype=np.float32)
    for t in range(len(values)):
        expression.animate(
            head.points,
            head.fields,
            head.jaw,
            head.lip,
            values[t],
            gaze[t],
            head.eyes,
            spans,
            lids,
            constants,
            out[t],
        )
        _move_tongue(head, float(tongue[t]), out[t])
    return out


def _move_tongue(head: Head, amount: float, out: NDArray[np.float32]) -> None:
    start, stop = head.spans["tongue"]
    out[start:stop] += np.array([0.0, 0.75, 0.95], dtype=np.float32) * np.float32(amount)


def vertices(look: Look, performance: Performance) -> NDArray[np.float32]:
    """[T, V, 3] vertices in head space (no head pose), head heights; x right, y up, z out of the face."""
    return animate(build(look), performance) / np.float32(HEAD_HEIGHT)


__all__ = ["COLUMNS", "EYE_FOREHEAD_VERTICES", "LANDMARK_VERTICES", "LIP_VERTICES", "UPPER_FACE_VERTICES", "Head",
           "animate", "build", "vertices"]  # fmt: skip

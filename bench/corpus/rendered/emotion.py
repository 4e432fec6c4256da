"""Emotions: displacement fields of the face beyond speech, and how a feeling sets them and the voice.

The fields are for meshes alone: a head without them (`head.build`) is what all filmed clips show, byte for byte.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from privtalk.bench.corpus.rendered import face_mesh
from privtalk.bench.corpus.rendered.face_mesh import KEY
from privtalk.bench.corpus.rendered.head import Head
from privtalk.bench.corpus.rendered.relief import Array, gauss, smoothstep
from privtalk.bench.corpus.speech.voices import Voice

FEELINGS = ("smile", "frown", "inner_brow", "brow_squeeze", "squint", "widen")
"""The emotional fields, 0 at rest, 1 strong: mouth corners up, and down; inner ends of the brows up; brows together
and down; lower lids up; upper lids up."""


class Expression(NamedTuple):
    """A feeling at full strength, on the face and in the voice."""

    face: Mapping[str, float]
    """Field of `FEELINGS` -> amount; `brow` raises both brows as speech does."""
    articulation: float
    """Factor on how far the mouth opens and spreads."""
    pitch: float
    """Added to espeak's pitch (0..99)."""
    pitch_range: float
    """Added to espeak's pitch range (0..99)."""
    rate: float
    """Factor on words a minute."""
    decibels: float
    """Added to the loudness."""


NEUTRAL = "neutral"
CALM = Expression({}, 1.0, 0.0, 0.0, 1.0, 0.0)
EXPRESSIONS: Mapping[str, Expression] = {
    NEUTRAL: CALM,
    "happy": Expression({"smile": 1.0, "squint": 0.6, "brow": 0.15}, 1.12, 10, 22, 1.08, 2.0),
    "sad": Expression({"frown": 0.8, "inner_brow": 1.0}, 0.78, -10, -22, 0.84, -5.0),
    "angry": Expression({"brow_squeeze": 1.0, "squint": 0.4, "frown": 0.4}, 1.2, 3, 16, 1.14, 5.0),
    "surprised": Expression({"widen": 1.0, "brow": 0.9}, 1.05, 18, 28, 0.98, 1.0),
    "afraid": Expression({"inner_brow": 0.8, "widen": 0.7}, 0.9, 20, -14, 1.22, -2.0),
    "disgusted": Expression({"brow_squeeze": 0.6, "squint": 0.8, "frown": 0.7}, 0.9, -6, -10, 0.9, 1.0),
}
"""Neutral and six emotions."""
EMOTIONS = tuple(EXPRESSIONS)
STRENGTH = (0.0, 0.55, 1.0)
"""Strength at levels 0, 1 (weak), 2 (strong)."""


def emotion_fields(points: Array) -> Array:
    """Returns the displacement fields [6, V, 3] of the template's vertices at a person's `points` [V, 3], centimetres.

    They move the skin's front: corners of the mouth and cheeks, brows, lids.
    """
    mesh = face_mesh.template()
    out = np.zeros((len(FEELINGS), len(mesh.points), 3))
    x, y, z = mesh.points.T
    side = np.tanh(x / 0.6)
    front = smoothstep(1.0, 4.0, z)
    corner = gauss(np.hypot((np.abs(x) - 2.5) / 1.0, (y + 4.4) / 0.9), 1.0) * front
    cheek = gauss(np.hypot((np.abs(x) - 3.6) / 1.3, (y + 1.2) / 1.2), 1.0) * front
    inner = gauss(np.hypot((np.abs(x) - 1.5) / 1.0, (y - 4.0) / 1.1), 1.0) * front
    brow = gauss(np.hypot((np.abs(x) - 2.4) / 1.7, (y - 3.9) / 0.9), 1.0) * front
    out[0] = np.stack([0.26 * side * corner, 0.54 * corner + 0.2 * cheek, 0.14 * cheek - 0.16 * corner], -1)
    out[1] = np.stack([0.06 * side * corner, -0.48 * corner, -0.05 * corner], -1)
    out[2, :, 1] = 0.62 * inner
    out[3] = np.stack([-0.22 * side * brow, -0.42 * brow, 0.06 * inner], -1)
    out[4, :, 1] = 0.18 * _lower_lid(mesh, points)
    out[5, :, 1] = 0.2 * _upper_lid(mesh)
    return out


def _eye_columns(mesh: face_mesh.FaceMesh) -> Array:
    """[V] 1 in the middle of an eye, 0 at its corners and beyond."""
    inner, outer = face_mesh.EYE_INNER, face_mesh.EYE_OUTER
    share = (np.abs(mesh.column) - inner) / (outer - inner)
    return np.sin(np.pi * np.clip(share, 0, 1))


def _lower_lid(mesh: face_mesh.FaceMesh, points: Array) -> Array:
    below = (mesh.row > KEY["lid_upper"] + 0.5) & (mesh.row < KEY["cheek"])
    rise = np.clip((KEY["cheek"] - mesh.row) / (KEY["cheek"] - KEY["lid_lower"]), 0, 1)
    return np.asarray(_eye_columns(mesh) * rise * below)


def _upper_lid(mesh: face_mesh.FaceMesh) -> Array:
    above = (mesh.row > KEY["crease"] - 0.5) & (mesh.row < KEY["lid_upper"] + 0.5)
    rise = np.clip((mesh.row - KEY["crease"] + 0.5) / 1.5, 0, 1)
    return np.asarray(_eye_columns(mesh) * rise * above)


def with_feelings(head: Head) -> Head:
    """Returns a head with the emotional fields after its own."""
    skin = head.points[: head.fields.shape[1]].astype(np.float64)
    more = emotion_fields(skin).astype(np.float32)
    return replace(head, fields=np.concatenate([head.fields, more]))


@dataclass(frozen=True, slots=True)
class Mood:
    """A feeling at a strength, as one person shows it."""

    emotion: str = NEUTRAL
    level: int = 0
    expressiveness: float = 1.0
    """The person's factor on the face; the voice's strength is the level's."""

    @property
    def strength(self) -> float:
        """The strength in the voice."""
        return STRENGTH[self.level]

    @property
    def articulation(self) -> float:
        """Factor on how far the mouth opens and spreads."""
        return 1 + (EXPRESSIONS[self.emotion].articulation - 1) * self.strength

    @property
    def decibels(self) -> float:
        """Added to the loudness."""
        return EXPRESSIONS[self.emotion].decibels * self.strength

    @property
    def brow(self) -> float:
        """Added to the height of both brows."""
        return EXPRESSIONS[self.emotion].face.get("brow", 0.0) * self.strength * self.expressiveness

    def feelings(self) -> NDArray[np.float32]:
        """Returns the amounts of `FEELINGS` [6].

        >>> [round(float(amount), 2) for amount in Mood("happy", 2, 0.5).feelings()]
        [0.5, 0.0, 0.0, 0.0, 0.3, 0.0]
        """
        face = EXPRESSIONS[self.emotion].face
        amounts = [face.get(name, 0.0) * self.strength * self.expressiveness for name in FEELINGS]
        return np.array(amounts, dtype=np.float32)

    def voice(self, own: Voice) -> Voice:
        """Returns a person's voice in this mood."""
        way, s = EXPRESSIONS[self.emotion], self.strength
        return replace(
            own,
            pitch=round(min(max(own.pitch + way.pitch * s, 0), 99)),
            pitch_range=round(min(max(own.pitch_range + way.pitch_range * s, 0), 99)),
            rate=round(min(max(own.rate * (1 + (way.rate - 1) * s), 80), 400)),
        )

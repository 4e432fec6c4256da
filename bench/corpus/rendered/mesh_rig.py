"""The embedded head as a rig of motion codes: exact vertices of any code, on any embedded person's face."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray

from privtalk.bench.corpus.performance import Performance
from privtalk.bench.corpus.population import ROLES, Role, identity_name
from privtalk.bench.corpus.rendered import expression, head
from privtalk.bench.corpus.rendered.embedded import character
from privtalk.bench.corpus.rendered.emotion import FEELINGS, Mood, with_feelings
from privtalk.bench.corpus.rendered.face_mesh import HEAD_HEIGHT, vertex

SPEECH = ("jaw", "closing", "follow", *expression.CHANNELS)
CHANNELS = (*SPEECH, *FEELINGS, "gaze_x", "gaze_y")
"""The motion code: what `expression.channel_values` gives, the feelings, and the gaze."""
TONGUE = CHANNELS.index("tongue")
GAZE = len(SPEECH) + len(FEELINGS)
PROBE = 0.25
"""The step of the finite differences that linearise the rig."""

CONTACTS = np.array(
    [(vertex("lip_upper", column), vertex("lip_lower", column)) for column in range(-4, 5)], dtype=np.intp
)
"""Pairs of vertices in the middle of the lips' edges."""


def codes_of(performance: Performance, mood: Mood) -> NDArray[np.float32]:
    """Returns the motion codes [T, 21] of a performance in a mood."""
    speech = expression.channel_values(performance)
    feelings = np.broadcast_to(mood.feelings(), (len(performance), len(FEELINGS)))
    return np.concatenate([speech, feelings, performance.gaze], axis=1).astype(np.float32)


@dataclass(frozen=True, slots=True)
class EmbeddedRig:
    """The rig of all embedded people of a corpus seed."""

    seed: int
    channels = CHANNELS
    unit = "head height"
    millimetres = HEAD_HEIGHT * 10
    lips = head.LIP_VERTICES
    upper = head.UPPER_FACE_VERTICES
    eyes = head.EYE_FOREHEAD_VERTICES
    contacts = CONTACTS

    def template(self, identity: str) -> NDArray[np.float32]:
        """Returns a person's skin [V, 3] at rest, head heights."""
        return self.vertices(np.zeros((1, len(CHANNELS)), np.float32), identity)[0]

    def vertices(self, codes: NDArray[np.float32], identity: str) -> NDArray[np.float32]:
        """Returns a person's skin [T, V, 3] of codes [T, 21], head heights: exact, with the turn of the jaw and lids
        that slide over the eyes.
        """
        return self.whole(codes, identity)[:, : head.SKIN_VERTICES] / np.float32(HEAD_HEIGHT)

    def whole(self, codes: NDArray[np.float32], identity: str) -> NDArray[np.float32]:
        """Returns all vertices of a person's head [T, V, 3], eyes and teeth among them, centimetres."""
        values = np.ascontiguousarray(codes[:, :GAZE], dtype=np.float32)
        gaze = np.ascontiguousarray(codes[:, GAZE:], dtype=np.float32)
        return head.move(felt_head(self.seed, identity), values, gaze, values[:, TONGUE])

    def basis(self) -> NDArray[np.float32]:
        """Returns the displacements [21, V, 3] of one unit of each channel about rest, on the first client's face."""
        return _linearised(self.seed)


@lru_cache(maxsize=64)
def felt_head(seed: int, identity: str) -> head.Head:
    """The head of a person, with the emotional fields."""
    role, index = role_of(identity)
    return with_feelings(head.build(character(seed, role, index).look))


def role_of(identity: str) -> tuple[Role, int]:
    """Returns the role and the number in a name such as `clients-00003`.

    >>> role_of("heldout-0012")
    ('heldout', 12)
    """
    role, _, number = identity.rpartition("-")
    assert role in ROLES
    return role, int(number)


@cache
def _linearised(seed: int) -> NDArray[np.float32]:
    rig = EmbeddedRig(seed)
    steps = np.concatenate([np.eye(len(CHANNELS)), -np.eye(len(CHANNELS))]).astype(np.float32) * PROBE
    moved = rig.vertices(steps, identity_name("clients", 0))
    up, down = moved[: len(CHANNELS)], moved[len(CHANNELS) :]
    return np.asarray((up - down) / (2 * PROBE), dtype=np.float32)

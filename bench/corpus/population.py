"""Who is in a corpus: people in disjoint roles, and the clips each of them is known by.

A person's clips have one of three purposes, with no utterance in two of them:

- `train`: what the person's device trains on; frame 0 of the first is the enrolment portrait;
- `test`: unseen utterances of a client, on which personalised generation is scored;
- `fresh`: what a membership attacker holds about a person, client or not; never trained on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, get_args

from privtalk.bench.corpus.clip import Clip

EMBEDDED_VERSION = 1
"""Raise it whenever the embedded corpus's speech, motion, looks or rendering change: caches and cell ids hash it."""

Role = Literal["public", "clients", "heldout", "shadow"]
"""Pre-training and evaluators; members; non-members; people of the clients' world who are the attackers' own."""

Purpose = Literal["train", "test", "fresh"]

ROLES: tuple[Role, ...] = get_args(Role)
PURPOSES: tuple[Purpose, ...] = get_args(Purpose)


class Population(Protocol):
    """Identities by role; their clips are read when asked for."""

    def people(self, role: Role) -> Sequence[Person]:
        """Everybody in a role, in a fixed order."""

    def clips(self, person: Person, purpose: Purpose) -> tuple[Clip, ...]:
        """A person's clips of one purpose, all of one length; empty where the corpus has none."""

    def groups(self) -> Sequence[FootageGroup]:
        """All footage, in portions that are worked on together."""


@dataclass(frozen=True, slots=True)
class FootageGroup:
    """The footage of one purpose of some people."""

    origin: str
    """Hash of everything that determines the clips, beside `name`."""
    name: str
    people: tuple[Person, ...]
    purpose: Purpose


@dataclass(frozen=True, slots=True)
class Person:
    """One identity of a population."""

    name: str
    """Unique over all roles."""
    role: Role
    index: int
    """Position in the role."""
    attributes: Mapping[str, str] = field(default_factory=dict, compare=False)
    """The attributes that splits and strata use (accent, pitch, glasses ...)."""


def identity_name(role: Role, index: int) -> str:
    """
    >>> identity_name("heldout", 7)
    'heldout-00007'
    """
    return f"{role}-{index:05d}"


def check_disjoint(groups: Mapping[Role, Iterable[Person]]) -> None:
    """Raises `ValueError` where one identity plays two roles."""
    seen: dict[str, Role] = {}
    for role, people in groups.items():
        for person in people:
            if other := seen.get(person.name):
                raise ValueError(
                    f"identity {person.name} is in {other} and in {role}; roles must not overlap"
                )
            seen[person.name] = role

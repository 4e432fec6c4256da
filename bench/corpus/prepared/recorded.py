"""A population of prepared real videos (`bench data prepare`), in the roles and purposes of the embedded one.

Every identity's segments are cut into windows that do not overlap, dealt in turn to train, test and fresh. Roles are
drawn by a named stream, so whoever trains differs from whoever does not by chance alone; but people whom an official
split holds out are held out before anybody else and never train, and public people (`provenance`) play no other role.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path

from privtalk.bench.corpus import windows
from privtalk.bench.corpus.clip import Clip
from privtalk.bench.corpus.population import FootageGroup, Person, Purpose, Role
from privtalk.bench.corpus.prepared.archive import repeats
from privtalk.bench.corpus.prepared.provenance import roles_of
from privtalk.bench.corpus.prepared.store import (
    ClipEntry,
    Index,
    PersonRole,
    StoreError,
    load_listed,
    read_indices,
)
from privtalk.bench.corpus.spec import CorpusSpec
from privtalk.bench.corpus.windows import Deal, cut, grouped, shortage
from privtalk.core.cache import content_hash
from privtalk.core.errors import UserError
from privtalk.core.seeds import numpy_stream

APART: Mapping[PersonRole, str] = {
    "heldout": "of the official test, who never train",
    "public": "public beside these, for pre-training",
}
PREFIX = "recorded-"
"""The prefix of the names of prepared corpora; the hash of what they hold follows."""


@dataclass(frozen=True)
class RecordedPopulation:
    """`population.Population` of a prepared folder."""

    folder: Path
    spec: CorpusSpec

    def people(self, role: Role) -> tuple[Person, ...]:
        return self._roles[role]

    def clips(self, person: Person, purpose: Purpose) -> tuple[Clip, ...]:
        identity = self._identities[person.name]
        clips = (
            cut(
                _loaded(identity.folder / w.file, person.name, identity.index.clips[w.file]),
                w,
                self.spec.size,
            )
            for w in deal(identity.index, self.spec).get(purpose, ())
        )
        told = identity.index.attributes
        return tuple(
            replace(clip, attributes={**told, **clip.attributes}) if told else clip for clip in clips
        )

    def groups(self) -> list[FootageGroup]:
        return grouped(self.people, self.spec)

    def census(self) -> Mapping[str, RecordedIdentity]:
        """Everybody who is there, with or without a role."""
        return self._identities

    @cached_property
    def _identities(self) -> dict[str, RecordedIdentity]:
        return identities(self.folder)

    @cached_property
    def _roles(self) -> dict[Role, tuple[Person, ...]]:
        usable = [name for name, found in self._identities.items() if suffices(found.index, self.spec)]
        order = [usable[i] for i in numpy_stream(self.spec.seed, "corpus", "roles").permutation(len(usable))]
        parts = cast_roles(order, {name: self._identities[name].role for name in order}, self.spec)
        return {
            role: tuple(
                Person(name, role, k, self._identities[name].index.attributes) for k, name in enumerate(names)
            )
            for role, names in parts.items()
        }


def cast_roles(
    order: Sequence[str], roles: Mapping[str, PersonRole], spec: CorpusSpec
) -> dict[Role, list[str]]:
    """Returns who plays which role, from people in the order of a draw and their roles by split and dealing.

    Those of an official test are held out first; others fill up what `spec` counts. The rest of them play no role.

    >>> spec = CorpusSpec.model_validate({"clients": 2, "heldout": 2, "tested": 2, "attacked": 2,
    ...     **{purpose: {"clips": 1, "frames": 2} for purpose in ("train", "test", "fresh")}})
    >>> cast_roles("abcdef", {"d": "heldout", "e": "heldout", "f": "heldout", "a": "public"}, spec)
    {'public': ['a'], 'clients': ['b', 'c'], 'heldout': ['d', 'e'], 'shadow': []}
    """
    free = [name for name in order if not roles.get(name)]
    official = [name for name in order if roles.get(name) == "heldout"][: spec.heldout]
    lacking = spec.heldout - len(official)
    others = free[spec.clients :]
    return {
        "public": [name for name in order if roles.get(name) == "public"],
        "clients": free[: spec.clients],
        "heldout": official + others[:lacking],
        "shadow": others[lacking:][: spec.shadows],
    }


@dataclass(frozen=True, slots=True)
class RecordedIdentity:
    """A person of a prepared folder."""

    folder: Path
    index: Index
    role: PersonRole = ""
    """By the official split, or dealt."""


@dataclass(frozen=True, slots=True)
class Survey:
    """The people that a folder offers a corpus of some footage."""

    digest: str
    clients: int
    heldout: int
    shadows: int
    refused: Mapping[str, str] = field(default_factory=dict)
    """Identity -> reason."""


def survey(folder: Path, spec: CorpusSpec) -> Survey:
    """Roles that a prepared folder can fill, at most as many people as `spec` asks for.

    A quarter of the people who are not public, at least two, are held out, those of an official test first, and a fifth
    of the others are the attackers' own where that leaves them two. Raises `ValueError` below four usable people.
    """
    found = identities(folder)
    refused = {n: shortage(lengths(i.index), spec) for n, i in found.items() if not suffices(i.index, spec)}
    counts = Counter(identity.role for name, identity in found.items() if name not in refused)
    usable = counts[""] + counts["heldout"]
    heldout = min(spec.heldout, max(2, usable // 4))
    others = counts[""] - max(0, heldout - counts["heldout"])
    if usable < 4 or others < 2:
        raise ValueError(_too_few(folder, counts, refused))
    spare = others // 5
    shadows = min(spec.shadows, spare) if spare >= 2 else 0
    return Survey(digest(found), min(spec.clients, others - shadows), heldout, shadows, refused)


def _too_few(folder: Path, counts: Mapping[PersonRole, int], refused: Mapping[str, str]) -> str:
    apart = [f"{counts[role]} are {said}" for role, said in APART.items() if counts[role]]
    lacking = "; ".join(f"{name}: {reason}" for name, reason in refused.items())
    return (
        f"{folder}: {counts[''] + counts['heldout']} people with enough footage"
        + (f" ({', '.join(apart)})" if apart else "")
        + ", at least 4 are needed (2 who train, 2 who do not)"
        + (f"; {lacking}" if lacking else "")
    )


def identities(folder: Path) -> dict[str, RecordedIdentity]:
    """Everybody in a prepared folder by name, in the order of the folders."""
    indices = read_indices(folder)
    roles = roles_of(folder, {index.identity: index for index in indices.values()})
    found = {
        index.identity: RecordedIdentity(place, index, roles[index.identity])
        for place, index in indices.items()
    }
    if not found:
        raise ValueError(
            f"{folder}: no prepared clips there; make them with: bench data prepare VIDEOS -o {folder}"
        )
    return found


def digest(found: Mapping[str, RecordedIdentity]) -> str:
    """Hash of who is in a folder and of all clips, and of people's roles and attributes where there are any."""
    clips = {n: {c: e.sha256 for c, e in i.index.clips.items()} for n, i in found.items()}
    told = {n: [i.role, i.index.attributes] for n, i in found.items() if i.role or i.index.attributes}
    return content_hash({"clips": clips, "people": told} if told else clips)


def check_distinct(folder: Path, spec: CorpusSpec) -> None:
    """Raise where people who can play a role have pictures twice, so that a member would be a non-member too.

    Finds damaged and missing clips on the way. What was cut at other places or encoded anew is not found.
    """
    found = [i for i in identities(folder).values() if suffices(i.index, spec)]
    paths = {i.folder / c: i for i in found for c in i.index.clips}
    damaged: list[StoreError] = []
    groups = repeats(paths, damaged.append)
    if damaged:
        raise UserError(f"{damaged[0]}; run bench data prepare again, which mends it")
    for first, second, *_ in groups:
        whose = {paths[first].index.identity, paths[second].index.identity}
        harm = "a member and a non-member" if len(whose) > 1 else "trained on and tested on"
        raise UserError(
            f"{first} and {second} show the same pictures, which would be {harm} at once; take one of the two videos "
            "out, delete its clips, and run bench data prepare again"
        )


@lru_cache(maxsize=4)
def open_recorded(folder: Path, spec: CorpusSpec) -> RecordedPopulation:
    """The population of a prepared folder, found to be the one that the settings are of."""
    population = RecordedPopulation(folder, spec)
    check_population(population)
    return population


def check_population(population: RecordedPopulation) -> None:
    """Raise unless the folder still holds what the settings say, and everybody that they count."""
    spec, found = population.spec, population.census()
    if spec.name != f"{PREFIX}{digest(found)}":
        raise UserError(
            f"{population.folder} has changed since the run began; restore it, or name another folder with -o"
        )
    promised: Mapping[Role, int] = {
        "clients": spec.clients,
        "heldout": spec.heldout,
        "shadow": spec.shadows,
    }
    for role, count in promised.items():
        if (there := len(population.people(role))) != count:
            raise UserError(
                f"{population.folder} has {there} people for the role {role}, the settings count {count}; lower "
                "--set corpus.*, or prepare more videos"
            )


def suffices(index: Index, spec: CorpusSpec) -> bool:
    """Whether an identity has the least that every role needs."""
    return windows.suffices(lengths(index), spec)


def deal(index: Index, spec: CorpusSpec) -> Deal:
    """An identity's windows."""
    return windows.deal(lengths(index), spec)


def lengths(index: Index) -> dict[str, int]:
    """File -> frames of an identity's clips."""
    return {name: entry.length for name, entry in index.clips.items()}


@lru_cache(maxsize=4)
def _loaded(path: Path, identity: str, entry: ClipEntry) -> Clip:
    """A prepared clip; its windows are mostly asked for one after another."""
    try:
        return load_listed(path, identity, entry)
    except StoreError as error:
        raise StoreError(f"{error}; run bench data prepare again, which mends it") from error

"""Corpora that people bring: who plays which role, and recordings of them; all else follows.

A recording may be of any length, and of any size as long as its frames are square: windows are cut from it as from
prepared videos (`windows`), and brought to the run's size. The name that a run writes down holds a hash of all that is
read, so that other footage is another corpus, to caches, records and boards alike.
"""

from __future__ import annotations

import hashlib
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

from privtalk.bench.corpus.clip import FPS, Clip
from privtalk.bench.corpus.population import FootageGroup, Person, Purpose, Role
from privtalk.bench.corpus.prepared.names import unnameable
from privtalk.bench.corpus.prepared.store import clip_problem
from privtalk.bench.corpus.spec import EMBEDDED, CorpusSpec
from privtalk.bench.corpus.windows import cut, deal, grouped, shortage, suffices
from privtalk.core.cache import content_hash
from privtalk.core.errors import UserError, unknown

NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
FEWEST = 2
"""People who train, and who do not, at least."""
NARROWEST = 4.0
"""Pixels that a face's landmarks span, at least: shares of a frame span less."""
LOUDEST = 2.0
"""Magnitude from which samples are taken for those of another scale."""
ROLES_TO_FILL: tuple[Role, ...] = ("clients", "heldout", "shadow")


class Recording(NamedTuple):
    """One person, filmed: T frames of S x S pixels."""

    frames: NDArray[np.uint8]
    """[T, S, S, 3] RGB."""
    audio: NDArray[np.floating]
    """[round(T · 16000 / fps)] mono at 16 kHz, -1..1."""
    landmarks: NDArray[np.floating]
    """[T, 68, 2] iBUG points (x, y) in pixels of these frames."""
    fps: float = FPS


class Corpus(ABC):
    """A corpus that somebody brings. Asked again, it gives the same people and recordings."""

    name: ClassVar[str]
    """Small letters, digits and _."""
    about: ClassVar[str]
    """A line about it."""

    @abstractmethod
    def people(self) -> Mapping[Role, Sequence[str]]:
        """Returns the people of each role, nobody in two: `clients` train, `heldout` do not, `shadow` (if any) are the
        attackers' own. A run takes the first of each, as many as its settings say.
        """

    @abstractmethod
    def recordings(self, person: str) -> Iterable[Recording]:
        """Returns a person's recordings, none of which shows what another does."""

    def attributes(self, person: str) -> Mapping[str, str]:
        """Returns what splits and strata may use of a person, the same keys for everybody."""
        return {}


# ---- corpora by name


CORPORA: dict[str, Corpus] = {}


def register(found: object) -> str:
    """Enters a corpus, or its class; returns its name. `ValueError` in one line where it is none."""
    corpus = found() if isinstance(found, type) and issubclass(found, Corpus) else found
    if not isinstance(corpus, Corpus):
        shown = getattr(found, "__name__", type(found).__name__)
        raise ValueError(f"{shown} is no corpus; make it a subclass of privtalk.bench.corpus.brought.Corpus")
    kind = type(corpus)
    for said in ("name", "about"):
        if not isinstance(getattr(corpus, said, None), str) or not getattr(corpus, said).strip():
            raise ValueError(f'corpus {kind.__name__}: it has no {said}; write {said} = "..."')
    if not NAME.fullmatch(corpus.name):
        raise ValueError(f"corpus {corpus.name!r}: a name is small letters, digits and _; write it so")
    held = CORPORA.get(corpus.name)
    if corpus.name == EMBEDDED or not (held is None or held is corpus or type(held) is kind):
        raise ValueError(f"corpus {corpus.name!r} is there already; give it another name")
    CORPORA[corpus.name] = held or corpus
    return corpus.name


def forget(name: str) -> None:
    """Takes out a corpus that was entered, so that its name is free again."""
    del CORPORA[name]


def names() -> list[str]:
    """Returns the names of the corpora that people brought."""
    return list(CORPORA)


def find(name: str) -> Corpus:
    """Returns a corpus by its name."""
    if name not in CORPORA:
        raise unknown("corpus", name, names())
    return CORPORA[name]


# ---- its population


@dataclass(frozen=True, slots=True)
class BroughtPopulation:
    """`population.Population` of a corpus that somebody brought."""

    name: str
    spec: CorpusSpec

    def people(self, role: Role) -> tuple[Person, ...]:
        return _cast(find(self.name), self.spec).get(role, ())

    def clips(self, person: Person, purpose: Purpose) -> tuple[Clip, ...]:
        held = _held(find(self.name), person.name)
        return tuple(
            cut(held[window.file], window, self.spec.size)
            for window in deal(_lengths(held), self.spec)[purpose]
        )

    def groups(self) -> list[FootageGroup]:
        return grouped(self.people, self.spec)


def settings(name: str, spec: CorpusSpec) -> dict[str, Any]:
    """The corpus settings that a corpus determines: its name, with a hash of all that a run will read, and as many
    people as it has. Reads and checks all of it.

    Raises a `UserError`, which names the corpus, the person and the rule, for recordings that do not keep to
    `Recording`, for too little footage, for pictures that stand twice, and for recordings that change when they are
    asked for again.
    """
    corpus = find(name)
    cast = _cast(corpus, spec)
    hashes: dict[str, dict[str, str]] = {}
    for person in (person for people in cast.values() for person in people):
        held = _held(corpus, person.name)
        if not suffices(_lengths(held), spec):
            _refuse(
                corpus,
                f"{person.name} has {shortage(_lengths(held), spec)}; leave them out of people(), "
                "or lower corpus.train.frames and its like",
            )
        hashes[person.name] = {file: _hash(clip) for file, clip in held.items()}
    _check_distinct(corpus, hashes)
    first = next(iter(hashes))
    _held.cache_clear()
    if {file: _hash(clip) for file, clip in _held(corpus, first).items()} != hashes[first]:
        _refuse(corpus, f"{first} has other recordings when asked again; draw them from a seeded generator")
    digest = content_hash({role: [(p.name, hashes[p.name]) for p in people] for role, people in cast.items()})
    clients = len(cast["clients"])
    return {
        "name": f"{name}-{digest}",
        "version": 0,
        "size": spec.size,
        "camera": "studio",
        "clients": clients,
        "heldout": len(cast["heldout"]),
        "shadows": len(cast["shadow"]),
        "tested": min(spec.tested, clients),
        "attacked": min(spec.attacked, clients),
    }


def _cast(corpus: Corpus, spec: CorpusSpec) -> dict[Role, tuple[Person, ...]]:
    """Who plays which role in a run: the first of each."""
    listed = _listed(corpus)
    counts: Mapping[Role, int] = {"clients": spec.clients, "heldout": spec.heldout, "shadow": spec.shadows}
    for role in ("clients", "heldout"):
        if len(listed[role]) < FEWEST:
            _refuse(corpus, f"people() has {len(listed[role])} for {role!r}; a run needs {FEWEST} at least")
    return {
        role: tuple(
            Person(name, role, index, _attributes(corpus, name))
            for index, name in enumerate(listed[role][:count])
        )
        for role, count in counts.items()
    }


@lru_cache(maxsize=4)
def _listed(corpus: Corpus) -> dict[Role, tuple[str, ...]]:
    """Everybody, by role; nobody in two."""
    found = _asked(corpus, "people()", corpus.people)
    if not isinstance(found, Mapping) or not set(found) <= set(ROLES_TO_FILL):
        _refuse(corpus, f"people() is no mapping of {', '.join(ROLES_TO_FILL)} to names; return one")
    listed = {role: tuple(found.get(role, ())) for role in ROLES_TO_FILL}
    seen: dict[str, Role] = {}
    for role, people in listed.items():
        for person in people:
            if not isinstance(person, str) or unnameable(person):
                _refuse(corpus, f"{person!a} is no name; write letters, digits, - and _")
            if person in seen:
                _refuse(
                    corpus, f"{person} is in {seen[person]!r} and in {role!r}; a person plays one role, once"
                )
            seen[person] = role
    return listed


def _attributes(corpus: Corpus, person: str) -> dict[str, str]:
    found = _asked(corpus, person, corpus.attributes, person)
    return {str(key): str(value) for key, value in dict(found).items()}


@lru_cache(maxsize=4)
def _held(corpus: Corpus, person: str) -> dict[str, Clip]:
    """A person's recordings, checked, by their numbers; windows of one are mostly asked for one after another."""
    found = _asked(corpus, person, lambda: list(corpus.recordings(person)))
    return {f"{number:05d}": _clip(corpus, person, number, one) for number, one in enumerate(found)}


def _clip(corpus: Corpus, person: str, number: int, recording: object) -> Clip:
    what = f"{person}, recording {number}"
    if not isinstance(recording, Recording):
        _refuse(corpus, f"{what} is {type(recording).__name__!r}; give a Recording(frames, audio, landmarks)")
    parts: tuple[Any, ...] = tuple(map(np.asarray, recording[:3]))
    frames, audio, points = parts
    clip = Clip(
        frames=frames,
        audio=audio.astype(np.float32) if audio.dtype.kind == "f" else audio,
        landmarks=points.astype(np.float32) if points.dtype.kind in "fiu" else points,
        fps=float(recording.fps),
        identity=person,
        utterance=f"{number:05d}",
        attributes=_attributes(corpus, person),
    )
    if problem := clip_problem(clip):
        _refuse(corpus, f"{what}: {problem}")
    if np.ptp(clip.landmarks, axis=1).max() < NARROWEST:
        _refuse(corpus, f"{what}: the landmarks span less than {NARROWEST:g} pixels; give pixels, not shares")
    if np.abs(clip.audio).max(initial=0) > LOUDEST:
        _refuse(corpus, f"{what}: the audio reaches {np.abs(clip.audio).max():g}; samples lie within -1..1")
    return clip


def _asked(corpus: Corpus, what: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """Returns what the corpus says; an error of its own is told in a line."""
    try:
        return function(*arguments)
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            f"corpus {corpus.name}: {what}: {type(error).__name__}: {' '.join(str(error).split())}"
        ) from error


def _check_distinct(corpus: Corpus, hashes: Mapping[str, Mapping[str, str]]) -> None:
    """Raises where pictures stand twice: a member would be a non-member too, or trained on and tested on."""
    seen: dict[str, str] = {}
    for person, files in hashes.items():
        for file, digest in files.items():
            what = f"{person}, recording {int(file)}"
            if digest in seen:
                _refuse(corpus, f"{seen[digest]} and {what} are the same; leave one of them out")
            seen[digest] = what


def _lengths(held: Mapping[str, Clip]) -> dict[str, int]:
    return {file: clip.length for file, clip in held.items()}


def _hash(clip: Clip) -> str:
    digest = hashlib.sha256(f"{clip.frames.shape} {clip.fps!r} {sorted(clip.attributes.items())}".encode())
    for part in (clip.frames, clip.audio, clip.landmarks):
        digest.update(np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()


def _refuse(corpus: Corpus, fault: str) -> NoReturn:
    raise UserError(f"corpus {corpus.name}: {fault}")

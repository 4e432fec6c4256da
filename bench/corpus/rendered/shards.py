"""The embedded population on disk: people packed by the dozen into cached, verified files.

A file holds the clips of one purpose of up to `SHARD` consecutive people. Its name says which, and its folder is the
hash of what else determines the bytes, so presets that agree on it share their people.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from numpy.typing import NDArray

from privtalk.bench.corpus.clip import Clip, pack, unpack
from privtalk.bench.corpus.population import (
    EMBEDDED_VERSION,
    FootageGroup,
    Person,
    Population,
    Purpose,
    Role,
    identity_name,
)
from privtalk.bench.corpus.rendered.sensor import SENSORS, told
from privtalk.bench.corpus.spec import CameraName, CorpusSpec
from privtalk.bench.execution.task import Job, Report
from privtalk.core.cache import (
    cache_folder,
    content_hash,
    read_metadata,
    read_tensors,
    verified,
    write_tensors,
)

FRAME_BYTES = 3400
"""Bytes of a frame's sound, landmarks and truth on disk (measured: 3,300 to 3,600, with the file's own)."""
SHARD = 16
"""People in a file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """One file of clips, and all that determines it."""

    seed: int
    size: int
    role: Role
    purpose: Purpose
    first: int
    people: int
    clips: int
    """Clips a person."""
    frames: int
    """Frames a clip."""
    camera: CameraName = "studio"

    @property
    def origin(self) -> str:
        filmed = {"version": EMBEDDED_VERSION, "seed": self.seed, "size": self.size}
        return content_hash(filmed | told(self.camera))

    @property
    def name(self) -> str:
        return f"{self.role}-{self.purpose}-{self.clips}x{self.frames}-{self.first:05d}+{self.people}"

    @property
    def path(self) -> Path:
        return cache_folder() / "corpus" / self.origin / f"{self.name}.safetensors"


@dataclass(frozen=True, slots=True)
class EmbeddedPopulation:
    """`population.Population` of the embedded corpus. Its files must have been built (see `missing`)."""

    spec: CorpusSpec
    public: int = 0
    """People in the public role, which no suite trains on."""

    def people(self, role: Role) -> tuple[Person, ...]:
        return tuple(_person(self.spec.seed, role, index) for index in range(self._count(role)))

    def clips(self, person: Person, purpose: Purpose) -> tuple[Clip, ...]:
        if person.index >= self.footage(person.role, purpose):
            return ()
        return load_person(self._shard(person.role, purpose, person.index // SHARD * SHARD), person.name)

    def shards(self, role: Role, purpose: Purpose) -> Iterator[Shard]:
        """The files of one role and purpose."""
        for first in range(0, self.footage(role, purpose), SHARD):
            yield self._shard(role, purpose, first)

    def _shard(self, role: Role, purpose: Purpose, first: int) -> Shard:
        """The file that begins with a person's number."""
        footage = self.spec.footage(purpose)
        return Shard(
            seed=self.spec.seed,
            size=self.spec.size,
            role=role,
            purpose=purpose,
            first=first,
            people=min(SHARD, self.footage(role, purpose) - first),
            clips=footage.clips,
            frames=footage.frames,
            camera="studio" if role == "public" else self.spec.camera,
        )

    def groups(self) -> list[FootageGroup]:
        files = self.files()
        everybody = {role: self.people(role) for role in dict.fromkeys(shard.role for shard in files)}
        return [
            FootageGroup(
                shard.origin,
                shard.name,
                everybody[shard.role][shard.first : shard.first + shard.people],
                shard.purpose,
            )
            for shard in files
        ]

    def footage(self, role: Role, purpose: Purpose) -> int:
        """How many people of a role have clips of a purpose."""
        counts = {
            ("clients", "train"): self.spec.clients,
            ("clients", "test"): self.spec.tested,
            ("clients", "fresh"): self.spec.attacked,
            ("heldout", "train"): self.spec.heldout,
            ("heldout", "fresh"): self.spec.heldout,
            ("shadow", "train"): self.spec.shadows,
            ("shadow", "fresh"): self.spec.shadows,
            ("public", "train"): self.public,
        }
        return counts.get((role, purpose), 0)

    def files(self) -> list[Shard]:
        """Every file of the population."""
        uses: Sequence[tuple[Role, Purpose]] = (
            ("public", "train"),
            ("clients", "train"),
            ("clients", "test"),
            ("clients", "fresh"),
            ("heldout", "train"),
            ("heldout", "fresh"),
            ("shadow", "train"),
            ("shadow", "fresh"),
        )
        return [shard for role, purpose in uses for shard in self.shards(role, purpose)]

    def _count(self, role: Role) -> int:
        counts = {"clients": self.spec.clients, "heldout": self.spec.heldout, "shadow": self.spec.shadows}
        return self.public if role == "public" else counts[role]


def missing(shards: Sequence[Shard]) -> list[Job]:
    """Tasks that make the files that are absent or damaged."""
    return [Job(shard.name, build, (shard,)) for shard in shards if not verified(shard.path)]


def cost(shard: Shard) -> float:
    """Guessed seconds to make a file."""
    return shard.people * shard.clips * (0.03 + shard.frames / 250)


def stored_bytes(shard: Shard) -> float:
    """Returns the bytes that a file takes: frames as they are, a mask for every frame, sound and landmarks."""
    return float(shard.people * shard.clips * shard.frames * (4 * shard.size**2 + FRAME_BYTES))


def lacking_bytes(population: Population) -> float:
    """Returns the bytes of the files that are still to be made; prepared and brought corpora have none."""
    if not isinstance(population, EmbeddedPopulation):
        return 0.0
    files = population.files()
    lacking = {job.key for job in missing(files)}
    return sum(stored_bytes(shard) for shard in files if shard.name in lacking)


def build(report: Report, shard: Shard) -> int:
    """Makes a file; returns its number of frames."""
    from privtalk.bench.corpus.rendered.embedded import character, film_all

    tensors: dict[str, NDArray[Any]] = {}
    notes: dict[str, str] = {}
    for place, index in enumerate(range(shard.first, shard.first + shard.people)):
        report("filming", place, shard.people)
        person = character(shard.seed, shard.role, index)
        clips = film_all(person, shard.purpose, shard.clips, shard.frames, shard.size, SENSORS[shard.camera])
        for number, clip in enumerate(clips):
            arrays, note = pack(clip)
            tensors |= {f"{person.name}/{number:03d}/{name}": array for name, array in arrays.items()}
            notes[f"{person.name}/{number:03d}"] = note
    write_tensors(shard.path, tensors, notes)
    return shard.people * shard.clips * shard.frames


def load(shard: Shard) -> list[Clip]:
    """All clips of a file, person by person. The file must have been built."""
    arrays = read_tensors(shard.path)
    return [
        unpack(
            {key.removeprefix(f"{name}/"): arrays[key] for key in arrays if key.startswith(f"{name}/")}, note
        )
        for name, note in sorted(read_metadata(shard.path).items())
    ]


def load_person(shard: Shard, person: str) -> tuple[Clip, ...]:
    """One person's clips in a file."""
    clips = []
    for number in range(shard.clips):
        name = f"{person}/{number:03d}"
        keys = [key for key in _contents(shard.path).keys if key.startswith(f"{name}/")]
        arrays = read_tensors(shard.path, *keys)
        note = _contents(shard.path).notes[name]
        clips.append(unpack({key.removeprefix(f"{name}/"): array for key, array in arrays.items()}, note))
    return tuple(clips)


class _Contents(NamedTuple):
    keys: tuple[str, ...]
    notes: dict[str, str]


@lru_cache(maxsize=64)
def _contents(path: Path) -> _Contents:
    """A file's table of contents."""
    from safetensors import safe_open

    with safe_open(str(path), framework="numpy") as file:
        return _Contents(tuple(file.keys()), read_metadata(path))


# Room for more people than a run has: a smaller cache is of no use to somebody who asks for all of them in turn.
@lru_cache(maxsize=2**18)
def _person(seed: int, role: Role, index: int) -> Person:
    from privtalk.bench.corpus.rendered.embedded import character

    return Person(identity_name(role, index), role, index, character(seed, role, index).attributes)

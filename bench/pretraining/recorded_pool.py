"""The public people of a prepared corpus, of whom a few are held back to validate on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from privtalk.bench.corpus.clip import Clip
from privtalk.bench.corpus.prepared.recorded import RecordedIdentity, digest, identities
from privtalk.bench.corpus.prepared.store import load_listed
from privtalk.bench.corpus.windows import Window, cut
from privtalk.bench.pretraining.guises import guise
from privtalk.bench.pretraining.pools import Pool, Tell
from privtalk.core.errors import UserError, unknown
from privtalk.core.seeds import numpy_stream

HELD_BACK = 8
"""A part in so many of the public people is held back, one at least."""

SHORTEST = 12
"""Frames that each of a validation person's two clips has at least: about half a second."""

LONGEST = 32
"""Frames that each has at most: what `Pool` films."""


@dataclass(frozen=True)
class RecordedPool:
    """Public people of a prepared folder."""

    folder: Path
    size: int
    """Pixels a side that clips are brought to."""
    trained: tuple[str, ...]
    held_back: tuple[str, ...]
    guises: int = 1
    """Guises in which each person is shown (`guises.guise`); 1: as they are."""
    rehearsed: Pool | None = None
    """Rendered people who are shown beside, so that a network that knew them forgets nothing over a few real ones."""

    def training_clips(self, workers: int, tell: Tell) -> Iterator[Clip]:
        found = identities(self.folder)
        listed = [(name, file) for name in self.trained for file in sorted(found[name].index.clips)]
        for done, (name, file) in enumerate(listed, start=1):
            clip = self._clip(found[name], name, file)
            yield from (guise(clip, number) for number in range(self.guises))
            tell("reading", done, len(listed), None)
        if self.rehearsed is not None:
            yield from self.rehearsed.training_clips(workers, tell)

    def validation_clips(self, workers: int, tell: Tell) -> list[Clip]:
        found = identities(self.folder)
        return [
            cut(self._clip(found[name], name, window.file), window, self.size)
            for name in self.held_back
            for window in two_windows(found[name])
        ]

    def provenance(self) -> dict[str, Any]:
        return {
            "corpus": digest(identities(self.folder)),
            "people": list(self.trained),
            "held_back": list(self.held_back),
            "guises": self.guises,
            "rehearsed": None if self.rehearsed is None else self.rehearsed.model_dump(),
        }

    def _clip(self, identity: RecordedIdentity, name: str, file: str) -> Clip:
        entry = identity.index.clips[file]
        clip = load_listed(identity.folder / file, name, entry)
        return cut(clip, Window(file, 0, clip.length), self.size)


def two_windows(identity: RecordedIdentity) -> tuple[Window, Window]:
    """Returns where the portrait is taken from, and what is spoken: starts of two clips, or both ends of one."""
    lengths = {name: entry.length for name, entry in sorted(identity.index.clips.items())}
    if len(lengths) > 1:
        first, second = sorted(lengths, key=lambda name: (-lengths[name], name))[:2]
        return Window(first, 0, min(LONGEST, lengths[first])), Window(
            second, 0, min(LONGEST, lengths[second])
        )
    (name,) = lengths
    half = min(LONGEST, lengths[name] // 2)
    return Window(name, 0, half), Window(name, lengths[name] - half, half)


def open_pool(folder: Path, size: int, public: Sequence[str], held_back: Sequence[str] = ()) -> RecordedPool:
    """Returns the pool of a prepared folder's public people.

    Of `public` a part in eight, drawn by a named stream, is held back to validate on, unless `held_back` names them.
    Raises a `UserError` where a name is not in the folder, nobody is left to train on, or somebody who validates has
    too little footage.
    """
    found = identities(folder)
    for name in (*public, *held_back):
        if name not in found:
            raise unknown("identity", name, list(found))
    chosen = tuple(dict.fromkeys(held_back)) or _drawn(sorted(public))
    trained = tuple(name for name in sorted(public) if name not in chosen)
    if not trained or not chosen:
        raise UserError(
            f"{folder}: {len(public)} public people; pre-training needs 2, one of them to validate on: deal some with "
            "bench data prepare SRC -o DST --public N, or validate on somebody else with --hold-back NAME"
        )
    for name in chosen:
        if min(window.frames for window in two_windows(found[name])) < SHORTEST:
            raise UserError(
                f"{folder}: {name} has less than {2 * SHORTEST} frames to validate on; hold somebody else back"
            )
    smallest = min(entry.size for name in (*trained, *chosen) for entry in found[name].index.clips.values())
    if smallest < size:
        raise UserError(
            f"{folder}: clips are {smallest} pixels a side, --size {size} asks for more; prepare them at that size"
        )
    return RecordedPool(folder, size, trained, chosen)


def _drawn(public: Sequence[str]) -> tuple[str, ...]:
    order = numpy_stream(0, "pretrain", "held back").permutation(len(public))
    return tuple(sorted(public[i] for i in order[: max(1, len(public) // HELD_BACK)]))

"""The books of a folder of prepared clips: ``prepare.json`` for all videos, an index for each identity."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable
from pathlib import Path

from privtalk.bench.corpus import store
from privtalk.bench.corpus.summary import SUMMARY, Outcome, Summary, read_summary
from privtalk.bench.records import write_atomic


class Ledger:
    """What became of every video that went into `dst`; what it says is what counts there."""

    def __init__(self, dst: Path) -> None:
        self.dst = dst
        known = read_summary(dst)
        self.outcomes = {outcome.video: outcome for outcome in known.outcomes} if known else {}
        self.due = 0.0
        """Time of the next write: a summary of a hundred thousand videos is not written after each."""

    def holds(self, name: str, key: str) -> bool:
        """Whether the video was finished with this key and what came of it is whole."""
        outcome = self.outcomes.get(name)
        if outcome is None or outcome.key != key:
            return False
        return all(store.intact(self._folder(outcome) / clip, entry) for clip, entry in outcome.clips.items())

    def forget(self, names: Iterable[str]) -> None:
        """Take videos out, so that no index promises clips while they are made again."""
        gone = [self.outcomes.pop(name) for name in names if name in self.outcomes]
        for identity in sorted({outcome.identity for outcome in gone if outcome.identity and outcome.clips}):
            self._index(identity)
        if gone:
            self.write()

    def record(self, outcome: Outcome) -> None:
        """Add a finished video, in place of any of the same name."""
        place = (outcome.identity, outcome.utterance)
        self.forget([name for name, old in self.outcomes.items() if (old.identity, old.utterance) == place])
        self.outcomes[outcome.video] = outcome
        if outcome.identity and outcome.clips:
            self._index(outcome.identity)
        if time.monotonic() >= self.due:
            self.write()

    def write(self) -> None:
        began = time.monotonic()
        summary = Summary(outcomes=[self.outcomes[name] for name in sorted(self.outcomes)])
        write_atomic(self.dst / SUMMARY, summary.model_dump_json(indent=1) + "\n")
        self.due = time.monotonic() + 20 * (time.monotonic() - began)

    def sweep(self) -> None:
        """Remove what no index lists: clips of a killed run, of older options, of videos now refused."""
        self.write()
        clips = self._clips()
        for identity in sorted({outcome.identity for outcome in self.outcomes.values() if outcome.identity}):
            listed = clips.get(identity, {})
            folder = self.dst / identity
            for path in [*folder.glob("*.npz"), *folder.glob("*.part")]:
                if path.name not in listed:
                    path.unlink()
            if not listed:
                (folder / store.INDEX).unlink(missing_ok=True)
                with contextlib.suppress(OSError):
                    folder.rmdir()

    def _folder(self, outcome: Outcome) -> Path:
        return self.dst / (outcome.identity or "")

    def _clips(self) -> dict[str, dict[str, store.ClipEntry]]:
        """Clips by identity."""
        found: dict[str, dict[str, store.ClipEntry]] = {}
        for outcome in self.outcomes.values():
            if outcome.identity:
                found.setdefault(outcome.identity, {}).update(outcome.clips)
        return found

    def _index(self, identity: str) -> None:
        store.write_index(self.dst / identity, identity, self._clips().get(identity, {}))

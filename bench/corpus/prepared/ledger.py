"""The books of a folder of prepared clips: ``prepare.json`` for all videos, an index for each identity.

What the books say is what counts, and what is not theirs is left alone: clips that an index lists and no video
accounts for, made by hand or before the books were lost, and whatever a link leads to outside the folder.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from privtalk.bench.corpus.prepared import store
from privtalk.bench.corpus.prepared.names import fold, shown
from privtalk.bench.corpus.prepared.stamps import Stamps
from privtalk.bench.corpus.prepared.summary import SUMMARY, Summary, VideoOutcome, read_summary
from privtalk.bench.corpus.video.layouts.layout import LaidOutPerson
from privtalk.core import files
from privtalk.core.files import write_atomic

Clips = dict[str, store.ClipEntry]


class VideoLedger:
    """The book of what became of every video that went into `dst`."""

    def __init__(self, dst: Path) -> None:
        self.dst = dst
        self.outcomes: dict[str, VideoOutcome] = {}
        self._own: dict[str, dict[str, VideoOutcome]] = {}
        """Outcomes by identity and video; an identity stays when its last video goes, so that it is swept."""
        self._strangers: dict[str, Clips] = {}
        """Clips by identity that no video accounts for."""
        self._people: dict[str, LaidOutPerson] = {}
        """The facts that layouts tell of people, by identity."""
        self._places: dict[tuple[str, str], set[str]] = {}
        """Videos by identity and folded utterance."""
        self._unsaid: set[str] = set()
        """Identities whose index does not say yet what the books say."""
        self.stamps = Stamps(dst)
        self.due = 0.0
        """Time of the next write: a summary of a hundred thousand videos is not written after each."""
        known = read_summary(dst)
        for outcome in known.outcomes if known else ():
            self._put(outcome)

    def obstacle(self, identity: str) -> str | None:
        """Why nothing can be written to an identity's folder; outside of `dst` nothing is ever touched."""
        folder = self.dst / identity
        if not folder.resolve().is_relative_to(self.dst.resolve()):
            return f"{shown(folder)} is a link that leads out of {shown(self.dst)}; put a folder in its place"
        if folder.exists() and not folder.is_dir():
            return f"{shown(folder)} is a file where a folder should be; remove it"
        return None

    def holds(self, name: str, key: str, keys: Mapping[str, str]) -> bool:
        """Whether the video was finished with this key and what came of it is whole.

        One that was refused for the pictures of another one depends on that, too: `keys` are those of all videos.
        """
        outcome = self.outcomes.get(name)
        if outcome is None or outcome.key != key:
            return False
        if outcome.twin is not None:
            other, promised = outcome.twin
            standing = self.outcomes.get(other)
            if keys.get(other, standing.key if standing else None) != promised:
                return False
        return self._intact(outcome)

    def whole(self, outcome: VideoOutcome) -> bool:
        """Whether there are clips of a video, as they were written."""
        return bool(outcome.clips) and self._intact(outcome)

    def people(self) -> dict[str, store.PersonRole]:
        """Identities with clips, and their roles by the official split."""
        named = {outcome.identity for outcome in self.outcomes.values() if outcome.clips and outcome.identity}
        return {name: self._people.get(name, LaidOutPerson()).role for name in sorted(named)}

    def place(self, identity: str, utterance: str) -> list[VideoOutcome]:
        """Outcomes whose clips have the names that this utterance's would have."""
        return [self.outcomes[name] for name in sorted(self._places.get((identity, fold(utterance)), ()))]

    def open(
        self,
        planned: Mapping[str, set[str]],
        present: set[str],
        people: Mapping[str, LaidOutPerson] | None = None,
    ) -> None:
        """Take stock before the work: `planned` are the utterances by identity to come, `present` their videos.

        `people` is what the layout tells of those of SRC; of others, what their indices say stays.

        Clips that were deleted, and whose video is not there to make them again, are struck out. Every index is
        made to say what the books say.
        """
        told = people or {}
        for identity in {*planned, *self._own}:
            index = self._read(identity)
            known = index.clips
            self._people[identity] = told.get(identity) or LaidOutPerson(index.attributes, index.role)
            claimed = self._clips(identity)
            folded = {fold(utterance) for utterance in planned.get(identity, ())}
            self._strangers[identity] = {
                name: entry
                for name, entry in known.items()
                if name not in claimed and not _is_of(name, folded) and (self.dst / identity / name).is_file()
            }
        self._strike({name: old for name, old in self.outcomes.items() if name not in present})
        for identity in self._own:
            expected, index = self._all_clips(identity), self._read(identity)
            if expected and (expected, self._people[identity]) != (
                index.clips,
                LaidOutPerson(index.attributes, index.role),
            ):
                self._index(identity)

    def forget(self, names: Iterable[str]) -> None:
        """Take videos out, so that no index promises clips while they are made again."""
        gone = [self._take(name) for name in list(names) if name in self.outcomes]
        self._unsaid |= {outcome.identity for outcome in gone if outcome.identity and outcome.clips}
        if gone:
            self.write()

    def record(self, outcome: VideoOutcome) -> None:
        """Add a finished video, in place of any whose clips had the same names."""
        if outcome.clips and outcome.identity:
            rivals = self.place(outcome.identity, outcome.utterance)
            self.forget([rival.video for rival in rivals if rival.video != outcome.video])
            for name, entry in outcome.clips.items():
                with contextlib.suppress(OSError):
                    self.stamps.enter(self._folder(outcome) / name, entry.sha256)
        self._replace(outcome)
        if time.monotonic() >= self.due:
            self.write()

    def write(self) -> None:
        """Write everything that the disk does not say yet."""
        began = time.monotonic()
        for identity in sorted(self._unsaid):
            self._index(identity)
        self._unsaid.clear()
        self.stamps.write()
        summary = Summary(outcomes=[self.outcomes[name] for name in sorted(self.outcomes)])
        write_atomic(self.dst / SUMMARY, summary.model_dump_json(indent=1) + "\n")
        self.due = time.monotonic() + 20 * (time.monotonic() - began)

    def sweep(self) -> None:
        """Remove what no index lists: clips of a killed run, of older options, of videos now refused."""
        self.write()
        files.sweep(self.dst.glob("*.part"))
        for identity in sorted(self._own):
            if not self.obstacle(identity):
                self._sweep(self.dst / identity, self._all_clips(identity))
        self.stamps.tidy()

    def _sweep(self, folder: Path, listed: Clips) -> None:
        for path in folder.glob("*.npz"):
            if path.name not in listed:
                path.unlink()
        files.sweep(folder.glob("*.part"))
        if not listed:
            (folder / store.INDEX).unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                folder.rmdir()

    def _strike(self, absent: Mapping[str, VideoOutcome]) -> None:
        """Strike out the clips of absent videos that are gone."""
        gone = []
        for name, old in absent.items():
            kept = {clip: entry for clip, entry in old.clips.items() if (self._folder(old) / clip).is_file()}
            if old.clips and not kept:
                gone.append(name)
            elif kept != old.clips:
                self._replace(old.model_copy(update={"clips": kept}))
        self.forget(gone)

    def _replace(self, outcome: VideoOutcome) -> None:
        """Enter an outcome in place of what is known of its video."""
        before = self._take(outcome.video) if outcome.video in self.outcomes else None
        self._put(outcome)
        changed = [each for each in (before, outcome) if each is not None and each.clips]
        self._unsaid |= {each.identity for each in changed if each.identity}

    def _put(self, outcome: VideoOutcome) -> None:
        self.outcomes[outcome.video] = outcome
        if outcome.identity:
            self._own.setdefault(outcome.identity, {})[outcome.video] = outcome
            place = outcome.identity, fold(outcome.utterance)
            self._places.setdefault(place, set()).add(outcome.video)

    def _take(self, name: str) -> VideoOutcome:
        outcome = self.outcomes.pop(name)
        if outcome.identity:
            del self._own[outcome.identity][name]
            self._places[outcome.identity, fold(outcome.utterance)].discard(name)
        return outcome

    def _intact(self, outcome: VideoOutcome) -> bool:
        folder = self._folder(outcome)
        return all(self._is(folder / clip, entry.sha256) for clip, entry in outcome.clips.items())

    def _is(self, path: Path, sha256: str) -> bool:
        """Whether a file is there with the bytes that were written."""
        try:
            return path.is_file() and self.stamps.hash(path) == sha256
        except OSError:
            return False

    def _folder(self, outcome: VideoOutcome) -> Path:
        return self.dst / (outcome.identity or "")

    def _clips(self, identity: str) -> Clips:
        """Clips that videos account for."""
        own = self._own.get(identity, {}).values()
        return {name: entry for outcome in own for name, entry in outcome.clips.items()}

    def _all_clips(self, identity: str) -> Clips:
        return {**self._strangers.get(identity, {}), **self._clips(identity)}

    def _read(self, identity: str) -> store.Index:
        """The index on disk; an empty one where it cannot be read."""
        try:
            return store.read_index(self.dst / identity)
        except (store.StoreError, OSError):
            return store.Index(identity=identity, clips={})

    def _index(self, identity: str) -> None:
        if not self.obstacle(identity):
            person = self._people.get(identity, LaidOutPerson())
            folder, clips = self.dst / identity, self._all_clips(identity)
            store.write_index(folder, identity, clips, person.attributes, person.role)


def _is_of(clip: str, utterances: set[str]) -> bool:
    """Whether a clip's file has a name that a clip of one of the (folded) utterances would have."""
    stem, _, number = clip.removesuffix(".npz").rpartition("-")
    return number.isdecimal() and fold(stem) in utterances

"""The films that may be taken: none stands in the corpus twice, and none displaces another one's clips unasked.

A film that comes twice under one identity would be trained on and tested on; under two it would be a member and not
one. So one place keeps it, and the others are refused with the name of that one: whose it is, only the user can know.
Equal bytes are known before anything is decoded, equal pictures (the same stream in another container) after. A film
cut at other places or encoded anew cannot be known.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from privtalk.bench.corpus.prepared.archive import repeats
from privtalk.bench.corpus.prepared.folder import Film, alike
from privtalk.bench.corpus.prepared.ledger import VideoLedger
from privtalk.bench.corpus.prepared.names import fold_folder, shown
from privtalk.bench.corpus.prepared.summary import VideoOutcome
from privtalk.bench.corpus.video.ingest import PrepareOptions


class VideoJob(NamedTuple):
    """All that a worker needs for one video."""

    film: Film
    dst: Path
    options: PrepareOptions
    detector: Path
    landmarks: Path
    key: str
    content: str
    """sha256 of the film's bytes; empty where there are none, or they cannot be read."""
    root: str
    """SRC, as an absolute path."""

    @property
    def video(self) -> str:
        return self.film.video

    @property
    def identity(self) -> str | None:
        return self.film.source.identity

    def outcome(self, reason: str | None, key: str | None = None, **fields: object) -> VideoOutcome:
        """The job's outcome; `key` is not the film's where it is to be tried again, whatever it is then."""
        return VideoOutcome.model_validate(
            {
                "video": self.video,
                "identity": self.identity,
                "utterance": self.film.source.utterance,
                "key": self.key if key is None else key,
                "reason": None if reason is None else shown(reason),
                "source": self.root,
                "content": self.content,
                **fields,
            }
        )


AGAIN = ""
"""Key of an outcome that depends on more than the film: it is judged anew each time."""


class Refusal(NamedTuple):
    reason: str
    aside: bool = False
    """Whether the books keep what they say under the film's name: that is of another film."""


class Claims:
    """The films of one SRC against each other and against what the books hold."""

    def __init__(self, jobs: Sequence[VideoJob], ledger: VideoLedger, root: str) -> None:
        self.jobs = jobs
        self.ledger = ledger
        self.root = root
        self.here = {job.video: job.content for job in jobs}

    def outdated(self) -> list[str]:
        """Entries that films of SRC have left: they have another name now, or never had clips and are gone."""
        now = {job.content: job for job in self.jobs if job.content}
        return [
            old.video
            for old in self.ledger.outcomes.values()
            if old.video not in self.here
            and (
                (old.source == self.root and (old.content in now or not old.clips))
                or (old.content in now and _one_file(old, now[old.content]))
            )
        ]

    def refusals(self) -> dict[str, Refusal]:
        """Films that are refused before they are decoded, by name."""
        standing = [old for old in self.ledger.outcomes.values() if old.clips and self._stays(old)]
        content = {old.content: old for old in standing if old.content}
        names: dict[str, set[str]] = {}
        for old in standing:
            names.setdefault(fold_folder(old.identity or ""), set()).add(old.identity or "")
        found = {job.video: refusal for job in self.jobs if (refusal := self._against(job, content, names))}
        return found | self._among([job for job in self.jobs if job.video not in found])

    def part_twins(self) -> None:
        """Refuse after all what was taken and shows another film's pictures."""
        books = self.ledger.outcomes
        videos = {
            self.ledger.dst / (old.identity or "") / name: old.video
            for old in sorted(books.values(), key=lambda old: old.video)
            for name in sorted(old.clips)
        }
        for group in repeats(videos, damaged=lambda error: None):
            clips = Counter(videos[path] for path in group)
            self._part({name: count for name, count in clips.items() if books[name].clips})

    def _part(self, clips: Mapping[str, int]) -> None:
        """Leave one film at most of those that have clips with the same pictures; `clips` says how many of them."""
        books = self.ledger.outcomes
        for name in [name for name, count in clips.items() if count > 1 and not self._stays(books[name])]:
            self.ledger.record(_refused(books[name], "its pictures come twice, as those of a still do"))
        films = [books[name] for name in clips if books[name].clips]
        left = [old for old in films if old.video not in self.here and old.source == self.root]
        stays = [old for old in films if self._stays(old) and old not in left]
        ours = [old for old in films if not self._stays(old)]
        if not ours:
            return
        self.ledger.forget([old.video for old in left])
        kept, *rest = [*stays[:1], *ours]
        for old in rest:
            where = self._standing(kept) if stays else ""
            reason = same_film(old.identity, kept, where, "shows the pictures of")
            self.ledger.record(_refused(old, reason, (kept.video, kept.key)))

    def _stays(self, old: VideoOutcome) -> bool:
        """Whether an outcome is of a film that is not in SRC (also where SRC was moved)."""
        return old.video not in self.here or (self._foreign(old) and old.content != self.here[old.video])

    def _foreign(self, old: VideoOutcome) -> bool:
        """Whether an outcome is known to come from another folder of videos."""
        return old.source not in ("", self.root)

    def _against(
        self, job: VideoJob, content: dict[str, VideoOutcome], names: dict[str, set[str]]
    ) -> Refusal | None:
        """Why a film cannot stand beside what the books hold, or at all."""
        if job.film.fault is not None:
            return Refusal(job.film.fault)
        if job.identity is None:
            return None
        if obstacle := self.ledger.obstacle(job.identity):
            return Refusal(obstacle, aside=True)
        if refusal := self._displacing(job, job.identity):
            return refusal
        called = names.get(fold_folder(job.identity))
        if called and job.identity not in called:
            return Refusal(alike(job.identity, min(called)))
        same = content.get(job.content)
        if same is not None and same.video != job.video and self.ledger.whole(same):
            return Refusal(same_film(job.identity, same, self._standing(same)))
        return None

    def _displacing(self, job: VideoJob, identity: str) -> Refusal | None:
        """Whether a film would take the place of another SRC's."""
        rivals = [*self.ledger.place(identity, job.film.source.utterance)]
        if (named := self.ledger.outcomes.get(job.video)) is not None:
            rivals.append(named)
        for old in rivals:
            if self._foreign(old) and old.content != job.content and self.ledger.whole(old):
                return Refusal(
                    f"would replace another film, {shown(old.video)}{self._standing(old)}; rename one of the two, or "
                    "prepare into another folder",
                    aside=old.video == job.video,
                )
        return None

    def _standing(self, old: VideoOutcome) -> str:
        """A phrase that says where the clips of a film in the books come from and stand."""
        clips = self.ledger.dst / (old.identity or "") / f"{old.utterance}-*.npz"
        return f" of {shown(old.source) or 'an earlier call'} (delete {shown(clips)} to have it replaced)"

    def _among(self, jobs: Iterable[VideoJob]) -> dict[str, Refusal]:
        """Films of SRC with equal bytes: one stays, which is one that has clips already or else the first."""
        groups: dict[str, list[VideoJob]] = {}
        for job in jobs:
            if job.content and job.identity:
                groups.setdefault(job.content, []).append(job)
        found: dict[str, Refusal] = {}
        for group in groups.values():
            first, *rest = sorted(group, key=lambda job: not self._has_clips(job))
            kept = first.outcome(None)
            found |= {job.video: Refusal(same_film(job.identity, kept)) for job in rest}
        return found

    def _has_clips(self, job: VideoJob) -> bool:
        old = self.ledger.outcomes.get(job.video)
        return old is not None and bool(old.clips) and old.content == job.content


def same_film(
    identity: str | None, other: VideoOutcome, where: str = "", verb: str = "the same film as"
) -> str:
    """The reason why a film is refused that is there already."""
    found = f"{verb} {shown(other.video)}{where}"
    if identity == other.identity:
        return found
    return f"{found}, which is another identity's; keep it with the one whom it shows"


def _refused(old: VideoOutcome, reason: str, twin: tuple[str, str] | None = None) -> VideoOutcome:
    return old.model_copy(update={"reason": reason, "clips": {}, "twin": twin})


def _one_file(old: VideoOutcome, job: VideoJob) -> bool:
    """Whether a film in the books is the very file, seen from another SRC."""
    path = os.path.join(old.source, old.video)  # noqa: PTH118 - text of a file, which may hold anything
    return bool(old.source) and "\0" not in path and os.path.realpath(path) == os.path.realpath(_path(job))


def _path(job: VideoJob) -> Path:
    return job.film.source.path

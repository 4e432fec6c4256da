"""Real video into clips: the pipeline behind ``bench data prepare SRC -o DST``.

SRC holds one folder an identity, or a data set of a layout (`laid_out`). Each video is decoded at 25 frames a
second (`video`), its most lasting face followed (`tracking`), cropped steadily (`crop`), given landmarks (`faces`)
and cut into segments (`ingest`), which stand in DST as `store` keeps them. A video that cannot be used is refused by
name with the reason and the rest goes on. ``DST/prepare.json`` says what became of each (`ledger`); a finished video
is not done again while its bytes and the options stay the same.
"""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import json
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor, as_completed
from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple

import av
import cv2

from privtalk.bench.corpus.prepared import store
from privtalk.bench.corpus.prepared.claims import AGAIN, Claims, VideoJob
from privtalk.bench.corpus.prepared.disk import check_disk, disk_need
from privtalk.bench.corpus.prepared.folder import Film
from privtalk.bench.corpus.prepared.laid_out import find_laid_out
from privtalk.bench.corpus.prepared.ledger import VideoLedger
from privtalk.bench.corpus.prepared.names import readable, shown
from privtalk.bench.corpus.prepared.provenance import (
    begin,
    check_asked,
    deal_roles,
    write_provenance,
)
from privtalk.bench.corpus.prepared.summary import Summary, VideoOutcome
from privtalk.bench.corpus.video.decoding import VideoError
from privtalk.bench.corpus.video.faces import find_weights, load_detector, load_landmarker
from privtalk.bench.corpus.video.ingest import Models, PrepareOptions, Tick, convert
from privtalk.bench.corpus.video.layouts.layout import FilmLayout
from privtalk.bench.corpus.video.layouts.registry import FILM_LAYOUTS, FOLDERS
from privtalk.core.files import file_hash
from privtalk.core.locks import sole_writer

PIPELINE = 2
"""Raised when the same video and options would give other clips, so that older ones are made again."""

Progress = Callable[[int, int, str], None]
"""Called with the bytes of video done, their sum, and the video at hand."""

# What makes a video's clips the ones they are

NOTHING = hashlib.sha256().hexdigest()
"""Hash of an empty file, of which there may be many."""


class Tools(NamedTuple):
    """The networks, and the hash of all that shapes clips besides the video."""

    detector: Path
    landmarks: Path
    key: str


def options_key(options: PrepareOptions, detector: Path, landmarks: Path) -> str:
    """Hash of all that shapes the clips besides the video itself."""
    choices = {
        "pipeline": PIPELINE,
        "size": options.size,
        "seconds": options.seconds,
        "min_seconds": options.min_seconds,
        "score": options.score,
        "detector": file_hash(detector),
        "landmarks": file_hash(landmarks),
    }
    return hashlib.sha256(json.dumps(choices, sort_keys=True).encode()).hexdigest()


def make_job(
    film: Film,
    dst: Path,
    options: PrepareOptions,
    tools: Tools,
    root: str,
    hashed: Callable[[Path], str] = file_hash,
) -> VideoJob:
    """The work on a film: its key is the hash of its bytes, which `hashed` gives, its place and the options.

    A sound in a file of its own and attributes of the film, which only some layouts know, are part of the key, too.
    """
    source, content = film.source, ""
    try:
        told = content = hashed(source.path) if film.fault is None else ""
        if source.sound is not None:
            told += f" {hashed(source.sound)}"
    except OSError as error:
        told = f"unreadable: {error.strerror}"
    if film.attributes:
        told += f" {json.dumps(film.attributes)}"
    key = hashlib.sha256(f"{tools.key} {source.identity} {source.utterance} {told}".encode()).hexdigest()
    content = "" if content == NOTHING else content
    return VideoJob(film, dst, options, tools.detector, tools.landmarks, key, content, root)


# One video, in a process of its own or in this one


@lru_cache(maxsize=1)
def _models(detector: Path, landmarks: Path, score: float) -> Models:
    return Models(load_detector(detector, score), load_landmarker(landmarks))


HOPELESS = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO}
)
"""Errors that are not one video's: the disk is full, or nothing can be written or opened any more."""


def run_job(job: VideoJob, tick: Tick) -> VideoOutcome:
    """Write the clips of one video; a refusal leaves none of them behind."""
    clips: dict[str, store.ClipEntry] = {}
    folder = job.dst / (job.identity or "")
    notes: list[str] = []
    done = False
    try:
        models = _models(job.detector, job.landmarks, job.options.score)
        for clip in convert(job.film.source, job.options, models, tick, notes.append):
            path = store.clip_path(folder, clip.utterance)
            told = dataclasses.replace(clip, attributes=dict(job.film.attributes))
            clips[path.name] = store.save_clip(path, told)
        done = True
    except (VideoError, store.StoreError) as error:
        return job.outcome(str(error))
    except OSError as error:
        if error.errno in HOPELESS or not os.access(job.dst, os.W_OK):
            raise
        return job.outcome(f"cannot be prepared ({error.strerror or error})", AGAIN)
    except (av.error.FFmpegError, cv2.error) as error:
        return job.outcome(f"cannot be prepared ({' '.join(str(error).split())})")
    except Exception as error:  # whatever is wrong with one film, the others go on
        return job.outcome(
            f"cannot be prepared ({type(error).__name__}: {' '.join(str(error).split())})", AGAIN
        )
    finally:
        if not done:
            for name in clips:
                (folder / name).unlink(missing_ok=True)
    return job.outcome(None, clips=clips, notes=tuple(notes))


def _pooled(job: VideoJob) -> VideoOutcome:
    """`run_job` in a worker, whose share of the processor is one core."""
    cv2.setNumThreads(1)
    return run_job(job, lambda share: None)


def _run(
    jobs: list[VideoJob], workers: int, meter: Callable[[VideoJob, float], None]
) -> Iterator[VideoOutcome]:
    """Outcomes as they come: with one worker from this process, otherwise from fresh ones."""
    if workers == 1 or len(jobs) < 2:
        for job in jobs:
            yield run_job(job, partial(meter, job))
            meter(job, 1.0)
        return
    left = {job.video: job for job in jobs}
    while left:
        try:
            for outcome in _side_by_side(list(left.values()), workers):
                meter(left.pop(outcome.video), 1.0)
                yield outcome
        except (
            BrokenExecutor
        ):  # the film that killed it is among the first; alone, each can only kill its own
            for job in list(left.values())[: 2 * workers + 1]:
                yield _by_itself(job)
                meter(left.pop(job.video), 1.0)


def _side_by_side(jobs: list[VideoJob], workers: int) -> Iterator[VideoOutcome]:
    pool = ProcessPoolExecutor(min(workers, len(jobs)), multiprocessing.get_context("spawn"))
    try:
        for future in as_completed([pool.submit(_pooled, job) for job in jobs]):
            yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _by_itself(job: VideoJob) -> VideoOutcome:
    try:
        return next(_side_by_side([job], 1))
    except BrokenExecutor:
        return job.outcome("the process that read it died (no memory, or a fault of the decoder)", AGAIN)


# All videos


def prepare(
    src: Path,
    dst: Path,
    options: PrepareOptions | None = None,
    progress: Progress | None = None,
    warn: Callable[[str], None] | None = None,
    layout: FilmLayout = FILM_LAYOUTS[FOLDERS],
    public: int | None = None,
    say: Callable[[str], None] | None = None,
) -> Summary:
    """Turn the videos below `src` into clips below `dst`; the summary of those videos, taken and refused.

    `warn` is told what looks wrong, `say` what disk the work will take, a line each before it begins.
    `public`: how many people are for pre-training; None: as an earlier call asked, or as `provenance` says.

    Raises a ValueError (`faces.WeightsError` where weights are missing) before anything is written, when
    nothing can be done at all. Interrupted, it goes on where it stopped when it is called again.
    """
    options, warn = options or PrepareOptions(), warn or (lambda line: None)
    remarks: list[str] = []
    films = find_laid_out(src, layout, remarks.append)
    if dst.resolve().is_relative_to(src.resolve()):
        raise ValueError(f"{shown(dst)}: stands inside {shown(src)}; choose a folder outside the videos")
    detector, landmarks = (
        find_weights("detector", options.detector),
        find_weights("landmarks", options.landmarks),
    )
    _models(detector, landmarks, options.score)
    tools = Tools(detector, landmarks, options_key(options, detector, landmarks))
    for remark in remarks:
        warn(remark)
    with sole_writer(dst, "bench data prepare"):
        ledger = VideoLedger(dst)
        root = readable(src.resolve())
        known = begin(dst, layout, options, public, bool(ledger.outcomes))
        here = {film.source.identity for film in films if film.fault is None}
        check_asked(known, len({*here, *ledger.people()} - {None}), official(films))
        write_provenance(dst, known)
        jobs = [make_job(film, dst, options, tools, root, ledger.stamps.hash) for film in films]
        summary = _prepare(jobs, ledger, root, progress, say or (lambda line: None))
        deal_roles(dst, ledger.people())
        return summary


def official(films: Sequence[Film]) -> int:
    """People of films whom an official split makes public."""
    return len({film.source.identity for film in films if film.person.role == "public"} - {None})


def _prepare(
    jobs: list[VideoJob],
    ledger: VideoLedger,
    root: str,
    progress: Progress | None,
    say: Callable[[str], None],
) -> Summary:
    planned: dict[str, set[str]] = {}
    for job in jobs:
        planned.setdefault(job.identity or "", set()).add(job.film.source.utterance)
    people = {job.identity: job.film.person for job in jobs if job.identity}
    ledger.open({name: own for name, own in planned.items() if name}, {job.video for job in jobs}, people)
    claims = Claims(jobs, ledger, root)
    ledger.forget(claims.outdated())
    refusals = claims.refusals()
    refused = {
        job.video: job.outcome(refusals[job.video].reason, AGAIN) for job in jobs if job.video in refusals
    }
    aside = {name: outcome for name, outcome in refused.items() if refusals[name].aside}
    try:
        for name, outcome in refused.items():
            if name not in aside:
                ledger.record(outcome)
        todo = _settle([job for job in jobs if job.video not in refused], ledger)
        if todo:
            films = [(job.film.source.path, _size(job.film.source.path)) for job in todo]
            size = todo[0].options.size
            say(check_disk(ledger.dst, disk_need(films, size), size))
        workers = jobs[0].options.workers
        for outcome in _run(todo, workers, _Meter(todo, progress)):
            ledger.record(outcome)
        claims.part_twins()
    finally:
        ledger.write()
    ledger.sweep()
    return Summary(outcomes=[aside.get(job.video) or ledger.outcomes[job.video] for job in jobs])


def _settle(jobs: list[VideoJob], ledger: VideoLedger) -> list[VideoJob]:
    """The jobs that are left to do; those that are done are entered as this SRC's."""
    keys = {job.video: job.key for job in jobs}
    done = [job for job in jobs if ledger.holds(job.video, job.key, keys)]
    for job in done:
        known = ledger.outcomes[job.video]
        if (known.source, known.content) != (job.root, job.content):
            ledger.record(known.model_copy(update={"source": job.root, "content": job.content}))
    finished = {job.video for job in done}
    todo = [job for job in jobs if job.video not in finished]
    ledger.forget(job.video for job in todo)
    return todo


class _Meter:
    """Shares of single videos, in bytes of all."""

    def __init__(self, jobs: list[VideoJob], progress: Progress | None) -> None:
        self.progress = progress
        self.sizes = {job.video: _size(job.film.source.path) for job in jobs}
        self.total = sum(self.sizes.values())
        self.shares = dict.fromkeys(self.sizes, 0.0)
        self.done = 0.0

    def __call__(self, job: VideoJob, share: float) -> None:
        if (more := share - self.shares[job.video]) > 0:
            self.shares[job.video] = share
            self.done += more * self.sizes[job.video]
        if self.progress is not None:
            self.progress(round(self.done), self.total, job.video)


def _size(path: Path) -> int:
    """Bytes of a file; none where it cannot be looked at, which its own refusal says."""
    try:
        return path.stat().st_size
    except OSError:
        return 0

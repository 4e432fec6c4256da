"""Real video into clips: the pipeline behind ``bench data prepare SRC -o DST``.

SRC holds one folder an identity. Each video is decoded at 25 frames a second (`video`), its most lasting face
followed (`tracking`), cropped steadily (`crop`), given landmarks (`faces`) and cut into segments (`ingest`),
which stand in DST as `store` keeps them. A video that cannot be used is refused by name with the reason and
the rest goes on. ``DST/prepare.json`` says what became of each (`ledger`); a finished video is not done again
while its bytes and the options stay the same.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple

import cv2

from privtalk.bench.corpus import store
from privtalk.bench.corpus.cache import file_hash
from privtalk.bench.corpus.faces import find_weights, load_detector, load_landmarker
from privtalk.bench.corpus.ingest import Models, PrepareOptions, Source, Tick, convert
from privtalk.bench.corpus.ledger import Ledger
from privtalk.bench.corpus.summary import Outcome, Summary
from privtalk.bench.corpus.video import VideoError

PIPELINE = 2
"""Raised when the same video and options would give other clips, so that older ones are made again."""

PICTURES = (
    "mp4",
    "m4v",
    "mov",
    "mkv",
    "webm",
    "avi",
    "mpg",
    "mpeg",
    "ts",
    "mts",
    "flv",
    "wmv",
    "ogv",
    "3gp",
    "mxf",
)
SOUNDS = ("wav", "flac", "mp3", "m4a", "aac", "ogg", "opus")
MEDIA = frozenset(f".{suffix}" for suffix in PICTURES + SOUNDS)
"""Suffixes of what is tried; other files are passed over. Sound alone is refused with the reason."""

Progress = Callable[[int, int, str], None]
"""Called with the bytes of video done, their sum, and the video at hand."""

# The folder of videos


def find_videos(src: Path) -> list[Source]:
    """Media files below `src` in the order of their names; the first folder of the path is the identity."""
    if not src.is_dir():
        raise ValueError(f"{src}: not a folder; SRC holds one folder of videos an identity")
    files = sorted(
        p for p in src.rglob("*") if p.suffix.lower() in MEDIA and p.is_file() and not _hidden(p, src)
    )
    if not files:
        raise ValueError(f"{src}: no videos; SRC holds one folder of videos an identity")
    names = [_names(path.relative_to(src)) for path in files]
    doubled = {name for name, count in Counter(names).items() if count > 1}
    return [
        Source(path, identity, f"{stem}-{path.suffix[1:].lower()}" if (identity, stem) in doubled else stem)
        for path, (identity, stem) in zip(files, names, strict=True)
    ]


def _hidden(path: Path, src: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(src).parts)


def _names(path: Path) -> tuple[str | None, str]:
    """Identity and utterance of a path below SRC: ``a/b/c.mp4`` is utterance ``b-c`` of ``a``."""
    *folders, _ = path.parts
    return (folders[0] if folders else None), "-".join([*folders[1:], path.stem])


# What makes a video's clips the ones they are


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


def _key(source: Source, options_hash: str) -> str:
    """Hash of a video's bytes, its place and the options."""
    try:
        content = file_hash(source.path)
    except OSError as error:
        content = f"unreadable: {error.strerror}"
    return hashlib.sha256(
        f"{options_hash} {source.identity} {source.utterance} {content}".encode()
    ).hexdigest()


# One video, in a process of its own or in this one


class Job(NamedTuple):
    """All that a worker needs for one video."""

    source: Source
    video: str
    """Its path below SRC."""
    dst: Path
    options: PrepareOptions
    detector: Path
    landmarks: Path
    key: str


@lru_cache(maxsize=1)
def _models(detector: Path, landmarks: Path, score: float) -> Models:
    return Models(load_detector(detector, score), load_landmarker(landmarks))


def run_job(job: Job, tick: Tick) -> Outcome:
    """Write the clips of one video; a refusal leaves none of them behind."""
    clips: dict[str, store.ClipEntry] = {}
    folder = job.dst / (job.source.identity or "")
    notes: list[str] = []
    reason: str | None = None
    done = False
    try:
        models = _models(job.detector, job.landmarks, job.options.score)
        for clip in convert(job.source, job.options, models, tick, notes.append):
            path = store.clip_path(folder, clip.utterance)
            clips[path.name] = store.save_clip(path, clip)
        done = True
    except (VideoError, store.StoreError) as error:
        reason = str(error)
    finally:
        if not done:
            for name in clips:
                (folder / name).unlink(missing_ok=True)
    return Outcome(
        video=job.video,
        identity=job.source.identity,
        utterance=job.source.utterance,
        key=job.key,
        reason=reason,
        notes=tuple(notes) if done else (),
        clips=clips if done else {},
    )


def _pooled(job: Job) -> Outcome:
    """`run_job` in a worker, whose share of the processor is one core."""
    cv2.setNumThreads(1)
    return run_job(job, lambda share: None)


def _run(jobs: list[Job], workers: int, meter: Callable[[Job, float], None]) -> Iterator[Outcome]:
    """Outcomes as they come: with one worker from this process, otherwise from fresh ones."""
    if workers == 1 or len(jobs) < 2:
        for job in jobs:
            yield run_job(job, partial(meter, job))
            meter(job, 1.0)
        return
    pool = ProcessPoolExecutor(min(workers, len(jobs)), multiprocessing.get_context("spawn"))
    try:
        futures = {pool.submit(_pooled, job): job for job in jobs}
        for future in as_completed(futures):
            yield future.result()
            meter(futures[future], 1.0)
    finally:
        pool.shutdown(cancel_futures=True)


# All videos


def prepare(
    src: Path, dst: Path, options: PrepareOptions | None = None, progress: Progress | None = None
) -> Summary:
    """Turn the videos below `src` into clips below `dst`; the summary of those videos, taken and refused.

    Raises a ValueError (`faces.WeightsError` where weights are missing) before anything is written, when
    nothing can be done at all. Interrupted, it goes on where it stopped when it is called again.
    """
    options = options or PrepareOptions()
    sources = find_videos(src)
    if dst.resolve().is_relative_to(src.resolve()):
        raise ValueError(f"{dst}: stands inside {src}; choose a folder outside the videos")
    detector, landmarks = (
        find_weights("detector", options.detector),
        find_weights("landmarks", options.landmarks),
    )
    _models(detector, landmarks, options.score)
    shared = options_key(options, detector, landmarks)
    names = [source.path.relative_to(src).as_posix() for source in sources]
    jobs = [
        Job(source, name, dst, options, detector, landmarks, _key(source, shared))
        for source, name in zip(sources, names, strict=True)
    ]
    ledger = Ledger(dst)
    todo = [job for job in jobs if not ledger.holds(job.video, job.key)]
    ledger.forget(job.video for job in todo)
    try:
        for outcome in _run(todo, options.workers, _Meter(todo, progress)):
            ledger.record(outcome)
    finally:
        ledger.write()
    ledger.sweep()
    return Summary(outcomes=[ledger.outcomes[name] for name in names])


class _Meter:
    """Shares of single videos, in bytes of all."""

    def __init__(self, jobs: list[Job], progress: Progress | None) -> None:
        self.progress = progress
        self.sizes = {job.video: job.source.path.stat().st_size for job in jobs}
        self.shares = dict.fromkeys(self.sizes, 0.0)

    def __call__(self, job: Job, share: float) -> None:
        self.shares[job.video] = max(share, self.shares[job.video])
        if self.progress is not None:
            done = sum(self.sizes[name] * part for name, part in self.shares.items())
            self.progress(round(done), sum(self.sizes.values()), job.video)

"""Clips on disk: one folder an identity, one ``<utterance>.npz`` a clip, one ``index.json`` an identity.

A clip's file holds all of the clip, so an index can be rebuilt from the files beside it; the index holds the
sha256 of each file, so that a cut, altered or half-copied one is found before it is used. Files are written
beside their place and then moved into it: a killed writer leaves nothing under a final name. No pickle.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from privtalk.bench.corpus.cache import file_hash
from privtalk.bench.corpus.clip import SAMPLE_RATE, Clip, pack, unpack
from privtalk.bench.records import write_atomic

FORMAT = 1
"""Version of a clip's file and of the index."""

INDEX = "index.json"


class StoreError(ValueError):
    """A clip or an index on disk that cannot be used; the message names it and says why."""


class ClipEntry(BaseModel):
    """What the index says of one clip's file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sha256: str
    length: int
    """Number of frames."""
    size: int
    """Height (= width) of a frame in pixels."""
    fps: float


class Index(BaseModel):
    """``index.json``: the clips of one identity by file name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: int = FORMAT
    identity: str
    clips: dict[str, ClipEntry]


def write_bytes(path: Path, data: bytes | memoryview) -> None:
    """Write a whole file or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(data)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def check_name(kind: str, name: str) -> None:
    """Raise unless `name` can stand as a file or folder of its own."""
    if not name or name.startswith(".") or any(c in name for c in "/\\\0"):
        raise StoreError(
            f"{kind} {name!r} cannot name a file: it must not be empty, start with a dot or hold a slash"
        )


# One clip


def check_clip(clip: Clip) -> None:
    """Raise a `StoreError` that names the clip and the first rule that it breaks."""
    if problem := _problem(clip):
        raise StoreError(f"clip {clip.identity}/{clip.utterance}: {problem}")


def _problem(clip: Clip) -> str | None:
    frames, audio, points = clip.frames, clip.audio, clip.landmarks
    if not 0 < clip.fps < 1000:
        return f"{clip.fps} frames a second; it must be positive and finite"
    if np.issubdtype(frames.dtype, np.floating) and not np.isfinite(frames).all():
        return "frames hold NaN or infinite values; they must be uint8"
    if (
        frames.dtype != np.uint8
        or frames.ndim != 4
        or frames.shape[1] != frames.shape[2]
        or frames.shape[3] != 3
    ):
        return f"frames are {frames.dtype} {list(frames.shape)}; they must be uint8 [T, S, S, 3]"
    if not len(frames):
        return "it has no frames"
    samples = round(len(frames) * SAMPLE_RATE / clip.fps)
    if audio.dtype != np.float32 or audio.shape != (samples,):
        return (
            f"audio is {audio.dtype} {list(audio.shape)}; {len(frames)} frames at {clip.fps:g} a second "
            f"take float32 [{samples}] at {SAMPLE_RATE} Hz: resample it"
        )
    if not np.isfinite(audio).all():
        return "audio holds NaN or infinite samples"
    if points.dtype != np.float32 or points.shape != (len(frames), 68, 2):
        return (
            f"landmarks are {points.dtype} {list(points.shape)}; they must be float32 [{len(frames)}, 68, 2]"
        )
    if not np.isfinite(points).all():
        return "landmarks hold NaN or infinite values"
    return None


def save_clip(path: Path, clip: Clip) -> ClipEntry:
    """Write a valid clip to `path` atomically; equal clips give equal bytes."""
    check_clip(clip)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **_pack(clip))
    write_bytes(path, buffer.getbuffer())
    digest = hashlib.sha256(buffer.getbuffer()).hexdigest()
    return ClipEntry(sha256=digest, length=clip.length, size=clip.size, fps=clip.fps)


def load_clip(path: Path, sha256: str | None = None) -> Clip:
    """The clip in `path`; raises where the file is damaged or its hash is not `sha256`, if one is given."""
    try:
        data = path.read_bytes()
        if sha256 is not None and hashlib.sha256(data).hexdigest() != sha256:
            raise StoreError(f"{path}: its sha256 is not the one that {INDEX} holds; it was cut or altered")
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            clip = _unpack({name: arrays[name] for name in arrays.files})
    except StoreError:
        raise
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise StoreError(f"{path}: not a readable clip ({error})") from error
    check_clip(clip)
    return clip


def _pack(clip: Clip) -> dict[str, NDArray[Any]]:
    arrays, note = pack(clip)
    about = json.dumps({"format": FORMAT, "sample_rate": SAMPLE_RATE, "note": note})
    return {**arrays, "about": np.frombuffer(about.encode(), np.uint8)}


def _unpack(arrays: dict[str, NDArray[Any]]) -> Clip:
    about = json.loads(arrays.pop("about").tobytes())
    if about["format"] != FORMAT:
        raise ValueError(f"format {about['format']}, this version reads {FORMAT}: prepare it again")
    if about["sample_rate"] != SAMPLE_RATE:
        raise ValueError(f"audio at {about['sample_rate']} Hz; it must be at {SAMPLE_RATE}")
    return unpack(arrays, about["note"])


# One identity: a folder of clips and its index


def clip_path(folder: Path, utterance: str) -> Path:
    """Where a clip of the identity kept in `folder` stands."""
    check_name("utterance", utterance)
    return folder / f"{utterance}.npz"


def write_index(folder: Path, identity: str, clips: Mapping[str, ClipEntry]) -> None:
    """Write the index of an identity's folder: from here on its clips count."""
    index = Index(identity=identity, clips=dict(sorted(clips.items())))
    write_atomic(folder / INDEX, index.model_dump_json(indent=1) + "\n")


def read_index(folder: Path) -> Index:
    """The index of an identity's folder; raises where there is none or it cannot be read."""
    try:
        index = Index.model_validate_json((folder / INDEX).read_bytes())
    except FileNotFoundError as error:
        raise StoreError(f"{folder}: no {INDEX}, so what stands here is unfinished") from error
    except ValidationError as error:
        raise StoreError(f"{folder / INDEX}: not an index ({error.errors()[0]['msg']})") from error
    if index.format != FORMAT:
        raise StoreError(f"{folder / INDEX}: format {index.format}, this version reads {FORMAT}")
    return index


def rebuild_index(folder: Path) -> Index:
    """Write the index anew from the clips in `folder`; raises, writing nothing, where one is damaged."""
    entries: dict[str, ClipEntry] = {}
    for path in sorted(folder.glob("*.npz")):
        clip = load_clip(path)
        entries[path.name] = ClipEntry(
            sha256=file_hash(path), length=clip.length, size=clip.size, fps=clip.fps
        )
    write_index(folder, folder.name, entries)
    return read_index(folder)


def intact(path: Path, entry: ClipEntry) -> bool:
    """Whether the file is there with the bytes that were written."""
    return path.is_file() and file_hash(path) == entry.sha256


def save_identity(folder: Path, clips: list[Clip]) -> Index:
    """Write the clips of one identity, then the index that makes them count."""
    identities = {clip.identity for clip in clips}
    if len(identities) != 1:
        raise StoreError(f"{folder}: one folder holds one identity, not {sorted(identities) or 'none'}")
    entries: dict[str, ClipEntry] = {}
    for clip in clips:
        path = clip_path(folder, clip.utterance)
        if path.name in entries:
            raise StoreError(f"{folder}: utterance {clip.utterance!r} comes twice")
        entries[path.name] = save_clip(path, clip)
    write_index(folder, identities.pop(), entries)
    return read_index(folder)


def load_identity(folder: Path) -> list[Clip]:
    """The clips of one identity in the order of their names, each checked against its hash."""
    return [load_clip(folder / name, entry.sha256) for name, entry in read_index(folder).clips.items()]


# A corpus: a folder of identities


def load_corpus(root: Path) -> dict[str, list[Clip]]:
    """Clips by identity, checked, all of one size and rate; raises a `StoreError` that names the cause."""
    folders = sorted(path.parent for path in root.glob(f"*/{INDEX}"))
    corpus = {read_index(folder).identity: load_identity(folder) for folder in folders}
    corpus = {identity: clips for identity, clips in corpus.items() if clips}
    if not corpus:
        raise StoreError(f"{root}: no clips here; `bench data prepare VIDEOS -o {root}` makes them")
    kinds = {(clip.size, clip.fps) for clips in corpus.values() for clip in clips}
    if len(kinds) > 1:
        raise StoreError(
            f"{root}: clips of several kinds (pixels, frames a second): {sorted(kinds)}; prepare them alike"
        )
    return corpus

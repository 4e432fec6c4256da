"""Clips on disk: one folder an identity, one ``<utterance>.npz`` a clip, one ``index.json`` an identity.

A clip's file holds all of the clip, so an index can be rebuilt from the files beside it; the index holds the
sha256 of each file, so that a cut, altered or half-copied one is found before it is used. Files are written
beside their place and then moved into it: a killed writer leaves nothing under a final name. No pickle.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from privtalk.bench.corpus.clip import SAMPLE_RATE, Clip, pack, unpack
from privtalk.bench.corpus.prepared.archive import (
    LARGEST,
    LARGEST_NOTES,
    MOST,
    StoreError,
    print_of,
    read_arrays,
    reading,
    too_large,
)
from privtalk.bench.corpus.prepared.names import shown, unnameable
from privtalk.bench.corpus.prepared.packing import CHANGES, changes, npz_bytes, restored
from privtalk.core.files import file_hash, write_atomic, write_bytes

FORMAT = 1
"""Version of the index."""

CLIP_FORMAT = 2
"""Version of a clip's file; 1 has its pictures as they are, and is read, too."""

INDEX = "index.json"

LARGEST_BOOK = 2**30
"""Bytes of an index or a summary that is read: a million clips have less."""


def check_name(kind: str, name: str) -> None:
    """Raise unless `name` can stand as a file or folder of its own."""
    if problem := unnameable(name):
        raise StoreError(f"{kind} {name!a} cannot name a file: {problem}")


def _identity(name: str) -> str:
    check_name("identity", name)
    return name


def _clip_name(name: str) -> str:
    check_name("clip", name)
    if not name.endswith(".npz"):
        raise StoreError(f"clip {name!a} is not an .npz file")
    return name


IdentityName = Annotated[str, AfterValidator(_identity)]
"""Name of an identity and of its folder, as files say it: it cannot lead out of the corpus."""

PersonRole = Literal["", "public", "heldout"]
"""Role that an official split gives: `public` is for pre-training, `heldout` never trains; "" is free."""

ClipName = Annotated[str, AfterValidator(_clip_name)]
"""Name of a clip's file in an identity's folder, likewise."""


class ClipEntry(BaseModel):
    """The index's entry of one clip's file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sha256: str
    length: int = Field(gt=0)
    """Number of frames."""
    size: int = Field(gt=0)
    """Height (= width) of a frame in pixels."""
    fps: float = Field(gt=0, lt=1000)


class Index(BaseModel):
    """``index.json``: the clips of one identity by file name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: int = FORMAT
    identity: IdentityName
    clips: dict[ClipName, ClipEntry]
    attributes: dict[str, str] = Field(default_factory=dict)
    """The attributes of the person, which splits use; not in files from before layouts."""
    role: PersonRole = ""
    """The role by the official split."""


# One clip


def check_clip(clip: Clip) -> None:
    """Raise a `StoreError` that names the clip and the first rule that it breaks."""
    check_name("identity", clip.identity)
    check_name("utterance", clip.utterance)
    if problem := clip_problem(clip):
        raise StoreError(f"clip {clip.identity}/{clip.utterance}: {problem}")


def clip_problem(clip: Clip) -> str | None:
    """Returns the first rule that a clip's arrays break; None where they keep all."""
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
    arrays = _pack(clip)
    if (size := sum(array.nbytes for array in arrays.values()) + MOST * 1024) > LARGEST:
        raise StoreError(f"clip {clip.identity}/{clip.utterance}: {too_large(size)}")
    data = npz_bytes(arrays)
    write_bytes(path, data)
    digest = hashlib.sha256(data).hexdigest()
    return ClipEntry(sha256=digest, length=clip.length, size=clip.size, fps=clip.fps)


def load_clip(path: Path, sha256: str | None = None) -> Clip:
    """The clip in `path`; raises where the file is damaged or its hash is not `sha256`, if one is given."""
    with reading(path):
        if (size := path.stat().st_size) > LARGEST:
            raise ValueError(too_large(size))
        data = path.read_bytes()
        if sha256 is not None and hashlib.sha256(data).hexdigest() != sha256:
            raise StoreError(f"{path}: its sha256 is not the one that {INDEX} holds; it was cut or altered")
        clip = _unpack(read_arrays(data))
        check_clip(clip)
    return clip


def load_listed(path: Path, identity: str, entry: ClipEntry) -> Clip:
    """The clip in `path`, which must be what the index of its identity says of it."""
    clip = load_clip(path, entry.sha256)
    told = (clip.identity, f"{clip.utterance}.npz", clip.length, clip.size, clip.fps)
    if told != (identity, path.name, entry.length, entry.size, entry.fps):
        raise StoreError(
            f"{path}: it is {clip.utterance} of {clip.identity}, {clip.length} frames of {clip.size} pixels at "
            f"{clip.fps:g} a second, and {INDEX} says otherwise"
        )
    return clip


def _pack(clip: Clip) -> dict[str, NDArray[Any]]:
    arrays, note = pack(clip)
    frames = arrays.pop("frames")
    told = {"format": CLIP_FORMAT, "sample_rate": SAMPLE_RATE, "note": note, "print": print_of(frames)}
    about = np.frombuffer(json.dumps(told).encode(), np.uint8)
    return {CHANGES: changes(frames), **arrays, "about": about}


def _unpack(arrays: dict[str, NDArray[Any]]) -> Clip:
    notes = arrays.pop("about").tobytes()
    if len(notes) > LARGEST_NOTES:
        raise ValueError(f"{len(notes)} bytes of notes")
    about = json.loads(notes)
    if about["format"] not in (1, CLIP_FORMAT):
        raise ValueError(f"format {about['format']}, this version reads 1 to {CLIP_FORMAT}: prepare it again")
    if about["format"] == CLIP_FORMAT:
        arrays["frames"] = restored(arrays.pop(CHANGES))
    if about["sample_rate"] != SAMPLE_RATE:
        raise ValueError(f"audio at {about['sample_rate']} Hz; it must be at {SAMPLE_RATE}")
    clip = unpack(arrays, about["note"])
    if not isinstance(clip.fps, int | float) or not isinstance(clip.attributes, dict):
        raise TypeError("its notes do not say what a clip's do")
    return clip


# One identity: a folder of clips and its index


def clip_path(folder: Path, utterance: str) -> Path:
    """The path of a clip of the identity kept in `folder`."""
    check_name("utterance", utterance)
    return folder / f"{utterance}.npz"


def write_index(
    folder: Path,
    identity: str,
    clips: Mapping[str, ClipEntry],
    attributes: Mapping[str, str] | None = None,
    role: PersonRole = "",
) -> None:
    """Write the index of an identity's folder: from here on its clips count."""
    told = dict(sorted((attributes or {}).items()))
    index = Index(identity=identity, clips=dict(sorted(clips.items())), attributes=told, role=role)
    silent = {name for name in ("attributes", "role") if not getattr(index, name)}
    write_atomic(folder / INDEX, index.model_dump_json(indent=1, exclude=silent) + "\n")


def read_index(folder: Path) -> Index:
    """The index of an identity's folder; raises where there is none or it cannot be read."""
    try:
        index = read_book(folder / INDEX, Index, "an index")
    except FileNotFoundError as error:
        raise StoreError(f"{shown(folder)}: no {INDEX}, so what stands here is unfinished") from error
    if index.format != FORMAT:
        raise StoreError(f"{shown(folder / INDEX)}: format {index.format}, this version reads {FORMAT}")
    return index


Book = TypeVar("Book", bound=BaseModel)


def read_book(path: Path, kind: type[Book], what: str) -> Book:
    """A file of JSON that must be `what` it should be; raises a `StoreError` that names it and the first fault."""
    if path.exists() and not (path.is_file() and path.stat().st_size <= LARGEST_BOOK):
        raise StoreError(f"{shown(path)}: not {what} (no file, or a larger one than any)")
    try:
        return kind.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = shown(".".join(map(str, first["loc"])))[:80]
        raise StoreError(
            f"{shown(path)}: not {what} ({place + ': ' if place else ''}{shown(first['msg'])})"
        ) from error


def rebuild_index(folder: Path) -> Index:
    """Write the index anew from the clips in `folder`; raises, writing nothing, where one is damaged."""
    entries: dict[str, ClipEntry] = {}
    for path in sorted(folder.glob("*.npz")):
        clip = load_clip(path)
        entries[path.name] = ClipEntry(
            sha256=file_hash(path), length=clip.length, size=clip.size, fps=clip.fps
        )
    try:
        known = read_index(folder)
    except (StoreError, OSError):
        known = Index(identity=folder.name, clips={})
    write_index(folder, folder.name, entries, known.attributes, known.role)
    return read_index(folder)


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
    index = read_index(folder)
    return [load_listed(folder / name, index.identity, entry) for name, entry in index.clips.items()]


# A corpus: a folder of identities


def read_indices(root: Path) -> dict[Path, Index]:
    """Index by folder of everybody in a corpus; raises where one person would be two, or two would be one."""
    found: dict[Path, Index] = {}
    owners: dict[str, Path] = {}
    for folder in sorted(path.parent for path in root.glob(f"*/{INDEX}")):
        if folder.name.startswith("."):
            continue
        index = read_index(folder)
        name = unicodedata.normalize("NFC", index.identity)
        claim = f"{shown(folder)}: its {INDEX} says that it is identity {index.identity!a}"
        if other := owners.get(name):
            raise StoreError(f"{claim}, as that of {shown(other)} does; remove one of the two folders")
        if name != unicodedata.normalize("NFC", folder.name):
            raise StoreError(
                f"{claim}; a folder has its identity's name: rename it back, or remove it and prepare those videos "
                "under the name you want"
            )
        found[folder], owners[name] = index, folder
    return found


def load_corpus(root: Path) -> dict[str, list[Clip]]:
    """Clips by identity, checked, all of one size and rate; raises a `StoreError` that names the cause."""
    corpus = {index.identity: load_identity(folder) for folder, index in read_indices(root).items()}
    corpus = {identity: clips for identity, clips in corpus.items() if clips}
    if not corpus:
        raise StoreError(f"{root}: no clips here; `bench data prepare VIDEOS -o {root}` makes them")
    kinds = {(clip.size, clip.fps) for clips in corpus.values() for clip in clips}
    if len(kinds) > 1:
        raise StoreError(
            f"{root}: clips of several kinds (pixels, frames a second): {sorted(kinds)}; prepare them alike"
        )
    return corpus

"""A clip's file as an archive: what it declares is checked before any of it is unpacked."""

from __future__ import annotations

import hashlib
import io
import json
import math
import struct
import zipfile
import zlib
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from privtalk.bench.corpus.prepared.packing import CHANGES, array_bytes, restored

LARGEST = 2**29
"""Bytes that a clip may unpack to: 109 s of 256 pixels a side at 25 frames a second, 29 minutes of 64."""

LARGEST_NOTES = 2**20
"""Bytes of what a clip's file says about itself."""

MOST = 16
"""Arrays in a clip's file; a rendered one has eleven."""

PICTURES = "frames.npy"
PACKED_PICTURES = f"{CHANGES}.npy"
"""The arrays of pictures in clips of format 1, and since."""
ABOUT = "about.npy"

HEADS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}

DAMAGE = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    EOFError,
    OverflowError,
    MemoryError,
    RuntimeError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)
"""Errors that reading a damaged or hostile archive may raise."""


class StoreError(ValueError):
    """A clip or an index on disk that cannot be used; the message names it and says why."""


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turns what damage raises into a `StoreError` that names the file."""
    try:
        yield
    except StoreError:
        raise
    except DAMAGE as error:
        raise StoreError(f"{path}: not a readable clip ({error or type(error).__name__})") from error


def read_arrays(data: bytes) -> dict[str, NDArray[Any]]:
    """The arrays of an npz file; raises, before it unpacks any, where one is too large or not as declared."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        _check(archive)
        arrays = {}
        for member in archive.infolist():
            with archive.open(member) as file:
                arrays[member.filename.removesuffix(".npy")] = npy.read_array(file, allow_pickle=False)
        return arrays


def _check(archive: zipfile.ZipFile) -> None:
    members = archive.infolist()
    if len(members) > MOST or len({member.filename for member in members}) < len(members):
        raise ValueError(f"{len(members)} arrays; a clip has at most {MOST}, each once")
    if (size := sum(member.file_size for member in members)) > LARGEST:
        raise ValueError(too_large(size))
    for member in members:
        if not member.filename.endswith(".npy") or member.compress_type not in (
            zipfile.ZIP_STORED,
            zipfile.ZIP_DEFLATED,
        ):
            raise ValueError(f"{member.filename!r} is not an array that this version reads")
        _check_array(archive, member)


def too_large(size: int) -> str:
    """The reason why a clip of so many bytes is refused."""
    return f"it unpacks to {size / 2**20:.0f} MiB, at most {LARGEST / 2**20:.0f} are read: cut it shorter"


def _check_array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    """Raise unless an array holds plain numbers, as many as the archive has bytes for."""
    with archive.open(member) as file:
        version = npy.read_magic(file)
        if version not in HEADS:
            raise ValueError(f"{member.filename} has a head of version {version}")
        shape, _, dtype = HEADS[version](file)
        head = file.tell()
    if dtype.hasobject:
        raise ValueError(f"{member.filename} holds objects, which are never unpacked")
    if min(shape, default=1) < 0 or head + math.prod(shape) * dtype.itemsize != member.file_size:
        raise ValueError(f"{member.filename} is not as large as its head says: {list(shape)} {dtype}")


# The pictures alone


class Print(NamedTuple):
    """A fingerprint that equal pictures share; it is read without unpacking them."""

    crc: int
    size: int


def fingerprint(path: Path) -> Print:
    """The print of a clip's pictures, the same in either form.

    That of packed ones is what the clip says of itself: it groups clips, and `picture_hash` looks at the pictures.
    """
    with reading(path), zipfile.ZipFile(path) as archive:
        if PACKED_PICTURES not in archive.namelist():
            member = archive.getinfo(PICTURES)
            return Print(member.CRC, member.file_size)
        _check(archive)
        with archive.open(ABOUT) as file:
            about = npy.read_array(file, allow_pickle=False)
        if about.nbytes > LARGEST_NOTES:
            raise ValueError(f"{about.nbytes} bytes of notes")
        crc, size = json.loads(about.tobytes())["print"]
        return Print(int(crc), int(size))


def print_of(frames: NDArray[np.uint8]) -> Print:
    """The print of pictures [T, H, W, 3]: that of the array that a clip of format 1 has."""
    data = array_bytes(frames)
    return Print(zlib.crc32(data), len(data))


def picture_hash(path: Path) -> str:
    """sha256 of a clip's pictures."""
    with reading(path), zipfile.ZipFile(path) as archive:
        _check(archive)
        if PACKED_PICTURES in archive.namelist():
            with archive.open(PACKED_PICTURES) as file:
                packed = npy.read_array(file, allow_pickle=False)
            return hashlib.sha256(array_bytes(restored(packed))).hexdigest()
        with archive.open(PICTURES) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]


def repeats(paths: Iterable[Path], damaged: Callable[[StoreError], None]) -> list[list[Path]]:
    """Groups of clips that show the same pictures, in the order of `paths`; tells `damaged` of those it cannot read."""
    groups = _grouped(paths, fingerprint, damaged)
    return [same for group in groups for same in _grouped(group, picture_hash, damaged)]


def _grouped(
    paths: Iterable[Path], key: Callable[[Path], Hashable], damaged: Callable[[StoreError], None]
) -> list[list[Path]]:
    found: dict[Hashable, list[Path]] = {}
    for path in paths:
        try:
            found.setdefault(key(path), []).append(path)
        except StoreError as error:
            damaged(error)
    return [group for group in found.values() if len(group) > 1]

"""Files that are written whole or not at all, and what killed writers leave behind."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PART = re.compile(r".+\.(\d{1,10})\.part")
"""Name of a file that a process is writing; the number is the process's."""


@contextmanager
def partial(path: Path) -> Iterator[Path]:
    """A temporary file beside `path`, which takes its place when the block ends well and is gone otherwise.

    The temporary name is never followed where it is a link, and it is locked while it is written, so that
    `sweep` can tell it from what a dead writer left, also where process numbers say nothing.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.unlink(missing_ok=True)
    with part.open("xb") as lock:
        try:
            with suppress(OSError):  # a file system without locks; the process's number has to do
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield part
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes | memoryview) -> None:
    """Write a whole file or nothing."""
    with partial(path) as part:
        part.write_bytes(data)


def write_atomic(path: Path, text: str) -> None:
    """Write a whole text file or nothing, with the line ends of the text."""
    write_bytes(path, text.encode())


def file_hash(path: Path) -> str:
    """sha256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sweep(parts: Iterable[Path]) -> int:
    """Remove those of the files that a dead process was writing; how many they were."""
    gone = [part for part in parts if _abandoned(part)]
    for part in gone:
        part.unlink(missing_ok=True)
    return len(gone)


def sweep_folder(folder: Path) -> int:
    """`sweep` of everything below a folder; links are not followed."""
    return sweep(
        Path(place, name) for place, _, names in os.walk(folder) for name in names if PART.fullmatch(name)
    )


def _abandoned(part: Path) -> bool:
    """Whether this is a temporary file whose writer is not at work any more."""
    named = PART.fullmatch(part.name)
    if named is None or part.is_symlink() or not part.is_file() or _alive(int(named[1])):
        return False
    try:
        with part.open("rb+") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # locked by a process of another machine or container, or not ours to touch
        return False
    return True


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # somebody else's
        return True
    return True

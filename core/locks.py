"""One writer a folder: a second one is refused by name, and what a dead one left is cleared away."""

from __future__ import annotations

import datetime
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from privtalk.core.errors import UserError
from privtalk.core.files import sweep_folder, write_atomic

LOCK = "writer.lock"
"""File that a folder's writer holds; the system takes it back from a process that dies, however it dies."""

HOLDER = "writer.txt"
"""File beside it that says who that is: a lock cannot be read everywhere while it is held."""


@contextmanager
def sole_writer(folder: Path, work: str) -> Iterator[None]:
    """Holds a folder for `work`, such as `bench run`; a `UserError` where another process holds it.

    Temporary files that a dead writer left are removed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise UserError(
            f"{folder}: {_holder(folder)} is at work in it; wait for it, or name another folder"
        ) from None
    try:
        sweep_folder(folder)
        write_atomic(folder / HOLDER, _myself(work))
        yield
    finally:
        (folder / HOLDER).unlink(missing_ok=True)
        lock.release()


def _myself(work: str) -> str:
    since = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    return f"{work} (process {os.getpid()} on {platform.node()}, since {since})\n"


def _holder(folder: Path) -> str:
    """Who holds the folder, as far as it is written."""
    try:
        said = (folder / HOLDER).read_text(encoding="utf-8", errors="replace")[:200].strip()
    except OSError:
        said = ""
    return "".join(c for c in said if c.isprintable()) or "another process"

"""The hashes of files by size and time: a file is read again only where these have changed.

``stamps.jsonl`` lies in DST and is only added to while a call lasts, a line a file, so that a hundred thousand files
cost no more than once each; it may be deleted, which costs time alone. A line that was cut is passed over.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from privtalk.core.files import file_hash, write_atomic

STAMPS = "stamps.jsonl"
SETTLED = 2.0
"""Seconds since a file was written before its time is trusted: some disks count in steps of two."""


class Stamp(NamedTuple):
    """A file as it was when it was read."""

    size: int
    mtime_ns: int
    sha256: str


class Stamps:
    """The hashes of files that were read, of this call and of those before."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / STAMPS
        self.known = dict(_read(self.path))
        self.used: set[str] = set()
        self._lines: list[str] = []
        self._written = len(self.known)

    def hash(self, path: Path) -> str:
        """Returns the sha256 of a file; raises `OSError` where it cannot be read."""
        name, found = os.path.realpath(path), path.stat()
        known = self.known.get(name)
        if known is not None and known[:2] == (found.st_size, found.st_mtime_ns):
            self.used.add(name)
            return known.sha256
        digest = file_hash(path)
        if time.time() - found.st_mtime > SETTLED:
            self._enter(name, Stamp(found.st_size, found.st_mtime_ns, digest))
        return digest

    def enter(self, path: Path, sha256: str) -> None:
        """Takes down the hash of a file that was just written, and that nobody else writes."""
        found = path.stat()
        self._enter(os.path.realpath(path), Stamp(found.st_size, found.st_mtime_ns, sha256))

    def write(self) -> None:
        """Adds what is new to the file."""
        if self._lines:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as file:
                file.writelines(self._lines)
            self._written += len(self._lines)
            self._lines.clear()

    def tidy(self) -> None:
        """Writes the file anew where most of it was overtaken, with what this call has used."""
        self.write()
        if self._written > 2 * len(self.used) + 100:
            kept = {name: stamp for name, stamp in self.known.items() if name in self.used}
            write_atomic(self.path, "".join(_line(name, stamp) for name, stamp in sorted(kept.items())))
            self._written = len(kept)

    def _enter(self, name: str, stamp: Stamp) -> None:
        self.known[name] = stamp
        self.used.add(name)
        self._lines.append(_line(name, stamp))


def _line(name: str, stamp: Stamp) -> str:
    return json.dumps([name, *stamp]) + "\n"


def _read(path: Path) -> Iterator[tuple[str, Stamp]]:
    """Names and stamps of a file that anybody may have written; what is none is passed over."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError:
        return
    for line in lines:
        try:
            name, size, mtime_ns, sha256 = json.loads(line)
        except (ValueError, TypeError, RecursionError):
            continue
        if isinstance(name, str) and isinstance(sha256, str) and type(size) is type(mtime_ns) is int:
            yield name, Stamp(size, mtime_ns, sha256)

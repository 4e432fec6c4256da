"""The disk that clips will take, told before the work begins: films by their headers, a sample of them where many."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import av

from privtalk.bench.corpus.clip import FPS, SAMPLE_RATE
from privtalk.bench.corpus.prepared.names import shown
from privtalk.core.errors import UserError

SAMPLE = 64
"""Films whose headers are read."""
PACKED = 0.6
"""Share of raw pictures that is kept of them; of faces that were measured, at most .53."""
POINTS = 68 * 2 * 4 * FPS
"""Bytes of landmarks a second."""
SOUND = 4 * SAMPLE_RATE
"""Bytes of sound a second."""


class DiskNeed(NamedTuple):
    """Length of films, and the bytes that their clips will take."""

    seconds: float
    bytes: int


def clip_bytes(seconds: float, size: int) -> int:
    """Returns the bytes that clips of so many seconds take at most, at `size` pixels a side.

    >>> round(clip_bytes(3600, 64) / 2**20)
    899
    """
    return round(seconds * (PACKED * FPS * 3 * size**2 + POINTS + SOUND))


def disk_need(films: Sequence[tuple[Path, int]], size: int) -> DiskNeed:
    """Returns what films, given by path and bytes, will take as clips of `size` pixels a side.

    Where there are more than `SAMPLE`, lengths of the others follow from their bytes.
    """
    known = [
        (length, count)
        for path, count in films[:: -(-len(films) // SAMPLE) or 1]
        if (length := _seconds(path))
    ]
    read = sum(count for _, count in known)
    total = sum(count for _, count in films)
    seconds = sum(length for length, _ in known) * (total / read if read else 0.0)
    return DiskNeed(seconds, clip_bytes(seconds, size))


def _seconds(path: Path) -> float:
    """Length by the header; 0 where it does not say, or the file cannot be opened, which its own refusal says."""
    try:
        with av.open(str(path)) as container:
            return container.duration / av.time_base if container.duration else 0.0
    except (av.error.FFmpegError, OSError, ValueError):
        return 0.0


def check_disk(dst: Path, need: DiskNeed, size: int) -> str:
    """Returns a line on what will be taken and what is free; a `UserError` where it will not do."""
    free = shutil.disk_usage(dst).free
    if need.bytes > free:
        raise UserError(
            f"{shown(dst)}: {_told(need, size)} may take {_amount(need.bytes)}, and {_amount(free)} are free there; "
            "make room, name a folder on another disk with -o, or lower --size"
        )
    return (
        f"{_told(need, size)} will take up to {_amount(need.bytes)} in {shown(dst)}; {_amount(free)} are free"
    )


def _told(need: DiskNeed, size: int) -> str:
    length = f"{need.seconds / 3600:.1f} h" if need.seconds >= 3600 else f"{need.seconds / 60:.1f} min"
    return f"{length} of film at {size} pixels"


def _amount(count: float) -> str:
    """
    >>> _amount(3 * 2**29), _amount(5 * 2**20)
    ('1.5 GiB', '5.0 MiB')
    """
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.1f} MiB"

"""Features of many clips, kept on disk in the order in which they came, so that memory does not grow with them."""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

BLOCK = 2**22
"""Numbers read back at a time, about (16 MiB)."""


class SpooledRows(NamedTuple):
    """Some successive rows."""

    rows: NDArray[np.float64]
    """[n, D]."""
    clip: NDArray[np.int64]
    """[n] number of the clip that each belongs to."""


class Spool:
    """Rows [n, D] float32 of clips 0, 1, 2, ... in a temporary file that vanishes with the object."""

    def __init__(self, dim: int) -> None:
        self.dim = dim
        self.counts: list[int] = []
        """Rows of each clip."""
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the object)
        weakref.finalize(self, self._file.close)

    def append(self, rows: NDArray[np.floating]) -> None:
        """The rows of the next clip; none is allowed. Raises `ValueError` for what is no finite [n, D]."""
        if rows.ndim != 2 or rows.shape[1] != self.dim:
            raise ValueError(
                f"clip {len(self.counts)}: features are {list(rows.shape)}, must be [n, {self.dim}]"
            )
        if not np.isfinite(rows).all():
            raise ValueError(f"clip {len(self.counts)}: features are not finite; look at its frames")
        self._file.seek(0, 2)
        self._file.write(np.ascontiguousarray(rows, dtype=np.float32).tobytes())
        self.counts.append(len(rows))

    def __len__(self) -> int:
        """Rows in all."""
        return sum(self.counts)

    def blocks(self) -> Iterator[SpooledRows]:
        """All rows, a bounded number at a time."""
        clip = np.repeat(np.arange(len(self.counts)), self.counts)
        step = max(1, BLOCK // self.dim)
        for first in range(0, len(clip), step):
            count = min(step, len(clip) - first)
            yield SpooledRows(self._read(first, count), clip[first : first + count])

    def clips(self) -> Iterator[NDArray[np.float64]]:
        """[n, D] of each clip."""
        for first, end in pairwise(np.concatenate([[0], np.cumsum(self.counts, dtype=int)])):
            yield self._read(int(first), int(end - first))

    def _read(self, first: int, count: int) -> NDArray[np.float64]:
        self._file.seek(4 * self.dim * first)
        raw = np.frombuffer(self._file.read(4 * self.dim * count), dtype=np.float32)
        return raw.reshape(count, self.dim).astype(np.float64)

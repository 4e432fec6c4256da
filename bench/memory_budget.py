"""A bound on memory, and the means of a run that follow from it: the fastest that fit, those that change bits last."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from privtalk.core.errors import UserError

UNITS = {"MiB": 1.0, "GiB": 1024.0, "MB": 1e6 / 2**20, "GB": 1e9 / 2**20}
"""Unit -> MiB."""
SLOWER = 1.35
"""Time of training that computes activations again, over that which keeps them (measured: 1.28 and 1.21)."""
PARENT_MIB = 700.0
"""MiB of the process that hands out the work, where others do it."""


class MemoryMeans(NamedTuple):
    """The means of a run that memory depends on."""

    workers: int
    """Processes."""
    windows: int | None
    """Windows in one stacked pass; None: as the settings say. Others are other bits, by rounding."""
    recomputes: bool = False
    """Whether training keeps the inputs of blocks alone. The bits are the same."""

    @property
    def speed(self) -> float:
        """Relative to one worker that keeps everything."""
        return self.workers / (SLOWER if self.recomputes else 1.0)


def parse_memory(text: str) -> float:
    """Returns the MiB of a text such as `8GiB`; a number without a unit, or an unknown one, is a `UserError`.

    >>> parse_memory("8GiB"), parse_memory("512 MiB"), round(parse_memory("1GB"))
    (8192.0, 512.0, 954)
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]+)\s*", text)
    unit = next((name for name in UNITS if found and name.lower() == found[2].lower()), None)
    if found is None or unit is None or float(found[1]) <= 0:
        raise UserError(
            f"--memory {text}: write a number above 0 and a unit of {', '.join(UNITS)}, such as 8GiB"
        )
    return float(found[1]) * UNITS[unit]


def choose_means(
    bound: float, workers: int, windows: int, need: Callable[[MemoryMeans], float]
) -> tuple[MemoryMeans, float]:
    """Returns the means that fit a bound, and the MiB that they are expected to take together.

    Those that leave every bit as it is come first, the fastest of them; only where none fits are fewer windows stacked,
    which is another configuration.

    Parameters: `bound`, MiB of all processes together; `workers` >= 1, processes at most; `windows` >= 1 of a pass as
    the settings say; `need`, the MiB of one worker with some means. Raises `UserError` where nothing fits.

    >>> choose_means(3000, 2, 24, lambda means: 1000.0 + 10 * (means.windows or 24))
    (MemoryMeans(workers=1, windows=None, recomputes=False), 1240.0)
    """
    least = float("inf")
    for stacked in _widths(windows):
        fitting = []
        for means in _means(workers, stacked):
            taken = total(means, need(means))
            least = min(least, taken)
            if taken <= bound:
                fitting.append((means, taken))
        if fitting:
            return max(fitting, key=lambda one: one[0].speed)
    raise UserError(
        f"{bound:.0f} MiB of memory are too few: one process takes {least:.0f} with one window at a time; give "
        f"--memory at least {least / 1024:.1f}GiB, or lower adapter.rank, federation.rate or attack.rounds"
    )


def total(means: MemoryMeans, worker: float) -> float:
    """Returns the MiB of all processes, each worker of which takes so many.

    >>> total(MemoryMeans(1, None), 900.0), total(MemoryMeans(2, None), 900.0)
    (900.0, 2500.0)
    """
    return worker if means.workers == 1 else means.workers * worker + PARENT_MIB


def batch_parts(bound: float, items: int, each: float, fixed: float = 0.0) -> int:
    """Returns into how many equal parts a batch is cut so that one at a time fits a bound; gradients are summed.

    Parameters: `bound`, MiB; `items` >= 1 of a batch; `each`, the MiB that one of them takes; `fixed`, the MiB of the
    process without any. Raises `UserError` where not one item fits.

    >>> batch_parts(4096, 96, 17.5, 600), batch_parts(1500, 96, 17.5, 600)
    (1, 2)
    """
    at_once = int((bound - fixed) // each)
    if at_once < 1:
        raise UserError(
            f"{bound:.0f} MiB of memory are too few for one item of a batch, which takes {fixed + each:.0f}; give more "
            "with --memory"
        )
    return -(-items // min(items, at_once))


def _widths(windows: int) -> Iterator[int | None]:
    """As the settings say, then halves of it."""
    yield None
    while windows > 1:
        windows = -(-windows // 2)
        yield windows


def _means(workers: int, stacked: int | None) -> Iterator[MemoryMeans]:
    for processes, again in itertools.product(range(workers, 0, -1), (False, True)):
        yield MemoryMeans(processes, stacked, again)

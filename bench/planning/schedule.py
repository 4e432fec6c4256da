"""The time that jobs take on several workers."""

from __future__ import annotations

import heapq
from collections.abc import Iterable

from privtalk.bench.planning.forecast import TaskForecast
from privtalk.bench.planning.gpus import Gpu


def makespan(seconds: Iterable[float], workers: int) -> float:
    """Returns the time until all jobs are done, the longest first, each by the worker that is free soonest.

    >>> makespan([3.0, 2.0, 2.0], 2)
    4.0
    """
    free = [0.0] * max(1, workers)
    for job in sorted(seconds, reverse=True):
        heapq.heapreplace(free, free[0] + job)
    return max(free)


def run_seconds(forecast: TaskForecast, workers: int) -> float:
    """Returns the seconds of a run on this machine: shared files one kind after another, then the cells.

    Workers start anew for each kind of file and for the cells.
    """
    before = sum(
        forecast.start_seconds + max(work.longest, work.seconds / max(1, min(workers, work.files)))
        for work in forecast.shared
        if work.files
    )
    cells = makespan((cell.seconds for cell in forecast.cells), workers)
    return before + cells + (forecast.start_seconds if forecast.cells else 0.0)


def gpu_seconds(forecast: TaskForecast, gpu: Gpu) -> float:
    """Returns the seconds of a run by one process with a GPU: operations at the rate that is assumed of it, the rest as
    on a core of this machine. Shared files without operations are made on one core."""
    total = forecast.start_seconds
    for work in forecast.shared:
        total += work.flops / gpu.rate if work.flops else work.seconds
    for cell in forecast.cells:
        counted = sum(cell.flops.get(stage, 0.0) for stage in cell.on_device)
        host = sum(seconds for stage, seconds in cell.stages.items() if stage not in cell.on_device)
        uncounted = sum(cell.stages[stage] for stage in cell.on_device if stage not in cell.flops)
        total += counted / gpu.rate + host + uncounted
    return total

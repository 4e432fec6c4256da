"""Executors: the same results, bit for bit, in this process and on several."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence

from privtalk.bench.execution.inprocess import run_in_process
from privtalk.bench.execution.pool import run_in_pool
from privtalk.bench.execution.task import (
    Event,
    Failed,
    Job,
    Outcome,
    Progressed,
    Report,
    Started,
    Succeeded,
)

__all__ = [
    "Event",
    "Failed",
    "Job",
    "Outcome",
    "Progressed",
    "Report",
    "Started",
    "Succeeded",
    "execute",
    "run_in_pool",
    "run_in_process",
]


def execute(
    tasks: Sequence[Job],
    workers: int,
    listen: Callable[[Event], None] = lambda event: None,
    threads: int = 1,
    first: Job | None = None,
) -> Generator[Outcome, None, None]:
    """Outcomes of all tasks, on `workers` processes (1: in this one).

    `first` is run in every other process before it is given a task; this one is taken to be ready.
    """
    if workers <= 1 or len(tasks) == 1:
        return run_in_process(tasks, listen, threads)
    return run_in_pool(tasks, workers, listen, threads, first)

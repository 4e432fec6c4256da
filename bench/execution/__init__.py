"""Executors: the same results, bit for bit, in this process, on several, and on a cluster."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, nullcontext

from privtalk.bench.execution.engine import AUTO, ENGINES, Engine, choose_engine
from privtalk.bench.execution.inprocess import run_in_process
from privtalk.bench.execution.pool import run_in_pool
from privtalk.bench.execution.task import (
    Event,
    Failed,
    Job,
    Outcome,
    Progressed,
    Report,
    Retried,
    Started,
    Succeeded,
)

__all__ = [
    "AUTO",
    "ENGINES",
    "Engine",
    "Event",
    "Failed",
    "Job",
    "Outcome",
    "Progressed",
    "Report",
    "Retried",
    "Started",
    "Succeeded",
    "Team",
    "choose_engine",
    "execute",
    "heard_by",
    "held",
    "run_in_pool",
    "run_in_process",
    "team",
]
from privtalk.bench.execution.teams import Team, team


def execute(
    tasks: Sequence[Job],
    workers: int,
    listen: Callable[[Event], None] = lambda event: None,
    threads: int = 1,
    first: Job | None = None,
    engine: Engine = AUTO,
) -> Generator[Outcome, None, None]:
    """Outcomes of all tasks, on `workers` processes (1: in this one, unless `engine` says otherwise).

    `first` is run in every other process before it is given a task; this one is taken to be ready.
    """
    if engine.name == "ray" and tasks:
        from privtalk.bench.execution.cluster import run_on_cluster

        return run_on_cluster(tasks, workers, listen, threads, first, engine)
    alone = engine.name == "auto" and (workers <= 1 or len(tasks) == 1)
    if alone or engine.name == "inprocess" or not tasks:
        return run_in_process(tasks, listen, threads)
    return run_in_pool(tasks, workers, listen, threads, first, engine.most)


def held(engine: Engine, workers: int) -> AbstractContextManager[None]:
    """Holds what an engine needs over several calls of `execute`: the connection to a cluster."""
    if engine.name != "ray":
        return nullcontext()
    from privtalk.bench.execution.cluster import connected

    return connected(engine, workers)


def heard_by(*listeners: Callable[[Event], None]) -> Callable[[Event], None]:
    """Returns a listener that tells every event to several, in their order."""

    def tell(event: Event) -> None:
        for listener in listeners:
            listener(event)

    return tell

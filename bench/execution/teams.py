"""Workers that stay: for the many small tasks within one cell, whose workers must not be started for each."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from privtalk.bench.execution.engine import AUTO, Engine
from privtalk.bench.execution.pool import ProcessTeam
from privtalk.bench.execution.task import Event, Job, Outcome


class Team(Protocol):
    """Several workers, all of the same kind."""

    def run(
        self, tasks: Sequence[Job], listen: Callable[[Event], None] = lambda event: None
    ) -> Generator[Outcome, None, None]:
        """Outcomes of all tasks, as they arrive."""


@contextmanager
def team(
    workers: int, threads: int = 1, first: Job | None = None, engine: Engine = AUTO
) -> Iterator[Team | None]:
    """Holds a team of an engine while the block runs; None for no workers, whose work is done in this process.

    A cluster must be connected (`execution.held`).
    """
    if not workers or engine.name == "inprocess":
        yield None
    elif engine.name == "ray":
        from privtalk.bench.execution.cluster import ClusterTeam

        with ClusterTeam(workers, threads, first, engine) as cluster:
            yield cluster
    else:
        with ProcessTeam(workers, threads, first, engine.most) as processes:
            yield processes

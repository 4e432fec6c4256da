"""The files that cells share are made before them, in parallel."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

from rich.console import Console

from privtalk.bench.execution import AUTO, Engine, Event, Failed, Job, execute, heard_by
from privtalk.bench.progress import display
from privtalk.bench.task import Preparation
from privtalk.core.errors import WorkFailed

EVERY = 15.0
"""Seconds between two lines of progress, at least, where there is no terminal."""


def make(
    wanted: Preparation,
    workers: int,
    console: Console | None = None,
    first: Job | None = None,
    engine: Engine = AUTO,
    hear: Callable[[Event], None] = lambda event: None,
) -> int:
    """Runs jobs that must all succeed; returns how many there were.

    `first` and `engine` are `execution.execute`'s; `hear` is told every event beside the display.
    """
    if not wanted.jobs:
        return 0
    title, console = wanted.title, console or Console(stderr=True)
    if not console.is_terminal:
        console.print(f"{title}: {len(wanted.jobs)} files to make", highlight=False)
    plan = {job.key: {title: wanted.costs.get(job.key, 1.0)} for job in wanted.jobs}
    with (
        display(title, plan, console, every=EVERY) as listen,
        closing(
            execute(wanted.jobs, workers, heard_by(listen, hear), first=first, engine=engine)
        ) as outcomes,
    ):
        for outcome in outcomes:
            if isinstance(outcome, Failed):
                raise WorkFailed(f"{title} {outcome.key} failed: {outcome.reason}", outcome.traceback)
    return len(wanted.jobs)

"""The files that cells share are made before them, in parallel."""

from __future__ import annotations

from contextlib import closing

from rich.console import Console

from privtalk.bench.execution import Failed, Job, execute
from privtalk.bench.progress import display
from privtalk.bench.task import Preparation
from privtalk.core.errors import WorkFailed

EVERY = 15.0
"""Seconds between two lines of progress, at least, where there is no terminal."""


def make(wanted: Preparation, workers: int, console: Console | None = None, first: Job | None = None) -> int:
    """Runs jobs that must all succeed; returns how many there were. `first` is `execution.execute`'s."""
    if not wanted.jobs:
        return 0
    title, console = wanted.title, console or Console(stderr=True)
    if not console.is_terminal:
        console.print(f"{title}: {len(wanted.jobs)} files to make", highlight=False)
    plan = {job.key: {title: wanted.costs.get(job.key, 1.0)} for job in wanted.jobs}
    with (
        display(title, plan, console, every=EVERY) as listen,
        closing(execute(wanted.jobs, workers, listen, first=first)) as outcomes,
    ):
        for outcome in outcomes:
            if isinstance(outcome, Failed):
                raise WorkFailed(f"{title} {outcome.key} failed: {outcome.reason}", outcome.traceback)
    return len(wanted.jobs)

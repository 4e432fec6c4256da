"""Tasks one after another in this process: the plain definition of what every executor must return."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence

from privtalk.bench.execution.task import Event, Job, Outcome, Started, attempt_telling, pinned_threads


def run_in_process(
    tasks: Sequence[Job], listen: Callable[[Event], None] = lambda event: None, threads: int = 1
) -> Generator[Outcome, None, None]:
    """Outcomes in the order of `tasks`. Thread counts are set while a task runs and put back after it."""
    for task in tasks:
        listen(Started(task.key))
        with pinned_threads(threads):
            outcome = attempt_telling(task, listen)
        listen(outcome)
        yield outcome

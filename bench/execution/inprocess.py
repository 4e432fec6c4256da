"""Tasks one after another in this process: the plain definition of what every executor must return."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence

from privtalk.bench.execution.task import Event, Outcome, Progressed, Started, Task, attempt, pin_threads


def run_in_process(
    tasks: Sequence[Task], listen: Callable[[Event], None] = lambda event: None, threads: int = 1
) -> Generator[Outcome, None, None]:
    """Outcomes in the order of `tasks`. Torch's thread count is set and, at the end, put back."""
    import torch

    before = torch.get_num_threads()
    pin_threads(threads)
    try:
        for task in tasks:
            listen(Started(task.key))
            key = task.key
            outcome = attempt(
                task, lambda stage, done, total, key=key: listen(Progressed(key, stage, done, total))
            )
            listen(outcome)
            yield outcome
    finally:
        torch.set_num_threads(before)

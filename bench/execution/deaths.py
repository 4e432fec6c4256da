"""Tasks whose worker died: another one takes them up, until a task has cost too many."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from privtalk.bench.execution.task import Failed, Job, Retried

MOST = 3
"""Workers that a task may cost before it has failed: one that kills whoever takes it must not be tried for ever."""


class LostTask(NamedTuple):
    """A task whose worker is gone."""

    task: Job
    reason: str
    """One line."""


class Deaths:
    """The workers that every task has cost, the same rule on every executor.

    >>> deaths = Deaths(most=2)
    >>> lost = LostTask(Job("a", print), "the worker process was killed (SIGKILL)")
    >>> deaths.judged(lost)
    Retried(key='a', reason='the worker process was killed (SIGKILL)', deaths=1)
    >>> deaths.judged(lost).reason
    'the worker process was killed (SIGKILL); it was tried 2 times'
    """

    def __init__(self, most: int = MOST) -> None:
        self.most = most
        self.count: Counter[str] = Counter()

    def judged(self, lost: LostTask) -> Retried | Failed:
        """Whether a lost task is tried again."""
        key = lost.task.key
        self.count[key] += 1
        if self.count[key] < self.most:
            return Retried(key, lost.reason, self.count[key])
        tried = f"; it was tried {self.count[key]} times" if self.count[key] > 1 else ""
        return Failed(key, f"{lost.reason}{tried}", "")

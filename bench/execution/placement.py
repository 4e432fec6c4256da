"""Who is given which task, by the speed at which each worker was seen to work.

A free worker takes the next task, so that a fast one does more of them. At the end of a queue this is not enough: a
slow worker that takes the last task keeps everybody waiting, where a fast one would have begun it later and ended it
sooner. So each waiting task goes to the worker that is expected to finish it first (list scheduling on machines of
unequal speed: Topcuoglu, Hariri and Wu 2002), and a worker that would be late waits.

No figure depends on it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from privtalk.bench.execution.task import Job

MARGIN = 1.1
"""A worker waits only where another is expected to be done sooner by this factor."""
KEPT = 0.9
"""The part of what was measured that still counts after one more task: machines get busy and idle again."""


@dataclass(frozen=True, slots=True)
class _Begun:
    work: float
    at: float


@dataclass(frozen=True, slots=True)
class _Measured:
    """Sums over tasks, not a mean of their paces: small ones are mostly overhead."""

    seconds: float
    work: float


class Speeds:
    """The pace of each worker, in seconds for a unit of work, and what each is at.

    A worker of which nothing is known is taken to be as fast as the fastest.

    >>> now = [0.0]
    >>> speeds = Speeds(lambda: now[0])
    >>> for worker in (0, 1):
    ...     speeds.began(worker, 1.0)
    >>> now[0] = 1.0; speeds.ended(0)
    >>> now[0] = 4.0; speeds.ended(1)
    >>> tasks = [Job(name, print) for name in "abc"]
    >>> speeds.given([0, 1], tasks)  # worker 0 does all three before worker 1 would end one
    {0: 0}
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._measured: dict[int, _Measured] = {}
        self._begun: dict[int, _Begun] = {}

    def began(self, worker: int, work: float) -> None:
        """Says that a worker was given so much work."""
        self._begun[worker] = _Begun(work, self._clock())

    def ended(self, worker: int) -> None:
        """Says that a worker has done what it was given."""
        begun = self._begun.pop(worker)
        before = self._measured.get(worker, _Measured(0.0, 0.0))
        self._measured[worker] = _Measured(
            KEPT * before.seconds + self._clock() - begun.at, KEPT * before.work + begun.work
        )

    def lost(self, worker: int) -> None:
        """Says that a worker is another one from now on, perhaps on another machine."""
        self._begun.pop(worker, None)
        self._measured.pop(worker, None)

    def given(self, free: Collection[int], waiting: Sequence[Job]) -> dict[int, int]:
        """The waiting task that each free worker is given, by its place; a worker that should wait has none.

        At least one gets a task where nobody is at work.
        """
        now, known = self._clock(), {worker: m.seconds / m.work for worker, m in self._measured.items()}
        fastest = min(known.values(), default=1.0)
        pace = {worker: known.get(worker, fastest) for worker in (*free, *self._begun)}
        until = dict.fromkeys(free, now) | {
            worker: self._end(worker, pace[worker], now) for worker in self._begun
        }
        found: dict[int, int] = {}
        for place, task in enumerate(waiting):
            ends = {worker: at + task.work * pace[worker] for worker, at in until.items()}
            best = min(ends, key=lambda worker: ends[worker])
            near = [w for w in free if w not in found and ends[w] - now <= MARGIN * (ends[best] - now)]
            chosen = min(near, key=lambda worker: ends[worker]) if near else best
            if chosen in free and chosen not in found:
                found[chosen] = place
                if len(found) == len(free):
                    break
            until[chosen] = ends[chosen]
        return found

    def _end(self, worker: int, pace: float, now: float) -> float:
        """When a worker is expected to be free; one that is late is taken to need as long again."""
        begun = self._begun[worker]
        due = begun.at + begun.work * pace
        return due if due > now else now + (now - begun.at)

"""One display for everything that runs: a bar, what each worker is at, and an estimate that is kept honest.

Work is measured in seconds as a cost model guesses them. The guess need not be right: what remains is scaled by how
long the finished part really took, and work done before this start (a resumed run) counts for nothing in that.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table

from privtalk.bench.environment import available_memory
from privtalk.bench.execution.task import Event, Failed, Progressed, Retried, Started, Succeeded

Costs = Mapping[str, float]
"""Stage -> guessed seconds."""
ENOUGH = 0.05
"""The share of all work to judge by: before it, the start of processes and compilers is most of what was seen."""


@dataclass
class Running:
    """A task on some worker."""

    stage: str = "starting"
    done: int = 0
    total: int = 0
    worker: int = 0
    mib: float | None = None
    """Resident memory of its worker when it last said something."""
    first: dict[str, float] = field(default_factory=dict)
    """Stage -> fraction at its first report: what a resumed task did not have to do again."""


class Estimator:
    """How much is done and how long the rest takes. `plan`: task -> stages in order with their costs."""

    def __init__(self, plan: Mapping[str, Costs], clock: Callable[[], float] = time.monotonic) -> None:
        self.plan = plan
        self.clock = clock
        self.started = clock()
        self.running: dict[str, Running] = {}
        self.finished: dict[str, float] = {}
        """Task -> its cost that was really spent here."""

    def hear(self, event: Event) -> None:
        match event:
            case Started(key, worker):
                self.running[key] = Running(worker=worker)
            case Retried(key, _, _):
                self.running.pop(key, None)
            case Progressed(key, stage, done, total, mib):
                task = self.running.setdefault(key, Running())
                task.stage, task.done, task.total, task.mib = stage, done, total, mib
                task.first.setdefault(stage, done / total if total else 0.0)
            case Succeeded(key, _) | Failed(key, _, _):
                task = self.running.pop(key, Running())
                self.finished[key] = sum(
                    cost * (1 - task.first.get(stage, 0.0)) for stage, cost in self.plan.get(key, {}).items()
                )

    @property
    def total(self) -> float:
        """Cost of everything."""
        return sum(sum(costs.values()) for costs in self.plan.values())

    @property
    def done(self) -> float:
        """Cost of what exists by now."""
        whole = sum(sum(self.plan.get(key, {}).values()) for key in self.finished)
        return whole + sum(self._reached(key) for key in self.running)

    @property
    def worked(self) -> float:
        """Cost of what this start has done itself."""
        resumed = sum(
            task.first.get(stage, 0.0) * cost
            for key, task in self.running.items()
            for stage, cost in self.plan.get(key, {}).items()
            if stage in task.first
        )
        reached = sum(self._reached(key) for key in self.running)
        return sum(self.finished.values()) + reached - resumed

    def remaining(self) -> float | None:
        """Seconds to go, None before there is anything to judge by."""
        elapsed = self.clock() - self.started
        if self.worked < ENOUGH * self.total or elapsed <= 0:
            return None
        return (self.total - self.done) * elapsed / self.worked

    def _reached(self, key: str) -> float:
        """Cost up to the point where a running task is: the stages before its own, and its part of this one."""
        task, cost = self.running[key], 0.0
        for stage, seconds in self.plan.get(key, {}).items():
            if stage == task.stage:
                return cost + seconds * (task.done / task.total if task.total else 0.0)
            if stage in task.first:
                cost += seconds
        return cost


class ProgressDisplay:
    """Draws an estimator on a terminal; elsewhere writes lines.

    every: None for a line a finished task; seconds for a line at the end and otherwise at most one in that time, for
    tasks that are many or long.
    """

    def __init__(
        self, console: Console, title: str, estimator: Estimator, every: float | None = None
    ) -> None:
        self.console = console
        self.title = title
        self.every = every
        self.estimator = estimator
        self.live: Live | None = None
        self.said = estimator.started

    def hear(self, event: Event) -> None:
        """The listener to hand to an executor."""
        self.estimator.hear(event)
        if self.live is not None:
            self.live.update(self._drawn())
        if isinstance(event, Failed | Retried):
            word = "[red]failed[/]" if isinstance(event, Failed) else "[yellow]tried again[/]"
            line = escape(f"{event.key}: {event.reason}")
            self.console.print(f"{word} {line}", highlight=False, soft_wrap=True)
        elif self.live is None and self._due(event):
            self.said = self.estimator.clock()
            self.console.print(self._line(event.key), markup=False, highlight=False, soft_wrap=True)

    def _due(self, event: Event) -> bool:
        """Whether an event is worth a line."""
        if self.every is None or len(self.estimator.finished) == len(self.estimator.plan):
            return isinstance(event, Succeeded)
        return self.estimator.clock() - self.said >= self.every

    def _line(self, key: str) -> str:
        estimator = self.estimator
        count, of = len(estimator.finished), len(estimator.plan)
        remaining = describe_remaining(estimator.remaining())
        if self.every is None:
            return f"{self.title} {count}/{of}: {key} done, {remaining}"
        if count == of:
            return f"{self.title} {count}/{of}: done in {estimator.clock() - estimator.started:.0f} s"
        return f"{self.title} {count}/{of}: {estimator.done / max(estimator.total, 1e-9):.0%}, {remaining}"

    def _drawn(self) -> Table:
        estimator = self.estimator
        table = Table.grid(padding=(0, 1))
        bar = ProgressBar(total=max(estimator.total, 1e-9), completed=estimator.done, width=40)
        count = f"{len(estimator.finished)}/{len(estimator.plan)}"
        table.add_row(self.title, bar, count, describe_remaining(estimator.remaining()), self._memory())
        for key, task in sorted(estimator.running.items(), key=lambda item: item[1].worker):
            steps = f"{task.done}/{task.total}" if task.total else ""
            cells = (f"worker {task.worker}", escape(key), task.stage, steps, describe_memory(task.mib))
            table.add_row(*(f"[dim]{cell}[/]" for cell in cells))
        return table

    def _memory(self) -> str:
        """The memory of all workers, and what this machine has left."""
        taken = sum(task.mib or 0.0 for task in self.estimator.running.values())
        left = available_memory()
        return describe_memory(taken or None) + ("" if left is None else f" ({describe_memory(left)} left)")


@contextmanager
def display(
    title: str,
    plan: Mapping[str, Costs],
    console: Console | None = None,
    every: float | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Callable[[Event], None]]:
    """A listener that shows progress while the block runs; `every` is `ProgressDisplay`'s."""
    console = console or Console(stderr=True)
    shown = ProgressDisplay(console, title, Estimator(plan, clock), every)
    if not console.is_terminal:
        yield shown.hear
        return
    with Live(shown._drawn(), console=console, refresh_per_second=4, transient=True) as live:
        shown.live = live
        yield shown.hear


def describe_memory(mib: float | None) -> str:
    """
    >>> describe_memory(None), describe_memory(330.4), describe_memory(20480)
    ('', '330 MiB', '20.0 GiB')
    """
    if mib is None:
        return ""
    return f"{mib:.0f} MiB" if mib < 1024 else f"{mib / 1024:.1f} GiB"


def describe_remaining(seconds: float | None) -> str:
    """
    >>> describe_remaining(None), describe_remaining(75), describe_remaining(5000)
    ('estimating', 'about 75 s left', 'about 83 min left')
    >>> describe_remaining(-1e-9)  # sums of estimates end a rounding below nothing
    'about 0 s left'
    """
    if seconds is None:
        return "estimating"
    seconds = max(0.0, seconds)
    return f"about {seconds:.0f} s left" if seconds < 120 else f"about {seconds / 60:.0f} min left"

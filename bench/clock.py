"""When a cell started and how long its stages took, kept across interruptions."""

from __future__ import annotations

import datetime
import json
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from privtalk.bench.execution.task import Report
from privtalk.core.files import write_atomic


@dataclass
class Clock:
    """Seconds by stage, summed over every start of the cell."""

    path: Path
    """The file in which it is kept while the cell runs."""
    started: str = field(
        default_factory=lambda: datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    )
    """The time of the first start: UTC, ISO 8601."""
    seconds: dict[str, float] = field(default_factory=dict)

    @classmethod
    def resumed(cls, path: Path) -> Clock:
        """The clock that an interrupted run left, or a new one."""
        try:
            kept = json.loads(path.read_text(encoding="utf-8"))
            started, seconds = datetime.datetime.fromisoformat(kept["started"]), kept["seconds"].items()
            return cls(
                path, started.isoformat(timespec="seconds"), {name: _seconds(s) for name, s in seconds}
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return cls(path)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Adds the time that the block takes."""
        began, before = time.perf_counter(), self.seconds.get(name, 0.0)
        self._mark = (name, began, before)
        try:
            yield
        finally:
            self.seconds[name] = before + time.perf_counter() - began

    def ticking(self, report: Report) -> Report:
        """A report that keeps the clock at every step of the stage that runs."""

        def tick(stage: str, done: int, total: int) -> None:
            name, began, before = self._mark
            self.seconds[name] = before + time.perf_counter() - began
            self.save()
            report(stage, done, total)

        return tick

    def save(self) -> None:
        write_atomic(self.path, json.dumps({"started": self.started, "seconds": self.seconds}))


def _seconds(value: Any) -> float:
    if isinstance(value, bool) or not 0 <= float(value) < math.inf:
        raise ValueError(f"{value} is no time")
    return float(value)

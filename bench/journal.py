"""The events of a run as JSON lines, one an event, and as a trace that Perfetto shows.

`events.jsonl` stands in the run's folder and grows by every start; `trace.json` is made of it at the end of each. They
tell when what ran where: nothing of anybody's data, and nothing that a record or a board is made of.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

from privtalk.bench.execution.task import Event, Failed, Progressed, Retried, Started, Succeeded
from privtalk.bench.trace import Line, trace
from privtalk.core.files import write_atomic

EVENTS, TRACE = "events.jsonl", "trace.json"
LEAST = 0.05
"""Seconds between two lines of progress within a stage of a task."""


class Journal:
    """Writes the events of a run while it goes on; a context that makes the trace when it ends.

    Arguments:
        folder: the run's.
        clock: seconds since 1970.
    """

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        self.folder, self.clock = folder, clock
        self.last: dict[str, tuple[float, str]] = {}
        """Task -> when its progress was last written, and in which stage."""
        self.file: TextIO | None = None

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / EVENTS
        cut = path.exists() and not path.read_bytes().endswith(b"\n")  # by a kill in mid-line
        self.file = path.open("a", encoding="utf-8")
        self.file.write("\n" if cut else "")
        self._write({"event": "begun"})
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        assert self.file is not None
        self._write({"event": "ended"})
        self.file.close()
        write_atomic(self.folder / TRACE, json.dumps(trace(read_events(self.folder / EVENTS))))

    def kind(self, of: str) -> Callable[[Event], None]:
        """Returns a listener for an executor; `of` says what its tasks are, such as `cells`."""
        return lambda event: self._hear(of, event)

    def _hear(self, of: str, event: Event) -> None:
        if isinstance(event, Progressed) and not self._due(event):
            return
        self._write({"of": of, "task": event.key} | _told(event))

    def _due(self, event: Progressed) -> bool:
        """Whether a report is worth a line: the first and last of a stage are, and one in a while between."""
        now = self.clock()
        when, stage = self.last.get(event.key, (0.0, ""))
        due = stage != event.stage or event.done >= event.total or now - when >= LEAST
        if due:
            self.last[event.key] = (now, event.stage)
        return due

    def _write(self, line: Line) -> None:
        assert self.file is not None
        self.file.write(json.dumps({"time": round(self.clock(), 4)} | line) + "\n")
        self.file.flush()


def read_events(path: Path) -> list[Line]:
    """Returns the lines of a file of events; one that a killed process left half written is passed over."""
    found: list[Line] = []
    for text in path.read_text(encoding="utf-8").splitlines():
        try:
            line = json.loads(text)
        except ValueError:
            continue
        if isinstance(line, dict) and "time" in line and "event" in line:
            found.append(line)
    return found


def _told(event: Event) -> dict[str, Any]:
    match event:
        case Started(_, worker):
            return {"event": "started", "worker": worker}
        case Progressed(_, stage, done, total, mib):
            memory = {} if mib is None else {"mib": round(mib, 1)}
            return {"event": "progressed", "stage": stage, "done": done, "total": total} | memory
        case Retried(_, reason, deaths):
            return {"event": "retried", "reason": reason, "deaths": deaths}
        case Failed(_, reason, _):
            return {"event": "failed", "reason": reason}
        case Succeeded():
            return {"event": "succeeded"}

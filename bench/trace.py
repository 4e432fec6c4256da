"""Events of a run -> a trace in Chrome's format, as ui.perfetto.dev and chrome://tracing open it.

A track a worker. On it a slice a task, in that a slice a stage, and in that a slice a step (a round, while a cell
trains); beside them a curve of each worker's memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Line = dict[str, Any]
"""A line of `events.jsonl`: `time` in seconds since 1970, `event`, and what belongs to it."""

ENDS = {"succeeded", "failed", "retried"}


def trace(lines: Iterable[Line]) -> dict[str, Any]:
    """Returns the trace: times in microseconds since the first line.

    >>> said = [
    ...     {"time": 10.0, "event": "started", "of": "cells", "task": "a", "worker": 1},
    ...     {"time": 12.0, "event": "succeeded", "of": "cells", "task": "a"},
    ... ]
    >>> [(e["name"], e["tid"], e["ts"], e["dur"]) for e in trace(said)["traceEvents"] if e["ph"] == "X"]
    [('a', 1, 0, 2000000)]
    """
    drawing = _Drawing()
    for line in lines:
        drawing.add(line)
    drawing.end()
    return {"traceEvents": [*drawing.tracks(), *drawing.made], "displayTimeUnit": "ms"}


class _Open:
    """A task that runs: where, since when, and where it is."""

    def __init__(self, line: Line) -> None:
        self.name, self.of, self.worker = str(line["task"]), str(line.get("of", "")), int(line["worker"])
        self.since = float(line["time"])
        self.stage: tuple[str, float] | None = None
        self.step: tuple[int, float] | None = None
        """Its number, and since when."""


class _Drawing:
    def __init__(self) -> None:
        self.start: float | None = None
        self.now = 0.0
        self.running: dict[tuple[str, str], _Open] = {}
        self.made: list[dict[str, Any]] = []

    def add(self, line: Line) -> None:
        """Draws what a line ends, and notes what it begins."""
        now, event = float(line["time"]), line["event"]
        if self.start is None:
            self.start = now
        if event == "begun":  # what a killed start left open ended when it was last heard of
            self.end()
        self.now, key = now, (str(line.get("of", "")), str(line.get("task", "")))
        task = self.running.get(key)
        if event == "started":
            self.running[key] = _Open(line)
        elif task is not None and event == "progressed":
            self._progress(task, line)
        elif task is not None and event in ENDS:
            self._close(self.running.pop(key), {"ended": event, "reason": line.get("reason", "")})

    def end(self) -> None:
        """Draws all that still runs up to the last line."""
        for key in list(self.running):
            self._close(self.running.pop(key), {"ended": "unfinished"})

    def tracks(self) -> list[dict[str, Any]]:
        """Returns the names of the tracks."""
        workers = sorted({event["tid"] for event in self.made})
        named = [_name("thread_name", worker, f"worker {worker}") for worker in workers]
        return [_name("process_name", 0, "bench run"), *named]

    def _progress(self, task: _Open, line: Line) -> None:
        stage, done = str(line["stage"]), int(line["done"])
        if task.stage is None or task.stage[0] != stage:
            self._end_stage(task)
            task.stage, task.step = (stage, self.now), (done, self.now)
        elif task.step is not None and task.step[0] != done:
            self._slice(task, f"{stage} {done}", task.step[1])
            task.step = (done, self.now)
        if "mib" in line:
            self.made.append(
                {
                    "ph": "C",
                    "name": f"memory of worker {task.worker}",
                    "pid": 1,
                    "tid": task.worker,
                    "ts": self._at(self.now),
                    "args": {"MiB": line["mib"]},
                }
            )

    def _close(self, task: _Open, about: Mapping[str, Any]) -> None:
        self._end_stage(task)
        self._slice(task, task.name, task.since, about)

    def _end_stage(self, task: _Open) -> None:
        if task.stage is not None:
            self._slice(task, task.stage[0], task.stage[1])

    def _slice(self, task: _Open, name: str, since: float, about: Mapping[str, Any] | None = None) -> None:
        begin, end = self._at(since), self._at(self.now)
        event = {"ph": "X", "name": name, "cat": task.of, "pid": 1, "tid": task.worker}
        self.made.append(event | {"ts": begin, "dur": end - begin, "args": dict(about or {})})

    def _at(self, seconds: float) -> int:
        return round((seconds - (self.start or 0.0)) * 1e6)


def _name(kind: str, worker: int, name: str) -> dict[str, Any]:
    return {"ph": "M", "name": kind, "pid": 1, "tid": worker, "args": {"name": name}}

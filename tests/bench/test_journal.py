"""The events of a run are written one a line, and make a trace whose slices lie within each other."""

from __future__ import annotations

import json

import pytest

from privtalk.bench import cli
from privtalk.bench.execution.task import Failed, Progressed, Retried, Started, Succeeded
from privtalk.bench.journal import EVENTS, TRACE, Journal, read_events
from privtalk.bench.trace import trace
from tests.bench.test_progress import Clock

STORY = [
    (0.0, Started("a", 0)),
    (1.0, Started("b", 1)),
    (1.0, Progressed("a", "training", 0, 2, 300.0)),
    (3.0, Progressed("a", "training", 1, 2, 310.0)),
    (4.0, Retried("b", "killed", 1)),
    (4.5, Started("b", 1)),
    (5.0, Progressed("a", "training", 2, 2, 320.0)),
    (6.0, Progressed("a", "scoring", 0, 1)),
    (8.0, Succeeded("a", None)),
    (9.0, Failed("b", "no", "")),
]


@pytest.fixture
def written(tmp_path):
    clock = Clock()
    with Journal(tmp_path, clock) as journal:
        hear = journal.kind("cells")
        for when, event in STORY:
            clock.now = when
            hear(event)
    return tmp_path


def slices(folder):
    made = json.loads((folder / TRACE).read_text())["traceEvents"]
    return {(e["name"], e["tid"], e["ts"] / 1e6, e["dur"] / 1e6) for e in made if e["ph"] == "X"}


def test_every_event_is_a_line(written):
    lines = [json.loads(line) for line in (written / EVENTS).read_text().splitlines()]
    assert [line["event"] for line in lines] == [
        "begun",
        *("started", "started", "progressed", "progressed", "retried", "started"),
        *("progressed", "progressed", "succeeded", "failed", "ended"),
    ]
    assert lines[4] == {
        "time": 3.0,
        "of": "cells",
        "task": "a",
        "event": "progressed",
        "stage": "training",
        "done": 1,
        "total": 2,
        "mib": 310.0,
    }


def test_a_trace_has_a_track_a_worker_with_tasks_stages_and_rounds(written):
    assert slices(written) == {
        ("a", 0, 0.0, 8.0),
        ("training", 0, 1.0, 5.0),
        ("training 1", 0, 1.0, 2.0),
        ("training 2", 0, 3.0, 2.0),
        ("scoring", 0, 6.0, 2.0),
        ("b", 1, 1.0, 3.0),
        ("b", 1, 4.5, 4.5),
    }
    made = json.loads((written / TRACE).read_text())["traceEvents"]
    assert [e["args"]["MiB"] for e in made if e["ph"] == "C"] == [300.0, 310.0, 320.0]
    assert {e["args"]["name"] for e in made if e["ph"] == "M"} == {"bench run", "worker 0", "worker 1"}


def test_what_a_killed_start_left_open_ends_where_it_was_last_heard(tmp_path):
    begun = {"time": 0.0, "event": "begun"}
    left = [begun, {"time": 1.0, "event": "started", "of": "cells", "task": "a", "worker": 0}]
    left += [
        {"time": 2.0, "of": "cells", "task": "a", "event": "progressed", "stage": "s", "done": 0, "total": 1}
    ]
    (tmp_path / EVENTS).write_text("".join(json.dumps(line) + "\n" for line in left) + '{"time": 3')
    with Journal(tmp_path, lambda: 50.0):
        pass
    assert slices(tmp_path) == {("a", 0, 1.0, 1.0), ("s", 0, 2.0, 0.0)}


def test_many_reports_in_no_time_are_few_lines(tmp_path):
    clock = Clock()
    with Journal(tmp_path, clock) as journal:
        hear = journal.kind("cells")
        for done in range(1001):
            clock.now = 1.0 + done / 1e4
            hear(Progressed("a", "s", done, 1000))
    progress = [line for line in read_events(tmp_path / EVENTS) if line["event"] == "progressed"]
    assert len(progress) <= 4
    assert (progress[0]["done"], progress[-1]["done"]) == (0, 1000)


def test_no_event_is_no_trace():
    assert trace([])["traceEvents"][0]["ph"] == "M"


def test_a_run_leaves_both_and_a_failed_one_too(tmp_path, monkeypatch, capsys):
    from tests.bench.test_cluster import SUITE, TOY

    monkeypatch.chdir(tmp_path)
    (tmp_path / "toys.yaml").write_text(SUITE.format(task="toy", seeds="0"))
    assert cli.guarded(["run", "--suite", "toys.yaml", "--task", TOY, "-o", "a", "--workers", "1"]) == 0
    named = {name for name, *_ in slices(tmp_path / "a")}
    assert {"still seed 0", "mean readings=16 seed 0", "reading"} <= named
    capsys.readouterr()

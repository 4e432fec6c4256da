"""The estimate is right when the cost model is right, and scales itself when it is not."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from privtalk.bench.execution.task import Failed, Progressed, Retried, Started, Succeeded
from privtalk.bench.progress import Estimator, ProgressDisplay, display


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


PLAN = {"a": {"train": 8.0, "score": 2.0}, "b": {"train": 8.0, "score": 2.0}}


@pytest.fixture
def clock():
    return Clock()


def test_estimate_scales_with_the_time_that_work_really_takes(clock):
    estimator = Estimator(PLAN, clock)
    assert estimator.remaining() is None
    estimator.hear(Started("a"))
    estimator.hear(Progressed("a", "train", 0, 4))
    estimator.hear(Progressed("a", "train", 2, 4))
    clock.now = 40.0  # ten times slower than the model thinks
    assert estimator.done == pytest.approx(4.0)
    assert estimator.remaining() == pytest.approx(160.0)


def test_resumed_work_does_not_count_as_speed(clock):
    estimator = Estimator(PLAN, clock)
    estimator.hear(Started("a"))
    estimator.hear(Progressed("a", "train", 3, 4))  # three rounds were there already
    estimator.hear(Progressed("a", "train", 4, 4))
    clock.now = 2.0
    assert estimator.worked == pytest.approx(2.0)
    assert estimator.remaining() == pytest.approx(12.0)


def test_skipped_stages_are_not_counted_as_done(clock):
    estimator = Estimator(PLAN, clock)
    for event in (Started("a"), Progressed("a", "score", 1, 2)):
        estimator.hear(event)
    assert estimator.done == pytest.approx(1.0)


def test_finished_and_failed_tasks_leave_nothing_to_do(clock):
    estimator = Estimator(PLAN, clock)
    for event in (Started("a"), Succeeded("a", None), Started("b"), Failed("b", "why", "")):
        estimator.hear(event)
    clock.now = 5.0
    assert estimator.remaining() == 0
    assert estimator.running == {}


def test_without_a_terminal_every_finished_task_is_a_line():
    out = io.StringIO()
    with display("cells", PLAN, Console(file=out, width=200)) as listen:
        for event in (Started("a"), Succeeded("a", None), Started("b"), Failed("b", "no such clip", "")):
            listen(event)
    lines = out.getvalue().splitlines()
    assert lines[0].startswith("cells 1/2: a done")
    assert lines[1] == "failed b: no such clip"


def quarter(key):
    return Progressed(key, "train", 1, 4)


def test_long_work_says_a_line_every_so_often_and_one_at_its_end(clock):
    out = io.StringIO()
    with display("filming", PLAN, Console(file=out, width=200), every=15, clock=clock) as listen:
        for seconds, event in (
            (1, Started("a")),
            (1, Progressed("a", "train", 0, 4)),
            (14, quarter("a")),
            (16, quarter("a")),  # 15 s after the begin; 2 of 20 are done
            (17, Progressed("a", "train", 2, 4)),
            (30, Succeeded("a", None)),
            (31, Started("b")),  # 15 s after the last line
            (40, Succeeded("b", None)),
        ):
            clock.now = float(seconds)
            listen(event)
    assert out.getvalue().splitlines() == [
        "filming 0/2: 10%, about 2 min left",
        "filming 1/2: 50%, about 31 s left",
        "filming 2/2: done in 40 s",
    ]


def test_a_task_whose_worker_died_is_said_and_counts_anew(clock):
    said = io.StringIO()
    with display("cells", PLAN, Console(file=said), clock=clock) as listen:
        for event in (Started("a"), Progressed("a", "train", 2, 4), Retried("a", "killed", 1)):
            listen(event)
    assert "tried again a: killed" in said.getvalue()
    estimator = Estimator(PLAN, clock)
    for event in (Started("a"), Progressed("a", "train", 2, 4), Retried("a", "killed", 1)):
        estimator.hear(event)
    assert estimator.done == 0


def test_the_live_view_names_workers_and_their_memory(clock):
    said = io.StringIO()
    shown = ProgressDisplay(Console(file=said, width=160), "cells", Estimator(PLAN, clock))
    for event in (Started("b", 1), Started("a", 0), Progressed("a", "train", 2, 4, 2048.0)):
        shown.estimator.hear(event)
    shown.console.print(shown._drawn())
    lines = said.getvalue().splitlines()
    assert "2.0 GiB" in lines[0]
    assert lines[1].split() == ["worker", "0", "a", "train", "2/4", "2.0", "GiB"]
    assert lines[2].split()[:3] == ["worker", "1", "b"]

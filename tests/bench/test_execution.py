"""Executors agree, report progress, and survive failing tasks and dying workers."""

from __future__ import annotations

import os
import signal

import pytest
import torch

from privtalk.bench.execution import (
    Failed,
    Progressed,
    Started,
    Succeeded,
    Task,
    execute,
    run_in_pool,
    run_in_process,
)
from privtalk.bench.execution.task import describe


def product(report, seed):
    """A result whose last bits depend on the number of threads."""
    report("multiplying", 1, 2)
    generator = torch.Generator().manual_seed(seed)
    matrix = torch.randn(300, 300, generator=generator)
    return (matrix @ matrix.T @ matrix).sum(0).numpy().tobytes()


def threads(report):
    return torch.get_num_threads()


def fail(report):
    raise KeyError("nothing here")


def die(report):
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture(scope="module")
def pooled():
    """One pool run for all tests that need it: starting workers takes seconds."""
    tasks = [
        Task("a", product, (1,)),
        Task("bad", fail),
        Task("dead", die),
        Task("b", product, (2,)),
        Task("threads", threads),
    ]
    events = []
    outcomes = {outcome.key: outcome for outcome in run_in_pool(tasks, 2, events.append, threads=1)}
    return outcomes, events


def test_pool_gives_the_bits_of_the_plain_loop(pooled):
    plain = run_in_process([Task("a", product, (1,)), Task("b", product, (2,))])
    assert [outcome.value for outcome in plain] == [pooled[0]["a"].value, pooled[0]["b"].value]


def test_thread_count_is_pinned_on_every_executor(pooled):
    before = torch.get_num_threads()
    assert next(run_in_process([Task("t", threads)], threads=1)) == Succeeded("t", 1)
    assert pooled[0]["threads"].value == 1
    assert torch.get_num_threads() == before


def test_a_failing_task_names_its_reason_and_the_rest_goes_on(pooled):
    outcomes, _ = pooled
    assert outcomes["bad"].reason == "KeyError: 'nothing here'"
    assert "in fail" in outcomes["bad"].traceback
    assert set(outcomes) == {"a", "b", "bad", "dead", "threads"}


def test_a_killed_worker_fails_its_task_alone(pooled):
    outcomes, _ = pooled
    assert isinstance(outcomes["dead"], Failed)
    assert "SIGKILL" in outcomes["dead"].reason
    assert sum(isinstance(outcome, Failed) for outcome in outcomes.values()) == 2


def test_events_arrive_in_order(pooled):
    events = [event for event in pooled[1] if event.key == "a"]
    assert events[:2] == [Started("a"), Progressed("a", "multiplying", 1, 2)]
    assert isinstance(events[2], Succeeded)


def test_an_interrupt_is_no_failure():
    def stop(report):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(run_in_process([Task("x", stop)]))


def test_nothing_to_do_is_done():
    assert list(execute([], workers=4)) == []


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("plain words\nand more"), "plain words"),
        (RuntimeError(), "RuntimeError"),
        (OSError("x"), "OSError: x"),
    ],
)
def test_reasons_fit_one_line(error, line):
    assert describe(error) == line

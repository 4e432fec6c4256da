"""Executors agree, report progress, and survive failing tasks and dying workers."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
import torch

from privtalk.bench.execution import (
    Failed,
    Job,
    Progressed,
    Started,
    Succeeded,
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


def products(report):
    """Last bits of every library that multiplies: torch, numpy and scipy bring a BLAS each."""
    import numpy as np
    import scipy.linalg

    matrix = np.random.default_rng(0).normal(size=(500, 501))
    tensor = torch.from_numpy(matrix)
    made = (matrix @ matrix.T, scipy.linalg.lu(matrix[:, :300])[2], np.linalg.svd(matrix)[1])
    return b"".join(
        m.tobytes() for m in (*made, (tensor @ tensor.T).numpy(), torch.linalg.svdvals(tensor).numpy())
    )


def wait(report, started):
    Path(started).write_text(str(os.getpid()))
    time.sleep(600)


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
        Job("a", product, (1,)),
        Job("bad", fail),
        Job("dead", die),
        Job("b", product, (2,)),
        Job("threads", threads),
        Job("products", products),
    ]
    events = []
    outcomes = {outcome.key: outcome for outcome in run_in_pool(tasks, 2, events.append, threads=1)}
    return outcomes, events


def test_pool_gives_the_bits_of_the_plain_loop(pooled):
    plain = run_in_process([Job("a", product, (1,)), Job("b", product, (2,))])
    assert [outcome.value for outcome in plain] == [pooled[0]["a"].value, pooled[0]["b"].value]


def test_thread_count_is_pinned_on_every_executor(pooled):
    before = torch.get_num_threads()
    assert next(run_in_process([Job("t", threads)], threads=1)) == Succeeded("t", 1)
    assert pooled[0]["threads"].value == 1
    assert torch.get_num_threads() == before


def test_a_failing_task_names_its_reason_and_the_rest_goes_on(pooled):
    outcomes, _ = pooled
    assert outcomes["bad"].reason == "KeyError: 'nothing here'"
    assert "in fail" in outcomes["bad"].traceback
    assert set(outcomes) == {"a", "b", "bad", "dead", "threads", "products"}


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
        list(run_in_process([Job("x", stop)]))


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


HASH = """
import hashlib
from privtalk.bench.execution import Job, run_in_process
from tests.bench.test_execution import products
print(hashlib.sha256(next(run_in_process([Job("p", products)])).value).hexdigest())
"""


def elsewhere(code: str, *arguments: str, **environment: str | None) -> subprocess.Popen[str]:
    """Python in another process, from the tests' root; a variable of None is unset."""
    root = Path(__file__).resolve().parents[2]
    variables = {k: v for k, v in (os.environ | environment).items() if v is not None}
    variables["PYTHONPATH"] = os.pathsep.join([*filter(None, [os.environ.get("PYTHONPATH")]), str(root)])
    line = [sys.executable, "-c", code, *arguments]
    return subprocess.Popen(line, env=variables, cwd=root, stdout=subprocess.PIPE, text=True)


def test_threads_of_the_environment_do_not_change_a_bit(pooled):
    """As many threads as cores, one, two or four: a task in the main process computes as one in a worker."""
    unset = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"))
    environments = [unset, *(unset | {"OMP_NUM_THREADS": count} for count in ("1", "2", "4"))]
    found = [elsewhere(HASH, **environment).communicate()[0] for environment in environments]
    assert {line.strip() for line in found} == {hashlib.sha256(pooled[0]["products"].value).hexdigest()}


PARENT = """
import sys
from privtalk.bench.execution import Job, run_in_pool
from tests.bench.test_execution import wait
if __name__ == "__main__":
    list(run_in_pool([Job("w", wait, (sys.argv[1],))], 1))
"""


def test_workers_end_with_the_process_that_started_them(tmp_path):
    """Whoever takes over the folder of a killed run must not find a worker of it still writing."""
    started = tmp_path / "pid"
    parent = elsewhere(PARENT, str(started))
    while not started.exists() or not started.read_text():
        assert parent.poll() is None
        time.sleep(0.05)
    worker, deadline = int(started.read_text()), time.monotonic() + 30
    parent.stdout.close()  # the worker holds its other end: reading to its end would wait for the worker
    parent.kill()
    parent.wait()
    try:
        while running(worker):
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        with suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)


def running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{process}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"

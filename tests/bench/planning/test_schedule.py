"""Times of runs, by hand; GPUs by name."""

from __future__ import annotations

import pytest

from privtalk.bench.planning.forecast import CellForecast, SharedWork, TaskForecast
from privtalk.bench.planning.gpus import find_gpu, known_gpus
from privtalk.bench.planning.schedule import gpu_seconds, makespan, run_seconds
from privtalk.core.errors import UserError

CELL = CellForecast(
    key="a seed 0",
    stages={"training": 100.0, "scoring": 7.0},
    on_device=("training",),
    flops={"training": 4.0e15},
    updates=3,
)
WORK = SharedWork(title="filming", files=2, seconds=10.0, longest=6.0)


def test_one_worker_does_everything_and_many_wait_for_the_longest():
    jobs = [5.0, 4.0, 3.0, 3.0]
    assert makespan(jobs, 1) == 15.0
    assert makespan(jobs, 2) == 8.0
    assert makespan(jobs, 9) == 5.0
    assert makespan([], 3) == 0.0


def test_shared_files_come_before_cells_and_workers_start_for_both():
    forecast = TaskForecast(cells=(CELL, CELL), shared=(WORK,), start_seconds=2.0)
    assert run_seconds(forecast, 1) == 2 + 10 + 2 + 214
    assert run_seconds(forecast, 2) == 2 + 6 + 2 + 107
    assert run_seconds(TaskForecast(cells=()), 2) == 0.0


def test_a_gpu_does_what_is_counted_and_the_processor_the_rest():
    gpu = find_gpu("a100-80")
    assert gpu.rate == 19.5e12 * 0.25
    forecast = TaskForecast(cells=(CELL,), shared=(WORK,), start_seconds=2.0)
    assert gpu_seconds(forecast, gpu) == pytest.approx(2 + 10 + 4.0e15 / gpu.rate + 7)


def test_a_gpu_that_nobody_knows_is_told_with_those_there_are():
    with pytest.raises(UserError, match=r"unknown GPU 'a100-8' \(did you mean a100-80\?\); valid: rtx-3090"):
        find_gpu("a100-8")
    assert all(gpu.precision in gpu.teraflops for gpu in known_gpus().values())

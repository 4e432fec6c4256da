"""Interrupted runs go on to the same records, on every executor; damaged and occupied folders are noticed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest
import torch

from privtalk.bench import runner
from privtalk.bench.commands import run as command
from privtalk.bench.execution.task import pin_threads
from privtalk.core.errors import UserError
from privtalk.core.locks import sole_writer
from privtalk.core.records import RunStore
from tests.bench.runs import results


@pytest.fixture(autouse=True)
def one_thread():
    """What executors pin and a direct call of `run_cell` does not: two threads give other last bits."""
    before = torch.get_num_threads()
    pin_threads(1)
    yield
    torch.set_num_threads(before)


class Killed(BaseException):
    """Stands for a kill: nothing catches it."""


POINTS = [
    ("training", 1),
    ("training", 2),
    ("training", 3),
    ("personalising", 2),
    ("personalising", 4),
    ("generating", 0),
    ("attacking", 0),
    ("attacking", 1),
]


ALONE = [point for point in POINTS if point[0] in ("personalising", "generating")]
"""Those of a row that is not trained in rounds and whose release nobody attacks."""
KILLED = [("privfedtalk", point) for point in POINTS] + [("local_only", point) for point in ALONE]


@pytest.mark.parametrize(
    ("row", "point"), KILLED, ids=[f"{row}-{stage}-{done}" for row, (stage, done) in KILLED]
)
def test_a_killed_cell_goes_on_to_the_same_record(whole, request_for, row, point, monkeypatch):
    request = request_for(row)
    opened, plan, _ = command.prepare(request)
    planned = next(
        p for p in plan.cells if p.cell.tier == ("eps=8" if row == "privfedtalk" else "personal=4")
    )
    place = runner.Place(request.out, opened.resources)
    seen = []

    def kill(stage, done, total):
        seen.append((stage, done))
        if (stage, done) == point:
            raise Killed

    with pytest.raises(Killed):
        runner.run_cell(kill, planned, place)
    assert not RunStore(request.out).has(planned.cell.id)
    again = []
    runner.run_cell(lambda stage, done, total: again.append((stage, done)), planned, place)
    if point[0] == "training":
        assert again[0] == point, "it goes on at the round where it stopped"
    if point[0] == "generating":
        assert "personalising" not in {stage for stage, _ in again}, "private steps are not taken again"
    key = f"{row} {planned.cell.tier}"
    assert results(request.out)[key] == results(whole)[key]
    record = next(iter(RunStore(request.out)))
    assert record.timings["personalising"] > 0


def test_a_damaged_checkpoint_starts_the_cell_again(whole, request_for):
    request = request_for("fedavg")
    opened, plan, _ = command.prepare(request)
    place = runner.Place(request.out, opened.resources)
    state = place.checkpoints(plan.cells[0].cell) / "state.safetensors"
    state.parent.mkdir(parents=True)
    state.write_bytes(b"half a file")
    (state.parent / "clock.json").write_text("{")
    runner.run_cell(lambda *where: None, plan.cells[0], place)
    assert results(request.out)["fedavg none"] == results(whole)["fedavg none"]


LONGER = ("federation.rounds=12",)


@pytest.fixture(scope="module")
def longer(small_request, tmp_path_factory):
    """Two rows that train long enough to be killed in between, uninterrupted."""
    folder = tmp_path_factory.mktemp("longer") / "run"
    assert command.run(small_request("centralised", "local_only", out=folder, changes=LONGER)) == command.OK
    return results(folder)


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_process_and_the_same_command_again(longer, request_for, how):
    """The real thing: the whole process group killed, or interrupted, while two workers train."""
    request = request_for("centralised", "local_only", changes=LONGER)
    process = start(request)
    wait_for(lambda: list(request.out.glob("checkpoints/*/state.safetensors")), process)
    os.killpg(process.pid, how)
    _, err = process.communicate(timeout=60)
    assert len(list(RunStore(request.out))) < 2
    assert list(request.out.glob("checkpoints/*/state.safetensors"))
    if how == signal.SIGINT:
        assert process.returncode == 130
        assert err.rstrip().endswith("the same command goes on from there")
        assert "Traceback" not in err
    wait_for(lambda: not alive(process.pid))
    assert command.run(request) == command.OK
    assert results(request.out) == longer


def start(request: command.Request) -> subprocess.Popen[str]:
    """`bench run` as a process group of its own, with two workers."""
    changes = [part for change in request.changes for part in ("--set", change)]
    line = [
        sys.executable,
        "-m",
        "privtalk.bench.cli",
        "run",
        "--suite",
        request.suite,
        "--preset",
        request.preset,
    ]
    line += ["--methods", ",".join(request.rows), "--workers", "2", "-o", str(request.out), *changes]
    return subprocess.Popen(
        line,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=heed_interrupts,
    )


def heed_interrupts() -> None:
    """Tests that a shell started in the background ignore SIGINT, and so would their children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def wait_for(condition, process=None):
    deadline = time.monotonic() + 600  # a loaded machine takes minutes to import torch twice
    while not condition():
        assert time.monotonic() < deadline
        assert process is None or process.poll() is None, process.communicate()
        time.sleep(0.02)


def alive(group: int) -> bool:
    """Whether a process of the group is left."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize(
    "how",
    [
        {"workers": 2},
        {"workers": 2, "executor": "ray"},
        {"workers": 1, "executor": "processes", "stack_workers": 2},
    ],
    ids=["processes", "ray", "stacks"],
)
def test_executors_give_the_same_records(whole, request_for, how):
    if how.get("executor") == "ray":
        pytest.importorskip("ray", reason="ray is not installed: the extra `cluster`")
    request = request_for("privfedtalk", "difftalk", **how)
    assert command.run(request) == command.OK
    pooled = results(request.out)
    assert set(pooled) == {"privfedtalk none", "privfedtalk eps=8", "difftalk none"}
    assert pooled == {key: results(whole)[key] for key in pooled}


def test_threads_of_the_caller_do_not_change_a_record(whole, request_for):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        request = request_for("fedavg")
        assert command.run(request) == command.OK
    finally:
        torch.set_num_threads(before)
    assert results(request.out)["fedavg none"] == results(whole)["fedavg none"]


@pytest.mark.parametrize("damage", ["records", "samples"])
def test_a_cell_whose_files_were_damaged_is_made_again(whole, request_for, damage, capsys):
    request = request_for("static", "noise")
    assert command.run(request) == command.OK
    sound = results(request.out)
    cell = next(r.cell_id for r in RunStore(request.out) if r.method == "static")
    path = next((request.out / damage).glob(f"{cell}.*"))
    path.write_bytes(b"")
    capsys.readouterr()
    assert command.run(request) == command.OK
    assert "2 cells, 1 of them finished before" in capsys.readouterr().err
    assert results(request.out) == sound


def test_a_second_run_in_the_folder_is_refused_by_name(whole, request_for):
    with sole_writer(whole, "bench run"), pytest.raises(UserError, match="is at work in it"):
        command.run(request_for(out=whole))

"""`bench plan`: it makes nothing, agrees with what a run does, and fails on what a run would fail on."""

from __future__ import annotations

import json

import pytest
from rich.console import Console

from privtalk.bench.cli import MISTAKE, guarded
from privtalk.bench.commands import plan as command
from privtalk.bench.commands import plan_screen
from privtalk.core.errors import UserError
from privtalk.core.records import RunStore
from privtalk.leaderboards.site.publish import publish


@pytest.fixture(scope="session")
def foreseen(small_request, tmp_path_factory):
    """The forecast of the small world's smoke preset, before anything of its run."""
    return command.forecast(small_request(out=tmp_path_factory.mktemp("foreseen") / "run"), "a100-80")


def test_cells_updates_and_guarantees_are_those_of_the_run(foreseen, whole):
    records = {f"{r.row} {r.tier}": r for r in RunStore(whole)}
    assert len(foreseen.forecast.cells) == len(records)
    cells = {cell.key: cell for cell in foreseen.forecast.cells}
    for key, cell in cells.items():
        row = key.removesuffix(" seed 0")
        record = next(r for r in records.values() if row in (f"{r.row} {r.tier}", r.row))
        cohorts = (record.federation.training if record.federation else {}).get("cohort", [])
        if record.kind == "method":
            assert cell.updates == sum(cohorts) + 3  # three tested clients go on by themselves
    private = next(one for one in foreseen.forecast.guarantees if one.epsilons)
    recorded = records["fedavg eps=8"].privacy.epsilons
    for name, value in private.epsilons.items():
        assert value == pytest.approx(getattr(recorded, name), abs=1e-3)
    assert private.delta == records["fedavg eps=8"].privacy.delta


def test_a_finished_run_leaves_nothing_to_plan(small_request, whole):
    found = command.forecast(small_request(out=whole))
    assert found.finished == len(list(RunStore(whole)))
    assert found.forecast.cells == ()
    assert found.hours == 0


def test_nothing_is_written(small_request, tmp_path, monkeypatch):
    monkeypatch.setenv("PRIVTALK_CACHE", str(tmp_path / "cache"))
    found = command.forecast(small_request("fedavg", out=tmp_path / "run"))
    made = [path for path in tmp_path.rglob("*") if path.is_file() and "accounting" not in path.parts]
    assert made == []
    assert {work.title: work.files > 0 for work in found.forecast.shared} == {
        "filming": True,
        "encoding": True,
        "shadow worlds": True,
    }
    assert found.forecast.cache_bytes > 0


def test_the_screen_has_every_part_and_json_has_every_figure(foreseen):
    console = Console(record=True, width=120)
    plan_screen.show(foreseen, console)
    text = console.export_text()
    for part in (
        "cells",
        "client updates",
        "operations",
        "memory of a worker",
        "disk",
        "time here",
        "a100-80",
    ):
        assert part in text
    assert "look twice" in text
    assert "lpips[talkhead]" in text
    told = json.loads(command.dumped(foreseen))
    assert told["updates"] == foreseen.updates
    assert told["flops"] == pytest.approx(
        sum(sum(c["flops"].values()) for c in told["forecast"]["cells"])
        + sum(work["flops"] for work in told["forecast"]["shared"])
    )


def test_what_is_said_before_a_run_is_kept_and_shown(foreseen, whole, tmp_path):
    said = json.loads((whole / "run.json").read_text())["remarks"]
    assert said == list(foreseen.look_twice)
    assert any("non-members show no false-positive rate below 1 in 6" in line for line in said)
    publish([whole], tmp_path / "site")
    page = "".join(path.read_text() for path in (tmp_path / "site").rglob("*.html"))
    assert "Said before the run" in page
    assert "non-members show no false-positive rate below 1 in 6" in page


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (("attack.timesteps=[1000]",), "attack.timesteps has 1000"),
        (("federation.rate=0.1",), "leave too many rounds below 2 clients"),
        (("corpus.size=64",), "corpus.size is 64, the backbone takes 32 pixels"),
        (("backbone=nowhere",), "no backbone weights there"),
    ],
)
def test_what_would_fail_later_is_one_line_and_exit_2(small_request, tmp_path, capsys, changes, line):
    request = small_request("fedavg", out=tmp_path / "run", changes=changes)
    words = [part for change in request.changes for part in ("--set", change)]
    code = guarded(["plan", "-s", "privacy_utility", "-p", "smoke", "-o", str(request.out), *words])
    assert code == MISTAKE
    told = capsys.readouterr().err.strip()
    assert line in told
    assert len(told.splitlines()) == 1


def test_another_configuration_in_the_folder_is_told(small_request, whole):
    with pytest.raises(UserError, match="holds another configuration"):
        command.forecast(small_request(out=whole, changes=("federation.rounds=4",)))


def test_a_disk_that_is_full_is_told(small_request, tmp_path, monkeypatch):
    monkeypatch.setattr(command, "_free", lambda folder: 2**20)
    with pytest.raises(UserError, match=r"are needed in .* 1 MiB are free there"):
        command.forecast(small_request("fedavg", out=tmp_path / "run"))


def test_a_worker_that_does_not_fit_is_told_and_several_are_said(small_request, tmp_path, monkeypatch):
    monkeypatch.setattr(command, "available_memory", lambda: 10.0)
    with pytest.raises(UserError, match=r"one worker takes about .* of memory, 10 MiB are free"):
        command.forecast(small_request("fedavg", out=tmp_path / "run"))
    monkeypatch.setattr(command, "available_memory", lambda: 1500.0)
    found = command.forecast(small_request("fedavg", out=tmp_path / "run", workers=8))
    assert any(line.startswith("memory: 2 workers take about") for line in found.look_twice)


def test_other_tasks_say_cells_and_time(world, tmp_path):
    from privtalk.bench.commands.run import Request

    for suite in ("portrait_protection", "speech_3d"):
        found = command.forecast(Request(suite=suite, preset="smoke", out=tmp_path / suite, workers=1))
        assert found.forecast.cells
        assert found.hours > 0
        assert found.forecast.run_bytes > 0

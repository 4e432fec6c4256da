"""A second task goes the whole way: run, kill and resume, show, publish, compare."""

from __future__ import annotations

import os
import random
import signal
import sys
from pathlib import Path

import pytest

from privtalk.bench import cli, plugins
from privtalk.bench.task import find_task
from privtalk.core.records import RunStore
from privtalk.core.run_folder import read_plan
from tests.bench.toy_task import ROWS

SUITE = """
name: toys
about: Two rows.
task: toy
seeds: [0, 1]
grids:
  - {method: [still]}
  - {method: [mean], tier: [none, readings=4, readings=16]}
presets:
  small: {about: the only one}
"""


@pytest.fixture
def suite(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "toys.yaml"
    path.write_text(SUITE)
    return path


def bench(*arguments):
    return cli.guarded([str(argument) for argument in arguments])


TASK = f"{Path(__file__).with_name('toy_task.py')}:Toy"


def run(suite, folder, *more):
    return bench("run", "--suite", suite, "--task", TASK, "-o", folder, "--workers", "1", *more)


def test_a_toy_task_goes_the_whole_way(suite, tmp_path, capsys):
    assert run(suite, tmp_path / "a") == 0
    out = capsys.readouterr().out
    assert "mean" in out
    assert "readings = 16" in out
    records = list(RunStore(tmp_path / "a"))
    assert {(r.task, r.row, r.tier, r.seed) for r in records} == {
        ("toy", row, tier, seed)
        for row, tiers in (("still", ["none"]), ("mean", ["none", "readings=4", "readings=16"]))
        for tier in tiers
        for seed in (0, 1)
    }
    assert all(r.federation is None and not r.attacks for r in records)
    assert bench("show", tmp_path / "a", "--all") == 0
    shown = capsys.readouterr().out
    assert "error" in shown
    for word in ("ε", "DP", "attack", "psnr", "guarantee"):
        assert word not in shown
    assert bench("publish", tmp_path / "a", "-o", tmp_path / "site") == 0
    page = (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
    assert "readings = 16" in page
    assert run(suite, tmp_path / "b") == 0
    assert bench("compare", tmp_path / "a", tmp_path / "b") == 0


def test_more_readings_are_closer_and_a_worse_run_is_a_regression(suite, tmp_path, capsys, monkeypatch):
    assert run(suite, tmp_path / "a", "--set", "people=40") == 0
    by = {
        (r.tier, r.seed): r.metrics["error"].estimate.value
        for r in RunStore(tmp_path / "a")
        if r.row == "mean"
    }
    assert by["readings=16", 0] < by["readings=4", 0] < by["none", 0]
    sound = random.Random.gauss
    monkeypatch.setattr(random.Random, "gauss", lambda self, mu, sigma: 3.0 + sound(self, mu, sigma))
    assert run(suite, tmp_path / "b", "--set", "people=40") == 0  # as if the code were worse
    assert bench("compare", tmp_path / "a", tmp_path / "b") == 1
    capsys.readouterr()


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_killed_toy_run_goes_on_with_what_is_missing(suite, tmp_path, capsys):
    child = os.fork()
    if not child:
        plugins.enrol("task", TASK)
        toy = type(find_task("toy"))
        whole = toy.run

        def dying(self, work):
            if (work.cell.tier, work.cell.seed) == ("readings=4", 1):
                os.kill(os.getpid(), signal.SIGKILL)
            return whole(self, work)

        toy.run = dying
        run(suite, tmp_path / "a")
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    done = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "a" / "records").glob("*.json")}
    assert 0 < len(done) < 8
    assert run(suite, tmp_path / "a") == 0
    after = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "a" / "records").glob("*.json")}
    assert len(after) == 8
    assert done.items() <= after.items()
    capsys.readouterr()


def test_a_plan_says_the_task_and_how_it_is_shown(suite, tmp_path, capsys):
    assert run(suite, tmp_path / "a") == 0
    plan = read_plan(tmp_path / "a")
    assert plan.task == "toy"
    assert plan.display.baseline.row == "still"
    assert [(plugin.kind, plugin.reference, plugin.name) for plugin in plan.plugins] == [
        ("task", TASK, "toy")
    ]
    capsys.readouterr()


@pytest.mark.parametrize(
    ("more", "line"),
    [
        (["--set", "peopel=3"], "unknown key 'peopel' (did you mean people?)"),
        (["--tiers", "eps=8"], "unknown tier 'eps=8'; write none or readings=VALUE"),
        (
            ["--tiers", "readings=many"],
            "tier 'readings=many': readings is how many are read (invalid literal",
        ),
        (["--corpus", "somewhere"], "task toy reads no corpus; leave out --corpus"),
        (["--methods", "fedavg"], "unknown method 'fedavg'"),
    ],
)
def test_mistakes_are_told_in_a_line(suite, tmp_path, capsys, more, line):
    assert run(suite, tmp_path / "a", *more) == 2
    said = capsys.readouterr().err
    assert line in said
    assert len(said.strip().splitlines()) == 1
    assert not (tmp_path / "a").exists()
    assert set(ROWS) == {"still", "mean"}

"""Installed packages bring methods, attacks, metrics, tasks and corpora by entry points, without an option."""

from __future__ import annotations

import importlib
import shutil
import sys

import pytest

from privtalk.bench import cli, plugins
from privtalk.core.records import RunStore
from privtalk.core.run_folder import read_plan
from tests.bench.runs import results
from tests.bench.test_brought import EXAMPLES

ENTRIES = """
[privtalk.methods]
mine = stranger.my_method:MyMethod
[privtalk.attacks]
mine = stranger.my_attack:ATTACK
[privtalk.metrics]
mine = stranger.my_metric : METRIC
[privtalk.tasks]
mine = stranger.my_task:MyTask
[privtalk.corpora]
mine = stranger.my_corpus:MyCorpus
"""


@pytest.fixture
def package(tmp_path, monkeypatch, world):
    """A package as an installer leaves it: modules, and a folder that says what they bring."""
    monkeypatch.chdir(tmp_path)
    site = tmp_path / "site-packages"
    (site / "stranger").mkdir(parents=True)
    for example in EXAMPLES.glob("*.py"):
        shutil.copy(example, site / "stranger")
    (site / "stranger" / "__init__.py").touch()
    told = site / "stranger-1.0.dist-info"
    told.mkdir()
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1.0\n")
    (told / "entry_points.txt").write_text(ENTRIES)
    for suite in EXAMPLES.glob("*.yaml"):
        shutil.copy(suite, tmp_path)
    monkeypatch.syspath_prepend(str(site))
    plugins.forget()
    yield told / "entry_points.txt"
    plugins.forget()
    for name in [name for name in sys.modules if name.partition(".")[0] == "stranger"]:
        del sys.modules[name]
    importlib.invalidate_caches()


def bench(*arguments):
    return cli.guarded([str(argument) for argument in arguments])


def run(*arguments, rows, out="a"):
    tiny = ("-s", "my_suite.yaml", "-p", "quick", "--set", "backbone=tiny", "--tiers", "none", "-o", out)
    return bench("run", *tiny, "--rows", rows, "--set", "attack.worlds=0", *arguments)


def test_all_of_a_package_is_there_in_workers_and_on_resume(package, tmp_path, capsys):
    assert run("--method", "my_method", "--workers", "2", rows="my_method,static") == 0
    by = {record.row: record for record in RunStore(tmp_path / "a")}
    assert set(by) == {"my_method", "static"}
    assert "least_loss" in by["my_method"].attacks
    assert by["static"].metrics["sharpness_error"].estimate.value > 0
    assert set(by["my_method"].code.plugins) == {
        "stranger.my_method:MyMethod",
        "stranger.my_attack:ATTACK",
        "stranger.my_metric:METRIC",
    }
    assert {plugin.kind for plugin in read_plan(tmp_path / "a").plugins} == {"method", "attack", "metric"}
    found = results(tmp_path / "a")
    RunStore(tmp_path / "a").record_path(by["static"].cell_id).unlink()
    plugins.forget()
    assert run("--method", "my_method", "--workers", "1", rows="my_method,static") == 0
    assert results(tmp_path / "a") == found
    capsys.readouterr()


def test_a_method_joins_no_suite_unasked(package, tmp_path, capsys):
    assert run(rows="my_method") == 2
    assert "unknown method 'my_method'; valid: " in capsys.readouterr().err
    assert not (tmp_path / "a").exists()


def test_a_corpus_goes_by_its_name(package, tmp_path, capsys):
    assert run("--corpus", "discs", "--workers", "1", rows="static") == 0
    [record] = RunStore(tmp_path / "a")
    assert record.cell["corpus"]["name"].startswith("discs-")
    assert "stranger.my_corpus:MyCorpus" in record.code.plugins
    capsys.readouterr()


def test_a_task_is_there_for_its_suites(package, tmp_path, capsys):
    assert bench("run", "-s", "my_task_suite.yaml", "--workers", "2", "-o", "t") == 0
    records = list(RunStore(tmp_path / "t"))
    assert {record.task for record in records} == {"readings"}
    assert {tuple(record.code.plugins) for record in records} == {("stranger.my_task:MyTask",)}
    capsys.readouterr()


LISTED = {
    "tasks": ("readings", "my_task:MyTask"),
    "methods": ("my_method", "my_method:MyMethod"),
    "attacks": ("least_loss", "my_attack:ATTACK"),
    "metrics": ("sharpness_error", "my_metric:METRIC"),
    "corpora": ("discs", "my_corpus:MyCorpus"),
}


@pytest.mark.parametrize("kind", LISTED)
def test_what_a_package_brings_is_listed_with_where_it_is_from(package, monkeypatch, capsys, kind):
    monkeypatch.setenv("COLUMNS", "300")
    name, source = LISTED[kind]
    assert bench("list", kind) == 0
    [line] = [line for line in capsys.readouterr().out.splitlines() if line.startswith(name)]
    assert line.rstrip().endswith(f"[from stranger.{source}]")


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (
            "my_attack:ATTACK",
            "my_attack:GONE",
            "attack stranger.my_attack:GONE: stranger.my_attack has no 'GONE'",
        ),
        (
            "my_metric : METRIC",
            "gone:METRIC",
            "metric stranger.gone:METRIC: no module 'stranger.gone'; write",
        ),
        ("my_metric : METRIC", "my_metric", "metric stranger.my_metric: it names nothing; write"),
        ("my_metric : METRIC", "my_task:MyTask", "metric stranger.my_task:MyTask: it is "),
    ],
)
def test_a_broken_entry_point_is_a_line(package, tmp_path, capsys, old, new, line):
    package.write_text(ENTRIES.replace(old, new))
    assert run(rows="static") == 2
    [said] = capsys.readouterr().err.strip().splitlines()
    assert line in said
    assert not (tmp_path / "a").exists()

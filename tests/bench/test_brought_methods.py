"""A method from a file of somebody's own is a row like any other: in workers, on resume, on boards, in compare."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from privtalk.bench import cli
from privtalk.core.records import RunStore
from privtalk.core.run_folder import read_plan
from privtalk.methods import registry
from tests.bench.conftest import SETTINGS
from tests.bench.runs import results

METHOD = '''
"""Half a step of FedAvg."""

from pydantic import Field

from privtalk.methods.federated.fedavg import FedAvg


class Halved(FedAvg):
    name = "halved"
    about = "FedAvg with a share of its step."

    class Options(FedAvg.Options):
        share: float = Field(0.5, gt=0, le=1)
        """Share of the step."""

    def server_update(self, state, mean, config):
        return super().server_update(state, self.options.share * mean, config)
'''
FEW = ("attack.worlds=0", "attack.victims=0", "attack.canaries=50")


@pytest.fixture
def mine(tmp_path, monkeypatch, world):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "mine.py"
    path.write_text(METHOD)
    yield path
    for name in {"halved", "twin"} & registry.METHODS.keys():
        registry.forget(name)


def run(*arguments, changes=()):
    settings = [part for change in (*SETTINGS, *FEW, *changes) for part in ("--set", change)]
    begin = ("run", "--suite", "privacy_utility", "--preset", "smoke", "-o", "a")
    return cli.guarded([*begin, *settings, *map(str, arguments)])


def test_a_method_from_a_file_is_a_row_in_workers_on_resume_and_on_boards(mine, tmp_path, capsys):
    rows = ("--rows", "fedavg,halved,static", "--tiers", "none,eps=8")
    assert run("--method", f"{mine}:Halved", *rows, "--workers", "2") == 0
    assert "halved" in capsys.readouterr().out
    found = results(tmp_path / "a")
    assert set(found) == {"fedavg none", "fedavg eps=8", "halved none", "halved eps=8", "static none"}
    by = {(r.row, r.tier): r for r in RunStore(tmp_path / "a")}
    assert by["halved", "none"].cell["training"]["options"] == {"share": 0.5}
    assert by["halved", "eps=8"].privacy.guarantee
    assert by["halved", "none"].attacks.keys() == by["fedavg", "none"].attacks.keys()
    assert list(by["halved", "none"].code.plugins) == [f"{mine}:Halved"]
    assert by["fedavg", "none"].code.plugins == {}
    steps = {row: by[row, "none"].training["step_norm"][0] for row in ("fedavg", "halved")}
    assert steps["halved"] == pytest.approx(steps["fedavg"] / 2, rel=1e-5)
    assert [plugin.name for plugin in read_plan(tmp_path / "a").plugins] == ["halved"]

    victim = RunStore(tmp_path / "a").record_path(by["halved", "none"].cell_id)
    victim.unlink()
    assert run("--method", f"{mine}:Halved", *rows, "--workers", "1") == 0
    assert results(tmp_path / "a") == found, "one process, two workers and a resumed run: the same bits"
    assert cli.guarded(["show", "a", "--all"]) == 0
    assert cli.guarded(["publish", "a", "-o", "site"]) == 0
    assert "halved" in (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
    assert cli.guarded(["compare", "a", "a"]) == 0
    capsys.readouterr()

    mine.write_text(METHOD + "\n# changed\n")
    before = {path: path.read_bytes() for path in (tmp_path / "a").rglob("*.json")}
    registry.forget("halved")
    from privtalk.bench import plugins

    plugins.forget()
    assert run("--method", f"{mine}:Halved", *rows) == 2
    [line] = capsys.readouterr().err.strip().splitlines()
    assert "mine.py:Halved was changed since" in line
    assert {path: path.read_bytes() for path in (tmp_path / "a").rglob("*.json")} == before


def test_its_options_are_set_and_listed_like_any_others(mine, tmp_path, capsys):
    method = ("--method", f"{mine}:Halved", "--rows", "halved", "--tiers", "none", "--workers", "1")
    assert run(*method, changes=("options.halved.share=1", "attack.rounds=1")) == 0
    [record] = RunStore(tmp_path / "a")
    assert record.cell["training"]["options"] == {"share": 1.0}
    capsys.readouterr()
    assert run(*method, changes=("options.halved.part=1",)) == 2
    assert "valid: options.halved.share" in capsys.readouterr().err


BROKEN = {
    "no such file": ("gone.py:Halved", None, "gone.py: no such file"),
    "syntax": ("mine.py:Halved", "def f(:\n", "line 1 is not Python"),
    "import": ("mine.py:Halved", "import nowhere_at_all\n", "no module 'nowhere_at_all'"),
    "raises": ("mine.py:Halved", "1 / 0\n", "importing it fails (ZeroDivisionError: division by zero)"),
    "no such name": ("mine.py:Half", METHOD, "has no 'Half'; it has: Halved"),
    "no method": ("mine.py:Halved", "class Halved: pass\n", "is not a method"),
    "abstract": (
        "mine.py:Halved",
        "from privtalk.methods.federated.method import FederatedMethod\n"
        "class Halved(FederatedMethod):\n    name = 'halved'\n    about = 'x'\n",
        "server_update is abstract and missing",
    ),
    "taken": ("mine.py:Halved", METHOD.replace('"halved"', '"fedprox"'), "the name is taken by"),
    "a reference row's": ("mine.py:Halved", METHOD.replace('"halved"', '"static"'), "the name is taken by"),
    "unknown": ("fedsgd", None, "unknown method 'fedsgd'"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_method_is_one_line_and_writes_nothing(mine, tmp_path, capsys, kind):
    reference, text, said = BROKEN[kind]
    if text is not None:
        mine.write_text(text)
    assert run("--method", reference) == 2
    [line] = capsys.readouterr().err.strip().splitlines()
    assert said in line
    assert not (tmp_path / "a").exists()
    assert json.dumps(line)
    assert Path("mine.py").exists()

"""Suites from files of one's own: what is inherited, and mistakes in a line."""

from __future__ import annotations

import pytest
import yaml

from privtalk.bench import cli, suites
from privtalk.core.errors import UserError

WHOLE = {
    "about": "A suite.",
    "task": "talking_head",
    "seeds": [3],
    "base": {"federation": {"rounds": 2, "lr": 0.01}},
    "grids": [{"method": ["fedavg"]}],
    "presets": {
        "one": {"about": "the first", "settings": {"corpus": {"clients": 9, "heldout": 5}}},
        "two": {"about": "the second"},
    },
}


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Writes a suite's file; returns its name."""
    monkeypatch.chdir(tmp_path)

    def write(name, tree):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(tree if isinstance(tree, str) else yaml.safe_dump(tree))
        return name

    return write


def test_a_file_is_named_by_itself_or_by_its_stem(write):
    assert suites.load(write("my-suite.yaml", WHOLE)).name == "my-suite"
    assert suites.load(write("deep/other.yml", WHOLE)).name == "other"
    assert suites.load(write("named.yaml", {**WHOLE, "name": "it"})).name == "it"


def test_what_differs_stands_in_place_of_what_is_extended(write):
    write("below.yaml", WHOLE)
    mine = {
        "extends": "below.yaml",
        "about": "Mine.",
        "base": {"federation": {"rounds": 7}},
        "grids": [{"method": ["static"]}],
        "presets": {"one": {"settings": {"corpus": {"clients": 4}}}, "three": {"about": "the third"}},
    }
    found = suites.load(write("mine.yaml", mine))
    assert (found.name, found.about, found.seeds, found.task) == ("mine", "Mine.", (3,), "talking_head")
    assert found.base == {"federation": {"rounds": 7, "lr": 0.01}}
    assert [grid.method for grid in found.grids] == [("static",)]
    assert list(found.presets) == ["one", "two", "three"]
    assert found.presets["one"].settings == {"corpus": {"clients": 4, "heldout": 5}}
    assert found.presets["one"].about == "the first"


def test_a_suite_of_the_package_is_extended_by_its_name(write):
    theirs = suites.load("privacy_utility")
    found = suites.load(write("mine.yaml", {"extends": "privacy_utility", "about": "Mine."}))
    assert found == theirs.model_copy(update={"name": "mine", "about": "Mine."})
    plan = suites.expand(found, "smoke")
    assert {planned.suite for planned in plan.cells} == {"mine"}
    own = suites.expand(theirs, "smoke")
    assert [planned.cell for planned in plan.cells] == [planned.cell for planned in own.cells]


def test_what_extends_is_looked_for_beside_the_file(write):
    write("deep/below.yaml", WHOLE)
    write("deep/between.yaml", {"extends": "below.yaml", "seeds": [1]})
    found = suites.load(write("top.yaml", {"extends": "deep/between.yaml", "about": "Top."}))
    assert (found.name, found.about, found.seeds) == ("top", "Top.", (1,))


MISTAKES = {
    "no such file": ("gone.yaml", None, "suite gone.yaml: No such file or directory; name a YAML file"),
    "a folder": ("folder.yaml", None, "suite folder.yaml: Is a directory; name a YAML file"),
    "no such suite": ("privacy", None, "unknown suite 'privacy'"),
    "not text": ("mine.yaml", b"\xff\xfe", "suite mine.yaml: not a text in UTF-8"),
    "not YAML": ("mine.yaml", "a: [1", "suite mine.yaml: not YAML ("),
    "nothing": ("mine.yaml", "", "suite mine.yaml: holds no settings; begin with `extends: NAME`"),
    "a list": ("mine.yaml", "[1, 2]", "suite mine.yaml: holds no settings"),
    "a text": ("mine.yaml", "hello", "suite mine.yaml: holds no settings"),
    "an alias of itself": ("mine.yaml", "a: &a [*a]", "suite mine.yaml: unknown key 'a'"),
    "an unknown key": (
        "mine.yaml",
        {**WHOLE, "seed": [1]},
        "suite mine.yaml: unknown key 'seed' (did you mean seeds?); valid: name, about, ",
    ),
    "an unknown key inside": (
        "mine.yaml",
        {**WHOLE, "grids": [{"methods": ["fedavg"]}]},
        "unknown key 'grids.0.methods' (did you mean grids.0.method?); valid: grids.0.method, grids.0.tier",
    ),
    "an unknown key in a preset": (
        "mine.yaml",
        {**WHOLE, "presets": {"one": {"about": "x", "setings": {}}}},
        "unknown key 'presets.one.setings' (did you mean presets.one.settings?); valid: presets.one.about",
    ),
    "no task": ("mine.yaml", {k: v for k, v in WHOLE.items() if k != "task"}, "suite mine.yaml: task: Field"),
    "an unknown task": ("mine.yaml", {**WHOLE, "task": "talking"}, "unknown task 'talking' (did you mean"),
    "a name for paths": (
        "mine.yaml",
        {**WHOLE, "name": "../x"},
        "suite mine.yaml: name: String should match",
    ),
    "keys that are numbers": ("mine.yaml", "1: 2", "suite mine.yaml: "),
    "itself": ("mine.yaml", {"extends": "mine.yaml"}, "suites extend one another in a circle"),
    "no one to extend": ("mine.yaml", {"extends": "gone.yaml"}, "suite gone.yaml: No such file"),
    "a list to extend": ("mine.yaml", {"extends": ["a"]}, "suite mine.yaml: extends is ['a']; write one"),
    "a preset without settings": (
        "mine.yaml",
        {**WHOLE, "presets": {"one": {"about": "x", "settings": 3}}},
        "suite mine.yaml: presets.one.settings: Input should be a valid dictionary",
    ),
    "an empty grid": (
        "mine.yaml",
        {**WHOLE, "grids": []},
        "suite mine.yaml: grids: Tuple should have at least",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_a_line_and_exit_2(write, tmp_path, capsys, mistake):
    name, tree, line = MISTAKES[mistake]
    (tmp_path / "folder.yaml").mkdir()
    if isinstance(tree, bytes):
        (tmp_path / name).write_bytes(tree)
    elif tree is not None:
        write(name, tree)
    assert cli.guarded(["run", "--suite", name, "--preset", "one", "--set", "backbone=tiny", "-o", "a"]) == 2
    [said] = capsys.readouterr().err.strip().splitlines()
    assert line in said
    assert not (tmp_path / "a").exists()


def test_a_circle_of_two_is_found(write):
    write("a.yaml", {"extends": "b.yaml"})
    write("b.yaml", {"extends": "a.yaml"})
    with pytest.raises(UserError, match="in a circle"):
        suites.load("a.yaml")


def test_a_method_that_there_is_not_is_a_line(write):
    mine = write("mine.yaml", {"extends": "privacy_utility", "grids": [{"method": ["fedsgd"]}]})
    with pytest.raises(
        UserError, match=r"unknown method 'fedsgd' \(did you mean fedavg\?\); valid: fedavg, "
    ):
        suites.expand(suites.load(mine), "smoke")

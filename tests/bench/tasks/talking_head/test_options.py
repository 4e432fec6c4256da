"""Options stand under the method that owns them, and enter its cells alone."""

from __future__ import annotations

from typing import ClassVar

import pytest

from privtalk.bench import suites
from privtalk.bench.suites.schema import RowGrid
from privtalk.bench.tasks.talking_head.options import owned
from privtalk.bench.tasks.talking_head.settings import AttackSpec
from privtalk.core.errors import UserError
from privtalk.methods import registry
from privtalk.methods.federated.fedavg import FedAvg
from privtalk.methods.registry import METHODS


def cells(*changes):
    plan = suites.expand(suites.load("privacy_utility"), "smoke", changes=changes)
    return {planned.key: planned.cell for planned in plan.cells}


def test_a_cell_holds_its_own_methods_options_and_no_others():
    for cell in cells().values():
        if cell.training is not None:
            own = METHODS[cell.method]().options.model_dump() if cell.method in METHODS else {}
            assert cell.training.options == own


def test_an_option_changes_the_ids_of_its_own_methods_rows_alone():
    plain, changed = cells(), cells("options.fedprox.mu=0.2")
    moved = {key for key in plain if plain[key].id != changed[key].id}
    assert {plain[key].method for key in moved} == {"fedprox"}
    assert len(moved) == 2
    assert all(changed[key].training.options == {"mu": 0.2} for key in moved)


class Mine(FedAvg):
    name: ClassVar[str] = "mine"
    about: ClassVar[str] = "A method of a test."

    class Options(FedAvg.Options):
        mu: float = 1.0
        sharpness: float = 2.0

    options: Options


@pytest.fixture
def mine(monkeypatch):
    """A method that is registered for one test."""
    monkeypatch.setitem(registry._methods, "mine", Mine)


def test_a_new_method_with_options_leaves_all_other_ids_alone(monkeypatch):
    before = cells()
    monkeypatch.setitem(registry._methods, "mine", Mine)
    assert cells() == before
    grid = RowGrid(method=("fedprox", "mine"))
    suite = suites.load("privacy_utility").model_copy(update={"grids": (grid,)})
    found = suites.expand(suite, "smoke", changes=["options.sharpness=3"])
    fedprox, new = (planned.cell for planned in found.cells)
    assert fedprox == before["fedprox seed 0"]
    assert new.training.options == {"mu": 1.0, "sharpness": 3.0}


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ("options.mew=1", "unknown key 'options.mew'"),
        ("options.fedprox.mew=1", "unknown key 'options.fedprox.mew' (did you mean options.fedprox.mu?)"),
        ("options.fedavg.mu=1", "unknown key 'options.fedavg.mu': fedavg has no options; leave it out"),
        ("options.fedprox=3", "options.fedprox=3 is not an option; write options.fedprox.OPTION=VALUE"),
        ("options.fedprox.mu=-1", "options.fedprox.mu: Input should be greater than or equal to 0"),
        ("options.fedporx.mu=1", "unknown key 'options.fedporx'"),
        ("options=3", "options: Input should be a valid dictionary"),
    ],
)
def test_a_mistake_is_told_in_one_line(change, line):
    with pytest.raises(UserError) as caught:
        cells(change)
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)


def test_both_spellings_of_an_option_are_one_setting():
    assert cells("options.mu=0.2") == cells("options.fedprox.mu=0.2")
    assert owned({"options": {"mu": 1, "fedprox": {"mu": 2}}}) == {"options": {"fedprox": {"mu": 2}}}


def test_the_short_spelling_is_for_options_of_one_method(mine):
    with pytest.raises(UserError, match=r"2 methods .* write options\.fedprox\.mu or options\.mine\.mu"):
        owned({"options": {"mu": 1}})
    assert owned({"options": {"sharpness": 1}}) == {"options": {"mine": {"sharpness": 1}}}


@pytest.mark.parametrize("worlds", [1, 2])
def test_too_few_shadow_worlds_are_refused_before_anything_is_trained(worlds):
    with pytest.raises(ValueError, match="give 3 or more, or 0 for none"):
        AttackSpec(worlds=worlds)
    assert [AttackSpec(worlds=count).worlds for count in (0, 3)] == [0, 3]

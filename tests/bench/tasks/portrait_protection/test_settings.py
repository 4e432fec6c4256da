"""Budgets have one spelling, rows need or refuse them, and a cell's id holds what its figures depend on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privtalk.attacks.purification.registry import ATTACKERS
from privtalk.bench import suites
from privtalk.bench.suites.schema import RowGrid
from privtalk.bench.task import find_task
from privtalk.bench.tasks.portrait_protection.settings import DIRECT, AnimationSpec
from privtalk.bench.tasks.portrait_protection.task import CLEAN, PURIFIERS, parse_budget
from privtalk.core.errors import UserError
from privtalk.methods.protection.registry import PROTECTIONS

SUITE = suites.load("portrait_protection")
TASK = find_task("portrait_protection")


def cells(*changes, preset="small", **more):
    plan = suites.expand(SUITE, preset, changes=changes, seeds=[0], **more)
    return {planned.key: planned.cell for planned in plan.cells}


PLAIN = cells()


def moved(*changes):
    """Keys of the cells whose id a change of settings changes."""
    changed = cells(*changes)
    return {key for key in PLAIN if PLAIN[key].id != changed[key].id}


def refused(function, *arguments, **more):
    """The line in which something is refused."""
    with pytest.raises(UserError) as caught:
        function(*arguments, **more)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# ---- budgets


@given(st.integers(1, 255), st.sampled_from(["{}", "{}.0", " {} ", "0{}", "{}e0"]))
def test_a_budget_has_one_spelling(levels, spelling):
    assert parse_budget(spelling.format(levels)) == str(levels)


@given(st.text(max_size=6) | st.floats().map(str))
def test_whatever_is_written_is_a_budget_in_its_spelling_or_refused_in_a_line(text):
    try:
        found = parse_budget(text)
    except UserError:
        assert not _whole_levels(text)
    else:
        assert _whole_levels(text)
        assert (found, float(found)) == (parse_budget(found), float(text))


def _whole_levels(text):
    try:
        return float(text) in range(1, 256)
    except ValueError:
        return False


@pytest.mark.parametrize("text", ["0", "-8", "8.5", "256", "0.99", "nan", "inf", "1e9", "", "eight", "8/255"])
def test_what_is_no_budget_is_refused(text):
    assert "budget=" in refused(parse_budget, text)


@pytest.mark.parametrize("row", sorted(set(PROTECTIONS) - {CLEAN}))
def test_a_row_that_protects_needs_a_budget(row):
    grid = SUITE.model_copy(update={"grids": (RowGrid(method=(row,)),)})
    said = refused(suites.expand, grid, "small")
    assert said == f"row {row} needs a budget, such as budget=8"


def test_the_clean_portrait_refuses_a_budget():
    grid = SUITE.model_copy(update={"grids": (RowGrid(method=(CLEAN,), tier=("budget=8",)),)})
    assert refused(suites.expand, grid, "small") == f"row {CLEAN} has no budget; write none"


def test_attackers_are_no_tier():
    assert "write none or budget=VALUE" in refused(cells, tiers=["attacker=blur"])


def test_the_suite_holds_every_protection_at_every_budget_and_the_clean_portrait_once():
    found = {(cell.method, cell.tier) for cell in PLAIN.values()}
    budgets = ("budget=4", "budget=8", "budget=16")
    assert found == {(CLEAN, "none")} | {(row, b) for row in set(PROTECTIONS) - {CLEAN} for b in budgets}


# ---- attackers


@pytest.mark.parametrize("where", ["attackers", "elsewhere"])
@pytest.mark.parametrize(
    ("names", "said"),
    [
        ("[blurr]", "unknown attacker 'blurr' (did you mean blur?)"),
        ("[blur, blur]", "name each attacker once"),
        (f"[{DIRECT}]", f"leave out {DIRECT}"),
    ],
)
def test_attackers_that_are_none_are_refused_in_a_line(where, names, said):
    line = refused(cells, f"animation.{where}={names}")
    assert line.startswith(f"animation.{where}: ")
    assert said in line


@given(st.permutations(sorted(set(ATTACKERS) - {DIRECT})))
def test_the_order_in_which_attackers_are_named_is_nothing(names):
    assert AnimationSpec(attackers=names) == AnimationSpec()


def test_rows_at_the_main_budget_have_all_attackers_and_others_a_few():
    for cell in PLAIN.values():
        main = cell.tier in ("none", "budget=8")
        assert cell.attackers == (AnimationSpec().attackers if main else AnimationSpec().elsewhere)
        assert cell.at_main_budget == (cell.tier == "budget=8")


def test_the_purifiers_weights_enter_the_cells_of_those_who_use_it():
    plan = suites.expand(SUITE, "small", fixed={"purifier": "a hash"}, seeds=[0])
    for planned in plan.cells:
        used = set(planned.cell.attackers) & set(PURIFIERS)
        assert planned.cell.purifier == ("a hash" if used else "")
    assert len({planned.cell.purifier for planned in plan.cells}) == 2


# ---- ids


def test_an_option_changes_the_ids_of_its_own_protection_alone():
    assert {PLAIN[key].method for key in moved("options.silencer.target=clean")} == {"silencer"}
    changed = cells("options.silencer.target=clean")
    for key, cell in changed.items():
        meant = {"target": "clean"} if cell.method == "silencer" else PLAIN[key].options
        assert cell.options == meant


@pytest.mark.parametrize(
    ("setting", "tiers"),
    [
        ("animation.attackers=[blur]", {"none", "budget=8"}),
        ("animation.elsewhere=[blur]", {"budget=4", "budget=16"}),
    ],
)
def test_attackers_of_one_budget_change_no_cell_of_another(setting, tiers):
    assert {PLAIN[key].tier for key in moved(setting)} == tiers
    assert moved(setting) == {key for key, cell in PLAIN.items() if cell.tier in tiers}


def test_how_a_protection_is_made_is_nothing_to_the_clean_portrait_but_to_attackers_who_make_pairs():
    alone = "animation.attackers=[blur]"
    plain, changed = cells(alone), cells(alone, "protection.iterations=3")
    found = {key for key, cell in changed.items() if cell.id != plain[key].id}
    assert found == {key for key, cell in PLAIN.items() if cell.method != CLEAN}
    assert moved("protection.iterations=3") == set(PLAIN)
    assert {cell.pairs is None for cell in PLAIN.values() if cell.at_main_budget or cell.budget is None} == {
        False
    }


@pytest.mark.parametrize("setting", ["animation.steps=3", "corpus.tested=39", "protection.path=token"])
def test_what_changes_figures_changes_ids(setting):
    assert "silencer budget=8 seed 0" in moved(setting)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("options.silencr.target=clean", "unknown protection 'silencr' (did you mean silencer?)"),
        ("options.silencer.tarjet=clean", "options.silencer.tarjet: "),
        ("options.silencer.target=odd", "options.silencer.target: Input should be 'protected' or 'clean'"),
        ("options.random_noise.size=1", "options.random_noise.size: "),
        ("purifier=abc", "purifier is filled in by the program, from the weights at hand"),
        ("backbone.name=tiny", "backbone is filled in by the program"),
        ("animation.evaluators={a: b}", "animation.evaluators is filled in by the program"),
        ("protection.step=0", "protection.step: Input should be greater than 0"),
    ],
)
def test_mistakes_are_told_in_a_line(change, said):
    assert said in refused(cells, change)


def test_attackers_elsewhere_are_refused_where_no_row_is_at_another_budget():
    line = refused(cells, "animation.elsewhere=[blur]", preset="smoke")
    assert "animation.elsewhere has no effect here" in line


def test_frames_are_read_by_every_row():
    alone = ("animation.attackers=[]", "animation.elsewhere=[]", "animation.frames=2")
    for tiers in ([], ["budget=16"]):
        found = cells(*alone, tiers=tiers, preset="small").values()
        assert all(cell.animation.frames == 2 and not cell.attackers for cell in found)


def test_costs_are_of_what_a_cell_does():
    clean, protected = PLAIN["unprotected seed 0"], PLAIN["silencer budget=8 seed 0"]
    assert TASK.costs(clean)["protecting"] == TASK.costs(clean)["controls"] == 0
    assert all(seconds > 0 for seconds in TASK.costs(protected).values())
    assert TASK.costs(PLAIN["audio_swap budget=8 seed 0"])["protecting"] > TASK.costs(protected)["protecting"]
    assert TASK.costs(PLAIN["silencer budget=4 seed 0"])["animating"] < TASK.costs(protected)["animating"]


# ---- ways of making a protection, as axes

GRADIENTS = suites.load("portrait_gradients")


def test_a_place_on_an_axis_is_how_the_protection_is_made():
    plan = suites.expand(GRADIENTS, "small", seeds=[0])
    found = {planned.cell.tier: planned.cell for planned in plan.cells if planned.cell.method != CLEAN}
    plain = found["budget=8"].protection
    for tier, cell in found.items():
        own = {name: value for name, value in cell.at.items() if name != "budget"}
        assert cell.protection == plain.model_copy(update=own), tier
        assert cell.pairs is None
    assert len({cell.id for cell in found.values()}) == len(found) == 8


@pytest.mark.parametrize("axis", ["timesteps", "path", "movement"])
def test_a_way_of_making_that_there_is_not_is_refused_with_those_there_are(axis):
    line = refused(suites.expand, GRADIENTS, "small", seeds=[0], tiers=[f"budget=8,{axis}=odd"])
    assert f"{axis}=odd: {axis} is one of " in line
    assert getattr(PLAIN["silencer budget=8 seed 0"].protection, axis) in line


def test_the_clean_portrait_is_not_made_at_all():
    clean = RowGrid(method=(CLEAN,), tier=("path=token",))
    suite = GRADIENTS.model_copy(update={"grids": (clean,)})
    assert "row unprotected is not made by any path; write none" in refused(
        suites.expand, suite, "small", seeds=[0]
    )

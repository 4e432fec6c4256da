"""Portrait protection's display names rows, metrics, axes and attackers that there are."""

from __future__ import annotations

from privtalk.attacks.purification.registry import ATTACKERS
from privtalk.bench import suites
from privtalk.bench.task import find_task
from privtalk.bench.tasks.portrait_protection.settings import DIRECT
from privtalk.methods.protection.registry import PROTECTIONS

TASK = find_task("portrait_protection")
SHOWN = TASK.display
BASES = {name.partition("[")[0] for name in TASK.metrics}


def test_every_row_has_a_name_of_its_own_for_people():
    assert set(SHOWN.rows) == set(TASK.rows) == set(PROTECTIONS)
    assert len({SHOWN.row_label(name) for name in TASK.rows}) == len(TASK.rows)
    assert all(row.about for row in TASK.rows.values())


def test_metrics_and_families_are_those_that_there_are():
    assert {family.name for family in SHOWN.families} == {m.family for m in TASK.metrics.values()}
    named = {*SHOWN.metrics, *SHOWN.tolerances, *(name for f in SHOWN.families for name in f.main)}
    assert {name.partition("[")[0] for name in named} <= BASES
    assert set(SHOWN.metrics) == BASES
    assert SHOWN.headline in BASES


def test_the_baseline_the_floors_the_suites_and_the_axes_are_the_tasks_own():
    assert TASK.rows[SHOWN.baseline.row].kind == "reference"
    assert {TASK.rows[name].kind for name in SHOWN.floors} == {"floor"}
    assert {axis.name for axis in SHOWN.axes} == set(TASK.axes)
    assert set(SHOWN.suites) <= set(suites.names())


def test_the_axis_apart_is_that_of_attackers_and_orders_them_all():
    [axis] = [axis for axis in SHOWN.axes if axis.apart]
    assert not TASK.axes[axis.name].planned
    assert set(axis.order) == set(ATTACKERS) - {DIRECT}
    assert SHOWN.at_label("budget=8, attacker=jpeg_75") == "8/255, by jpeg_75"
    assert SHOWN.at_label("none") == "clean"

"""The talking head's display names rows, metrics and axes that there are."""

from __future__ import annotations

import pytest

from privtalk.bench import suites
from privtalk.bench.task import find_task
from privtalk.core.display import Display

TASK = find_task("talking_head")
BASES = {name.partition("[")[0] for name in TASK.metrics}
GONE = {"local", "truth", "sync"}
"""A row and a metric of old records, and the true clips, which are no row."""


@pytest.fixture(scope="module")
def shown() -> Display:
    return TASK.display


def parted() -> set[str]:
    """Rows of the task's factorial grids, which are called after the parts that they have."""
    plans = [suites.expand(suites.load(name), "small") for name in suites.names()]
    own = [plan for plan in plans if plan.task == TASK.name]
    return {planned.row for plan in own for planned in plan.cells if planned.factors}


def test_every_row_has_a_name_for_people(shown):
    own = {name for name, row in TASK.rows.items() if not row.source}
    assert own <= set(shown.rows)
    assert set(shown.rows) - own - parted() <= GONE
    assert parted() <= set(shown.rows)
    labels = [shown.row_label(name) for name in own]
    assert len(set(labels)) == len(labels), "rows that are called the same cannot be told apart"


def test_metrics_and_families_are_those_that_there_are(shown):
    assert {family.name for family in shown.families} >= {m.family for m in TASK.metrics.values()}
    named = {*shown.metrics, *shown.tolerances, *(name for f in shown.families for name in f.main)}
    assert {name.partition("[")[0] for name in named} - BASES <= GONE
    assert shown.headline in BASES


def test_the_baseline_the_floors_and_the_axes_are_the_tasks_own(shown):
    assert shown.baseline is not None
    assert TASK.rows[shown.baseline.row].kind == "reference"
    assert {TASK.rows[name].kind for name in shown.floors} == {"floor"}
    assert {axis.name for axis in shown.axes} == set(TASK.axes)

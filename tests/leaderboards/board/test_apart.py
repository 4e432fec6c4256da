"""Rows on an axis that has a section of its own: kept, compared, and in nobody's way."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from privtalk.bench.tasks.portrait_protection.display import DISPLAY
from privtalk.core.display import AxisDisplay
from privtalk.leaderboards.board.build import build
from privtalk.leaderboards.board.views import View
from privtalk.leaderboards.show import show
from tests.leaderboards.protected import CONTROL, RESTORED, protected


@pytest.fixture(scope="module")
def runs_of_owners():
    return protected()


@pytest.fixture(scope="module")
def board(runs_of_owners):
    return build(runs_of_owners.records, runs_of_owners.samples)


def test_rows_apart_are_no_rows_of_the_board(board):
    assert {row.key[:2] for row in board.rows} == set(CONTROL)
    attacked = {(method, tier) for method, tier in CONTROL if tier != "budget=16"}
    places = {
        (method, f"{'' if tier == 'none' else tier + ', '}attacker={name}")
        for method, tier in attacked
        for name in RESTORED
    }
    told = {(row.key.method, frozenset(row.key.tier.split(", "))) for row in board.apart}
    assert told == {(method, frozenset(tier.split(", "))) for method, tier in places}


def test_nobody_ranks_them(board, runs_of_owners):
    assert all(cell.rank is None for row in board.apart for cell in row.cells.values())
    plain = protected(restored={})
    alone = build(plain.records, plain.samples)
    for row in board.methods("budget=8"):
        same = alone.row(*row.key)
        assert {n: c.rank for n, c in row.cells.items()} == {n: c.rank for n, c in same.cells.items()}
        assert row.cells["audio_control"].rank is not None
    assert board.tiers == alone.tiers == ["budget=8", "budget=16"]


def test_what_they_lack_makes_no_row_incomplete(board):
    """Attackers are scored by five metrics and rows by all."""
    assert all(row.cells["portrait_psnr"].estimate.value is None for row in board.apart)
    assert [row.incomplete for row in board.rows] == [()] * len(board.rows)
    assert [row.incomplete for row in board.apart] == [()] * len(board.apart)


def test_they_are_compared_by_owner_like_any_row(board):
    found = next(row for row in board.apart if row.key.method == "silencer" and "diffpure" in row.key.tier)
    apart = board.difference(found.key, board.row("silencer", "budget=8").key, "audio_control")
    assert apart.value == pytest.approx(0.5, abs=0.01)
    assert apart.clusters == 12


def test_a_record_is_counted_once(board):
    records = [record for _, record in board.recorded]
    assert len(records) == len(CONTROL)
    assert all(isinstance(record, View) for row in board.apart for record in row.records)


def test_an_axis_that_is_not_apart_has_rows_on_the_board(runs_of_owners):
    axes = tuple(AxisDisplay.model_validate(axis.model_dump() | {"apart": False}) for axis in DISPLAY.axes)
    display = DISPLAY.model_copy(update={"axes": axes})
    board = build(runs_of_owners.records, runs_of_owners.samples, display=display)
    assert board.apart == ()
    assert len(board.rows) == len(CONTROL) + 6 * len(RESTORED)


def test_a_board_of_the_other_task_has_none(runs):
    assert build(runs.records, runs.samples).apart == ()


def test_the_one_screen_overview_shows_no_attacker(board):
    screen = io.StringIO()
    show(board, Console(file=screen, width=160), whole=False)
    assert "Silencer I" in screen.getvalue()
    assert "by diffpure" not in screen.getvalue()

"""The charts of protections: every point inside, every attacker in its place, drawn in both widths."""

from __future__ import annotations

import pytest

from privtalk.leaderboards.board.build import build
from privtalk.leaderboards.charts.style import DARK, LAYOUTS, LIGHT, NARROW, WIDE, recoloured, render
from privtalk.leaderboards.sections.protection.figures import (
    SHADE,
    cost_chart,
    draw_all,
    matrix,
    matrix_rows,
    point_rows,
    quadrants,
)
from privtalk.leaderboards.sections.protection.protection_board import INTACT, ProtectionBoard
from tests.leaderboards.protected import CONTROL, RESTORED, protected

ORDER = ["worst of all", "direct", "jpeg and half size", "diffpure"]


def shown_of(runs) -> ProtectionBoard:
    return ProtectionBoard(build(runs.records, runs.samples))


@pytest.fixture(scope="module")
def shown():
    return shown_of(protected())


def test_there_is_a_point_a_protection_and_budget(shown):
    rows = point_rows(shown)
    assert [(row["label"], row["at"]) for row in rows] == [(f.row.label, f.row.at) for f in shown.rows]
    mine = next(row for row in rows if (row["label"], row["at"]) == ("Silencer I", "8/255"))
    assert (mine["control"], mine["intact"]) == pytest.approx((0.4, 0.97), abs=0.01)
    assert (mine["cost"], mine["state"]) == (pytest.approx(34.0, abs=0.1), "half silenced")
    assert all(row["low"] < row["control"] < row["high"] for row in rows)


def test_the_matrix_has_every_attacker_and_the_worst_in_front(shown):
    rows = matrix_rows(shown)
    assert len(rows) == 6 * (2 + len(RESTORED))
    assert [row["attacker"] for row in rows[:4]] == ORDER
    mine = {row["attacker"]: row for row in rows if row["label"] == "Silencer I"}
    assert {name: round(row["control"], 1) for name, row in mine.items()} == {
        "worst of all": 0.9,
        "direct": 0.4,
        "jpeg and half size": 0.6,
        "diffpure": 0.9,
    }
    assert mine["worst of all"]["who"] == "diffpure"
    assert mine["direct"]["who"] == "direct"


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_charts_draw_in_every_width_and_theme(shown, layout):
    points, cells = point_rows(shown), matrix_rows(shown)
    for draw in (
        lambda theme: quadrants(points, theme, layout),
        lambda theme: cost_chart(points, theme, layout),
        lambda theme: matrix(cells, ORDER, theme, layout),
    ):
        svg = render(draw(LIGHT))
        assert svg.startswith("<svg")
        assert "Silencer I" in svg
        assert recoloured(svg, LIGHT, DARK) == render(draw(DARK))


def test_the_quadrants_name_themselves_and_their_borders(shown):
    svg = render(quadrants(point_rows(shown), LIGHT, WIDE))
    for word in ("silenced", "broken", "talking", "talking and broken"):
        assert f">{word}<" in svg


def test_attackers_run_across_where_there_is_room_and_down_where_there_is_none(shown):
    wide, narrow = (matrix(matrix_rows(shown), ORDER, LIGHT, layout) for layout in (WIDE, NARROW))
    assert wide["encoding"]["x"]["sort"] == narrow["encoding"]["y"]["sort"] == ORDER
    assert wide["encoding"]["y"]["field"] == narrow["encoding"]["x"]["field"] == "label"


@pytest.mark.parametrize("control", [-0.4, 0.0, 1.6])
def test_no_point_and_no_interval_lies_outside_of_the_quadrants(control):
    rows = point_rows(shown_of(protected({**CONTROL, ("photoguard", "budget=8"): control})))
    spec = quadrants(rows, LIGHT, WIDE)
    axes = next(layer["encoding"] for layer in spec["layer"] if layer["mark"]["type"] == "point")
    left, right = axes["x"]["scale"]["domain"]
    low, top = axes["y"]["scale"]["domain"]
    assert all(left <= row["low"] <= row["high"] <= right for row in rows)
    assert all(low <= row["intact"] <= top for row in rows)
    assert low < INTACT < top


def test_cells_are_the_louder_the_more_control_is_left(shown):
    cells = [
        row | {"control": control}
        for row, control in zip(matrix_rows(shown), (-1.0, 0.0, 0.5, 1.0, 3.0), strict=False)
    ]
    spec = matrix(cells, ORDER, LIGHT, WIDE)
    drawn = {layer["mark"].get("color"): layer for layer in spec["layer"] if layer["mark"]["type"] == "rect"}
    for colour, shades in ((LIGHT.better, [1, 1, 0.5, 0, 0]), (LIGHT.worse, [0, 0, 0.5, 1, 1])):
        field = drawn[colour]["encoding"]["opacity"]["field"]
        found = [row[field] for row in drawn[colour]["data"]["values"]]
        assert found == pytest.approx([SHADE * shade for shade in shades])


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_without_rows_an_empty_chart_is_drawn(layout):
    assert render(quadrants([], LIGHT, layout)).startswith("<svg")


def test_everything_is_written_and_told_in_words(shown, tmp_path):
    found = draw_all(shown, tmp_path, "board")
    assert {name: len(figures) for name, figures in found.items()} == {"quadrants": 1, "cost": 1, "matrix": 1}
    for [figure] in found.values():
        assert all((tmp_path / path).is_file() for path in figure.files.values())
        assert figure.title
    assert "Silencer I 8/255: control 0.40, identity 0.97, half silenced" in found["quadrants"][0].alt
    assert "Silencer I by diffpure: 0.90" in found["matrix"][0].alt


def test_without_attackers_there_is_no_matrix(tmp_path):
    assert draw_all(shown_of(protected(restored={})), tmp_path, "board")["matrix"] == []

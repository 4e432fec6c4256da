"""The charts of efficiency: what is drawn, names that do not cover each other, both widths and themes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privtalk.leaderboards.charts.style import DARK, LAYOUTS, LIGHT, NARROW, WIDE, recoloured, render
from privtalk.leaderboards.sections.efficiency.efficiency_board import EfficiencyBoard
from privtalk.leaderboards.sections.efficiency.figures import (
    AXES,
    cost_chart_of,
    cost_spec,
    draw_all,
    point_rows,
)
from privtalk.leaderboards.sections.efficiency.labels import (
    CHARACTER,
    TALL,
    LabelBox,
    NamingPlot,
    Pixel,
    placed_labels,
)
from tests.leaderboards.sections.efficiency.timed import timed_board


@pytest.fixture(scope="module")
def shown():
    return EfficiencyBoard(timed_board())


def test_points_hold_what_the_charts_draw(shown):
    rows = {row["where"]: row for row in point_rows(shown)}
    assert rows["small"]["name"] == "small"
    assert rows["slow"]["name"] == "slow, 16"
    assert {rows[name]["series"] for name in ("slow", "slow, steps = 2", "slow, steps = 4")} == {"slow none "}
    mine = rows["small"]
    assert (mine["speed"], mine["megabytes"], mine["passes"]) == (400.0, 0.1, 2)
    assert mine["low"] < mine["quality"] < mine["high"]


def test_floors_that_were_not_timed_are_lines_where_they_are_near(shown):
    chart = cost_chart_of(shown, AXES[0])
    assert [line["name"] for line in chart.lines] == ["held"]
    low, high = chart.ends
    assert all(low < row["low"] < row["high"] < high for row in chart.rows)


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
@pytest.mark.parametrize("axis", AXES, ids=lambda axis: axis.field)
def test_charts_draw_in_every_width_and_theme(shown, axis, layout):
    chart = cost_chart_of(shown, axis)
    svg = render(cost_spec(chart, LIGHT, layout))
    assert svg.startswith("<svg")
    assert recoloured(svg, LIGHT, DARK) == render(cost_spec(chart, DARK, layout))
    assert (">slow, 16<" in svg) == (layout is WIDE)


def test_the_cost_is_logarithmic_and_a_method_is_one_line(shown):
    spec = cost_spec(cost_chart_of(shown, AXES[0]), LIGHT, NARROW)
    [line] = [part for part in spec["layer"] if part["mark"]["type"] == "line"]
    assert line["encoding"]["x"]["scale"]["type"] == "log"
    assert line["encoding"]["detail"]["field"] == "series"
    assert line["encoding"]["order"]["field"] == "passes"


def test_everything_is_written_and_told_in_words(shown, tmp_path):
    speed, size = draw_all(shown, tmp_path, "board")["efficiency"]
    for figure in (speed, size):
        assert all((tmp_path / path).is_file() for path in figure.files.values())
        assert "Down is better" in figure.caption
        assert "Off the scale: far 900" in figure.caption
    assert "small: 2.0" in speed.alt
    assert "at 400" in speed.alt


PIXELS = st.builds(Pixel, st.floats(0, 300), st.floats(0, 200))


@given(st.lists(PIXELS, max_size=8))
def test_names_cover_neither_each_other_nor_other_points_nor_texts(points):
    names = [f"name {k}" for k in range(len(points))]
    font, taken = 12.0, LabelBox(0, 90, 60, 104)
    found = placed_labels(points, names, NamingPlot(300, 200, font, [taken]))
    boxes = [taken]
    for index, (place, name) in enumerate(zip(found, names, strict=True)):
        if place is None:
            continue
        right = place.x + CHARACTER * font * len(name)
        box = LabelBox(place.x, place.y - TALL * font, right, place.y + TALL * font)
        assert box.left >= 0
        assert box.right <= 300
        assert not any(box.holds(point) for other, point in enumerate(points) if other != index)
        assert not any(box.overlaps(other) for other in boxes)
        boxes.append(box)


def test_a_name_avoids_lines_where_it_can():
    line = [Pixel(x, 50) for x in range(0, 100, 4)]
    [free] = placed_labels([Pixel(50, 50)], ["a"], NamingPlot(100, 100, 10.0, drawn=line))
    assert free.y != 50

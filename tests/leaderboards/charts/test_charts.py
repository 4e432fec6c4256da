from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privtalk.leaderboards.board.build import build
from privtalk.leaderboards.charts import data
from privtalk.leaderboards.charts.all_metrics import all_metrics
from privtalk.leaderboards.charts.forest import forest
from privtalk.leaderboards.charts.parts import off_scale
from privtalk.leaderboards.charts.style import DARK, LAYOUTS, LIGHT, NARROW, THEMES, WIDE, recoloured, render
from privtalk.leaderboards.sections.attacks import rows as attack_data
from privtalk.leaderboards.sections.attacks.charts.roc import roc
from privtalk.leaderboards.sections.tradeoff.opening import opening
from privtalk.leaderboards.sections.tradeoff.opening_rows import OpeningBoard


@pytest.fixture(scope="module")
def board(runs):
    return build(runs.records, runs.samples)


def texts(spec) -> list[str]:
    """All strings of a specification."""
    if isinstance(spec, str):
        return [spec]
    if isinstance(spec, dict):
        return [t for value in spec.values() for t in texts(value)]
    return [t for value in spec for t in texts(value)] if isinstance(spec, list | tuple) else []


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_recolouring_is_drawing_in_the_other_theme(board, layout):
    for draw in (
        lambda theme: opening(OpeningBoard(board, "psnr"), theme, layout),
        lambda theme: forest(board, "psnr", theme, layout),
        lambda theme: all_metrics(board, theme, layout),
    ):
        assert recoloured(render(draw(LIGHT)), LIGHT, DARK) == render(draw(DARK))


def test_colours_of_a_theme_are_distinct():
    for theme in THEMES:
        colours = [theme.ink, theme.muted, theme.grid, *theme.methods, *theme.tiers]
        colours += [theme.better, theme.worse]
        assert len(set(colours)) == len(colours)


def test_forest_has_a_line_a_row_and_its_figures(board):
    spec = forest(board, "psnr", LIGHT, WIDE)
    found = texts(spec)
    for row in board.methods():
        value = row.cells["psnr"].difference.value
        assert any(f"{value:+.2f}".replace("-", "−") in text for text in found)
    assert "Noise" not in " ".join(found)


def test_far_floors_are_named_instead_of_drawn(board):
    away = off_scale(board, "psnr")
    assert [line.split(" ")[0] for line in away] == ["Noise", "Static", "Autoencoder"]


def test_roc_has_a_panel_a_method_and_draws(board):
    spec = roc(board, "user_inference", LIGHT, NARROW)
    assert [panel["title"] for panel in spec["concat"]] == ["FedAvg", "FedProx", "PrivFedTalk"]
    assert render(spec).startswith("<svg")


def test_ceilings_are_those_of_the_guarantee(board):
    points = attack_data.ceiling_rows(board.row("fedavg", "eps=2"), "user_inference", 0.01)
    assert points[0]["fpr"] == pytest.approx(0.01)
    assert points[-1]["ceiling"] == pytest.approx(1.0)
    assert all(p["fpr"] <= p["ceiling"] <= 1 for p in points)
    assert attack_data.ceiling_rows(board.row("fedavg"), "user_inference", 0.01) == []


def test_epsilon_8_cannot_be_contradicted_by_few_people(board):
    assert attack_data.unbound_tiers(board, "user_inference") == ["ε = 8"]


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_all_metrics_have_a_cell_and_a_glyph_where_they_are_clear_of_zero(board, layout):
    rows = data.standardised_rows(board)
    svg = render(all_metrics(board, LIGHT, layout))
    for verdict, glyph in (("better", "▲"), ("worse", "▼")):
        assert svg.count(f">{glyph}<") == sum(row["verdict"] == verdict for row in rows)
    for name in ("lpips[talkhead]", "fid[talkhead]", "temporal", "no DP"):
        assert name in svg
    assert "lpips[alex]" not in svg


def test_standardised_differences_are_clear_of_zero_beyond_one(board):
    rows = data.standardised_rows(board)
    assert {row["metric"] for row in rows} >= {"psnr", "jitter_error", "kid[talkhead]"}
    assert "jitter" not in {row["metric"] for row in rows}
    for row in rows:
        assert (row["standardised"] > 1) == (row["verdict"] == "better")
        assert (row["standardised"] < -1) == (row["verdict"] == "worse")


def test_one_client_draws_points_without_intervals(make):
    runs = make(clients=1)
    board = build(runs.records, runs.samples)
    assert "FedAvg" in render(forest(board, "psnr", LIGHT, WIDE))


def test_rows_behind_charts_are_complete(board):
    rows = data.board_rows(board)
    assert len(rows) == len(board.rows) * len(board.metrics)
    assert {row["metric"] for row in rows} == {metric.name for metric in board.metrics}
    static = next(r for r in rows if r["method"] == "static" and r["metric"] == "mouth_sync")
    assert static["value"] is None
    assert static["missing"]


@given(st.lists(st.floats(-100, 100), max_size=12), st.floats(0.1, 10))
def test_spread_labels_keep_order_and_distance(values, gap):
    placed = data.spread(values, gap)
    pairs = sorted(zip(values, placed, strict=True))
    for (_, first), (_, second) in pairwise(pairs):
        assert second - first >= gap * (1 - 1e-6)
    if len(values) == 1:
        assert placed == pytest.approx(values)


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=8, unique=True))
def test_labels_with_room_stay_where_they_are(values):
    assert data.spread([10.0 * v for v in values], 1.0) == pytest.approx([10.0 * v for v in values])

"""All metrics at a glance: every method against the baseline, better, worse or not told apart."""

from __future__ import annotations

from privtalk.leaderboards.board.model import Board
from privtalk.leaderboards.charts.data import Table, standardised_rows
from privtalk.leaderboards.charts.heat import HeatLabel, heat_map
from privtalk.leaderboards.charts.parts import Spec, whole
from privtalk.leaderboards.charts.style import Layout, Theme


def all_metrics(board: Board, theme: Theme, layout: Layout) -> Spec:
    """Rows are methods by tier and columns metrics by family; the other way round on narrow screens."""
    cells = standardised_rows(board)
    metrics, rows = _metrics(board, cells), _rows(board)
    across, down = ("metric", "row") if layout.columns > 1 else ("row", "metric")
    axes = {"metric": metrics, "row": rows}
    marked = [
        cell | {"metric_key": cell["metric"], "row_key": f"{cell['label']} {cell['tier']}"} for cell in cells
    ]
    return whole(heat_map(marked, across, axes[across], down, axes[down], theme, layout), theme, layout)


def _metrics(board: Board, cells: Table) -> list[HeatLabel]:
    compared = {cell["metric"] for cell in cells}
    lines = []
    for family in board.families:
        own = [m.name for m in board.metrics if m.family == family and m.name in compared]
        lines += [HeatLabel(family or "metrics"), *(HeatLabel(name, name) for name in own)] if own else []
    return lines


def _rows(board: Board) -> list[HeatLabel]:
    lines = []
    for tier in board.tiers:
        lines += [HeatLabel(board.at(tier))]
        lines += [HeatLabel(row.label, f"{row.label} {row.key.tier}") for row in board.methods(tier)]
    return lines

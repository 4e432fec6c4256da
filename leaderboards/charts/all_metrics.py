"""All metrics at a glance: every method against the baseline, better, worse or not told apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from privtalk.leaderboards.board.model import Board
from privtalk.leaderboards.charts.data import Table, standardised_rows
from privtalk.leaderboards.charts.heat import TALL, WIDEST, HeatLabel, axis, group_names
from privtalk.leaderboards.charts.parts import Spec, layer, scale, whole
from privtalk.leaderboards.charts.style import Layout, Theme

FAINT, STRONG, FULL = 0.14, 0.62, 4.0
"""Opacity just clear of zero, opacity at most, and the half-intervals from which it is most."""
GLYPHS = {"better": "▲", "worse": "▼", "level": ""}


def all_metrics(board: Board, theme: Theme, layout: Layout) -> Spec:
    """Rows are methods by tier and columns metrics by family; the other way round on narrow screens."""
    cells = standardised_rows(board)
    metrics, rows = _metrics(board, cells), _rows(board)
    across, down = ("metric", "row") if layout.columns > 1 else ("row", "metric")
    axes = {"metric": metrics, "row": rows}
    marked = [_marked(cell) for cell in cells]
    return whole(_panel(marked, across, axes[across], down, axes[down], theme, layout), theme, layout)


def _panel(
    cells: Table,
    across: str,
    columns: Sequence[HeatLabel],
    down: str,
    lines: Sequence[HeatLabel],
    theme: Theme,
    layout: Layout,
) -> Spec:
    x_of, y_of = (
        {line.key: str(i) for i, line in enumerate(places) if line.key} for places in (columns, lines)
    )
    placed = [c | {"x": x_of[c[f"{across}_key"]], "y": y_of[c[f"{down}_key"]]} for c in cells]
    colours = {"better": theme.better, "worse": theme.worse, "level": theme.muted}
    step = min(WIDEST, layout.width / len(columns))
    rect = {"type": "rect", "cornerRadius": 2}
    glyph = {"type": "text", "color": theme.ink, "fontSize": min(10, round(0.6 * step)), "baseline": "middle"}
    groups = [{"x": str(i), "text": name} for i, name in group_names(columns, step)]
    names = {"type": "text", "align": "left", "fontSize": layout.font - 2, "fontWeight": 700}
    names |= {"color": theme.muted, "dx": -step / 2}
    return {
        "width": round(step * len(columns)),
        "height": TALL * len(lines),
        "encoding": {
            "x": axis("x", columns, layout, theme, labelAngle=-90, orient="bottom"),
            "y": axis("y", lines, layout, theme, labelLimit=190),
        },
        "layer": [
            layer(
                placed,
                rect,
                color={"field": "verdict", "scale": scale(colours), "legend": None},
                opacity={"field": "opacity", "type": "quantitative", "scale": None, "legend": None},
            ),
            layer([c for c in placed if c["glyph"]], glyph, text={"field": "glyph"}),
            layer(groups, names, y={"value": -8}, text={"field": "text"}),
        ],
    }


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


def _marked(cell: dict[str, Any]) -> dict[str, Any]:
    """A cell with its keys on the axes, its glyph and its opacity."""
    size = min(abs(cell["standardised"]), FULL) / FULL
    clear = cell["verdict"] != "level"
    return {
        "metric_key": cell["metric"],
        "row_key": f"{cell['label']} {cell['tier']}",
        "verdict": cell["verdict"],
        "glyph": GLYPHS[cell["verdict"]],
        "opacity": round(FAINT + (STRONG - FAINT) * size, 3) if clear else FAINT,
    }

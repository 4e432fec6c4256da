"""All metrics at a glance: every method against the baseline, better, worse or not told apart."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from privtalk.leaderboards import formats
from privtalk.leaderboards.charts.data import Table, standardised_rows
from privtalk.leaderboards.charts.parts import Spec, layer, scale, whole
from privtalk.leaderboards.charts.style import Layout, Theme
from privtalk.leaderboards.model import Board

WIDEST, TALL = 30, 20
"""Widest column and height of a row, in pixels."""
FAINT, STRONG, FULL = 0.14, 0.62, 4.0
"""Opacity just clear of zero, opacity at most, and the half-intervals from which it is most."""
GLYPHS = {"better": "▲", "worse": "▼", "level": ""}


class Line(NamedTuple):
    """A place on an axis: a group's name, or one of its members."""

    label: str
    key: str | None = None
    """None for the name of a group."""


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
    columns: Sequence[Line],
    down: str,
    lines: Sequence[Line],
    theme: Theme,
    layout: Layout,
) -> Spec:
    x_of, y_of = ({line.key: str(i) for i, line in enumerate(axis) if line.key} for axis in (columns, lines))
    placed = [c | {"x": x_of[c[f"{across}_key"]], "y": y_of[c[f"{down}_key"]]} for c in cells]
    colours = {"better": theme.better, "worse": theme.worse, "level": theme.muted}
    step = min(WIDEST, layout.width / len(columns))
    rect = {"type": "rect", "cornerRadius": 2}
    glyph = {"type": "text", "color": theme.ink, "fontSize": min(10, round(0.6 * step)), "baseline": "middle"}
    groups = [{"x": str(i), "text": name} for i, name in _group_names(columns, step)]
    names = {"type": "text", "align": "left", "fontSize": layout.font - 2, "fontWeight": 700}
    names |= {"color": theme.muted, "dx": -step / 2}
    return {
        "width": round(step * len(columns)),
        "height": TALL * len(lines),
        "encoding": {
            "x": _axis("x", columns, layout, theme, labelAngle=-90, orient="bottom"),
            "y": _axis("y", lines, layout, theme, labelLimit=190),
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


def _axis(name: str, lines: Sequence[Line], layout: Layout, theme: Theme, **more: Any) -> Spec:
    """An ordinal axis with a gap, and on the left a name, before each group."""
    groups = [str(i) for i, line in enumerate(lines) if line.key is None]
    labels = ["" if name == "x" and line.key is None else line.label for line in lines]
    among = f"indexof({json.dumps(groups)}, datum.value) >= 0"
    return {
        "field": name,
        "type": "ordinal",
        "scale": {"domain": [str(i) for i in range(len(lines))], "paddingInner": 0.12},
        "axis": {
            "labelExpr": f"{json.dumps(labels, ensure_ascii=False)}[+datum.value]",
            "labelFontSize": layout.font - (2 if name == "x" else 1),
            "labelFontWeight": {"condition": {"test": among, "value": 700}, "value": 400},
            "labelColor": {"condition": {"test": among, "value": theme.muted}, "value": theme.ink},
            "labelOverlap": False,
            "title": None,
            "domain": False,
            "ticks": False,
            "grid": False,
            **more,
        },
    }


def _metrics(board: Board, cells: Table) -> list[Line]:
    compared = {cell["metric"] for cell in cells}
    lines = []
    for family in board.families:
        own = [m.name for m in board.metrics if m.family == family and m.name in compared]
        lines += [Line(family or "metrics"), *(Line(name, name) for name in own)] if own else []
    return lines


def _rows(board: Board) -> list[Line]:
    lines = []
    for tier in board.tiers:
        lines += [Line(formats.tier_label(tier))]
        lines += [Line(row.label, f"{row.label} {row.key.tier}") for row in board.methods(tier)]
    return lines


def _group_names(lines: Sequence[Line], step: float) -> list[tuple[int, str]]:
    """(place of its first member, name) of each group, cut to the room above it."""
    starts = [i for i, line in enumerate(lines) if line.key is None]
    ends = [*starts[1:], len(lines) + 2]
    named = []
    for start, end in zip(starts, ends, strict=True):
        room, name = int((end - start) * step / 6), lines[start].label
        named.append((start + 1, name if len(name) <= room else f"{name[: room - 1]}."))
    return named


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

"""Paired differences to the baseline, row by row."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from privtalk.leaderboards import formats
from privtalk.leaderboards.board.model import Board
from privtalk.leaderboards.charts.data import utility_rows
from privtalk.leaderboards.charts.parts import Spec, layer, ranges, scale, whole
from privtalk.leaderboards.charts.style import Layout, Theme, method_colours, method_shapes

FIGURES = 120
"""Pixels that a forest gives up for the figures beside it."""


def forest(board: Board, metric: str, theme: Theme, layout: Layout) -> Spec:
    """Paired differences to the baseline with their intervals, by tier; floors and far ceilings left out."""
    low, high, near, _ = ranges(board, metric)
    drawn = [r for r in utility_rows(board, metric) if r["kind"] == "method"]
    lines: list[tuple[str, dict[str, Any] | None]] = []
    if near:
        lines += [("References", None)] + [(r["label"], r) for r in near]
    for tier in board.tiers:
        lines += [(board.at(tier), None)] + [(r["label"], r) for r in drawn if r["tier"] == tier]
    return whole(_forest_panel(board, metric, lines, (low, high), theme, layout), theme, layout)


def _forest_panel(
    board: Board,
    metric: str,
    lines: Sequence[tuple[str, dict[str, Any] | None]],
    ends: tuple[float, float],
    theme: Theme,
    layout: Layout,
) -> Spec:
    column = board.metric(metric)
    rows = [
        row | {"y": place, "text": _figure(row, column.digits)}
        for place, (_, row) in enumerate(lines)
        if row is not None
    ]
    headers = [place for place, (_, row) in enumerate(lines) if row is None]
    methods = sorted({r["label"] for r in rows if r["kind"] == "method"})
    greys = {r["label"]: theme.muted for r in rows if r["kind"] != "method"}
    colour = {"field": "label", "scale": scale(greys | method_colours(methods, theme)), "legend": None}
    shapes = dict.fromkeys(greys, "circle") | method_shapes(methods)
    shape = {"field": "label", "scale": scale(shapes), "legend": None}
    names = [name for name, _ in lines]
    base = board.base
    y = {
        "field": "y",
        "type": "quantitative",
        "scale": {"domain": [len(lines) - 0.4, -0.6], "nice": False, "zero": False},
        "axis": {
            "values": list(range(len(lines))),
            "labelExpr": f"{json.dumps(names, ensure_ascii=False)}[datum.value]",
            "labelFontWeight": {"condition": {"test": _among(headers), "value": 700}, "value": 400},
            "labelColor": {"condition": {"test": _among(headers), "value": theme.muted}, "value": theme.ink},
            "labelFontSize": layout.font,
            "labelLimit": 200,
            "title": None,
            "grid": False,
            "domain": False,
            "ticks": False,
        },
    }
    x = {
        "field": "value",
        "type": "quantitative",
        "scale": {"domain": list(ends), "nice": False, "zero": False},
        "axis": {
            "title": f"{metric} {formats.MINUS} {base}{f', {column.unit}' if column.unit else ''}",
            "tickCount": 6,
        },
    }
    layers = [
        layer([{"value": 0.0}], {"type": "rule", "color": theme.ink}, y={"value": 0}, y2={"value": "height"}),
        layer(
            [r for r in rows if r["low"] is not None],
            {"type": "rule", "strokeWidth": 2.5},
            color=colour,
            x={"field": "low", "type": "quantitative"},
            x2={"field": "high"},
        ),
        layer(rows, {"type": "point", "filled": True, "size": 75, "opacity": 1}, color=colour, shape=shape),
    ]
    width = layout.width
    if layout.columns > 1:
        width -= FIGURES
        figures = {"type": "text", "align": "left", "color": theme.ink, "fontSize": layout.font - 1}
        layers.append(layer(rows, figures, x={"value": width + 14}, text={"field": "text"}))
    return {
        "width": width,
        "height": 24 * len(lines),
        "encoding": {"x": x, "y": y},
        "layer": layers,
    }


def _among(places: Sequence[int]) -> str:
    """Vega expression that holds at the given places of an axis."""
    return f"indexof({list(places)}, datum.value) >= 0"


def _figure(row: dict[str, Any], digits: int) -> str:
    value = formats.number(row["value"], digits, signed=True)
    if row["low"] is None:
        return value
    ends = [formats.number(row[end], digits, signed=True) for end in ("low", "high")]
    return f"{value} [{ends[0]}, {ends[1]}]"

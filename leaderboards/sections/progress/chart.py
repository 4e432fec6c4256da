"""A metric along the axis of progress: a panel a place, a line a method, and the reference's line in each."""

from __future__ import annotations

import math
from collections.abc import Sequence

from privtalk.leaderboards import formats
from privtalk.leaderboards.board.model import Board, BoardMetric
from privtalk.leaderboards.charts.data import Table
from privtalk.leaderboards.charts.parts import Spec, layer, quantitative, scale, whole
from privtalk.leaderboards.charts.style import Layout, Theme, method_colours, method_shapes
from privtalk.leaderboards.sections.progress.curves import (
    counts,
    curve_rows,
    of_methods,
    places,
    reference,
)

APART = 0.012
"""Distance of methods that stand side by side, as a share of the axis."""


def progress_chart(board: Board, metric: BoardMetric, theme: Theme, layout: Layout) -> Spec:
    """Differences to the baseline at every point, with their intervals; steps on a square-root scale."""
    rows = chart_rows(board, metric)
    ends = [v for r in rows for v in (r["low"], r["high"], r["value"]) if v is not None] + [0.0]
    margin = 0.06 * (max(ends) - min(ends) or 1.0)
    reach = (min(ends) - margin, max(ends) + margin)
    panels = [_panel(board, metric, place, rows, reach, theme, layout) for place in places(board)]
    return whole({"columns": layout.columns, "concat": panels}, theme, layout)


def chart_rows(board: Board, metric: BoardMetric) -> Table:
    """Every point of every curve, placed along the axis, methods side by side."""
    against = reference(board)
    methods = of_methods(board)
    names = sorted({curve.label for curve in methods})
    width = math.sqrt(max([*counts(board), 1.0]))
    rows = curve_rows(board, metric, [*methods, *([against] if against is not None else [])])
    for row in rows:
        beside = names.index(row["label"]) - (len(names) - 1) / 2 if row["kind"] == "method" else 0.0
        row["x"] = math.sqrt(row["progress"]) + APART * width * beside
    return rows


def _panel(
    board: Board,
    metric: BoardMetric,
    place: str,
    rows: Table,
    reach: tuple[float, float],
    theme: Theme,
    layout: Layout,
) -> Spec:
    own = [r for r in rows if r["kind"] == "method" and r["place"] == place]
    against = [r for r in rows if r["kind"] != "method"]
    names = sorted({r["label"] for r in rows if r["kind"] == "method"})
    ticks = [math.sqrt(steps) for steps in counts(board)]
    heading = board.display.progress.heading if board.display.progress else ""
    x = {
        "field": "x",
        "type": "quantitative",
        "scale": {"domain": [-0.05 * ticks[-1], 1.05 * ticks[-1]], "nice": False, "zero": False},
        "axis": {
            "values": ticks,
            "labelExpr": "round(datum.value * datum.value)",
            "title": heading,
            "grid": False,
        },
    }
    unit = f", {metric.unit}" if metric.unit else ""
    y = {
        "field": "value",
        "type": "quantitative",
        "scale": {"domain": list(reach), "nice": False, "zero": False},
        "axis": {
            "title": f"{metric.name} {formats.MINUS} {board.base}{unit}",
            "tickCount": 5,
        },
    }
    return {
        "width": layout.panel,
        "height": layout.short,
        "title": {"text": board.at(place) or board.titled(place)},
        "encoding": {"x": x, "y": y},
        "layer": [*_reference(against, theme), *_methods(own, names, theme)],
    }


def _reference(rows: Table, theme: Theme) -> list[Spec]:
    """The baseline's rule, then the reference's line with its intervals."""
    flat = {"x": {"value": 0}, "x2": {"value": "width"}}
    named = {"field": "label", "type": "nominal", "legend": {"title": None}}
    dash = {**named, "scale": {"range": [[5, 4]]}}
    spans = [r for r in rows if r["low"] is not None]
    grey = {"color": theme.muted}
    return [
        layer([{"value": 0.0}], {"type": "rule", "color": theme.ink, "strokeWidth": 1}, **flat),
        layer(spans, {"type": "rule", "strokeWidth": 5, "opacity": 0.35} | grey, **_span()),
        layer(rows, {"type": "line", "strokeWidth": 2} | grey, strokeDash=dash),
    ]


def _methods(rows: Table, names: Sequence[str], theme: Theme) -> list[Spec]:
    colour = {"field": "label", "scale": scale(method_colours(names, theme)), "legend": {"title": None}}
    shape = {"field": "label", "scale": scale(method_shapes(names)), "legend": None}
    spans = [r for r in rows if r["low"] is not None]
    return [
        layer(rows, {"type": "line", "strokeWidth": 1.5, "opacity": 0.6}, color=colour),
        layer(spans, {"type": "rule", "strokeWidth": 2}, color=colour, **_span()),
        layer(rows, {"type": "point", "filled": True, "size": 55, "opacity": 1}, color=colour, shape=shape),
    ]


def _span() -> Spec:
    return {"y": quantitative("low"), "y2": {"field": "high"}}

"""The picture that a page opens with: what methods gain at each guarantee, and beside it what attackers got.

On the left the headline metric's paired difference to the baseline, up always better: each method as it was released
(hollow, dashed) and at the end of its progress (filled), between the bands of the references. On the right, over the
same places, the AUC of the strongest attack on what each adversary sees, with chance and with what the same attack
finds where something was planted.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from privtalk.leaderboards import formats
from privtalk.leaderboards.board.attacks import CHANCE
from privtalk.leaderboards.charts.data import Table, spread
from privtalk.leaderboards.charts.parts import Spec, layer, quantitative, ranges, scale, whole
from privtalk.leaderboards.charts.style import SHAPES, Layout, Theme, method_colours, method_shapes
from privtalk.leaderboards.sections.tradeoff.opening_rows import OpeningBoard

LINE = 15
"""Pixels that a line of labels needs."""
SHARES = (0.5, 0.25)
"""Width of the two plots where they stand beside each other, as shares of a wide one."""
RELEASED = "as released"


def opening(shown: OpeningBoard, theme: Theme, layout: Layout) -> Spec:
    """Quality on the left and attackers on the right; one above the other on narrow screens."""
    beside = layout.columns > 1 and bool(shown.attacks)
    widths = [round(share * layout.width) for share in SHARES] if beside else [layout.width, layout.width]
    panels = [_quality(shown, theme, layout, widths[0])]
    if shown.attacks:
        panels.append(_attackers(shown, theme, layout, widths[1], untitled=beside))
    apart = {"scale": {"color": "independent", "shape": "independent"}}
    return whole({"hconcat" if beside else "vconcat": panels, "resolve": apart}, theme, layout)


def _quality(shown: OpeningBoard, theme: Theme, layout: Layout, width: int) -> Spec:
    metric, board = shown.metric, shown.board
    low, high, near, _ = ranges(board, metric.name)
    rules = [r | {"text": r["label"]} for r in near]
    rules.append(_baseline(shown))
    rows = _dodged(shown, [r for r in shown.quality if r["kind"] == "method"])
    colours, shapes = method_colours(shown.methods, theme), method_shapes(shown.methods)
    several = len(shown.stages) > 1
    legend = {"title": None, "orient": "top", "columns": 2 if layout.columns == 1 else 0} if several else None
    colour = {"field": "label", "scale": scale(colours), "legend": legend}
    shape = {"field": "label", "scale": scale(shapes), "legend": legend}
    ends = _ends_of_stages(shown, rows) if several else _ends_of_methods(rows)
    layers = [*_rules(rules, theme)]
    for stage in shown.stages:
        own = [r for r in rows if r["stage"] == stage]
        layers += _series(own, colour, shape, hollow=several and not stage)
    layers += _side_labels(ends, rules, (low, high), theme, layout, width, metric.sign, colours)
    unit = f", {metric.unit}" if metric.unit else ""
    title = {
        "text": f"Quality: {board.display.metric_label(metric.name)} {formats.MINUS} {board.base}{unit}",
        "subtitle": "Up is better; paired by clip, 95 % intervals",
    }
    ordered = [low, high] if metric.sign >= 0 else [high, low]
    return _panel(shown, layers, ordered, title, theme, layout, width)


def _attackers(shown: OpeningBoard, theme: Theme, layout: Layout, width: int, *, untitled: bool) -> Spec:
    colours = dict(zip(shown.views, theme.tiers, strict=False))
    shapes = dict(zip(shown.views, SHAPES, strict=False))
    rows = [
        r
        | {
            "x": shown.places.index(r["place"])
            + 0.1 * (shown.views.index(r["view"]) - (len(shown.views) - 1) / 2)
        }
        for r in shown.attacks
    ]
    colour = {"field": "view", "scale": scale(colours), "legend": None}
    shape = {"field": "view", "scale": scale(shapes), "legend": None}
    chance = [{"text": "chance", "value": CHANCE, "low": None, "high": None, "kind": "baseline"}]
    planted = [r | {"left": r["x"] - 0.13, "right": r["x"] + 0.13} for r in rows if r["planted"] is not None]
    layers = [*_rules(chance, theme)]
    layers.append(
        layer(
            planted,
            {"type": "rule", "strokeWidth": 3, "opacity": 0.75},
            color=colour,
            x=quantitative("left"),
            x2={"field": "right"},
            y=quantitative("planted"),
        )
    )
    layers += _series([r | {"filled": r["shown"]} for r in rows], colour, shape, hollow=False)
    last = [
        max((r for r in rows if r["view"] == view), key=lambda r: r["x"]) | {"text": _heading(view, rows)}
        for view in shown.views
        if any(r["view"] == view for r in rows)
    ]
    ends = (lowest(rows) - 0.03, 1.02)
    labels = [r | {"label": r["view"]} for r in last]
    layers += _side_labels(labels, chance, ends, theme, layout, width, 1, colours)
    title = {
        "text": f"Attackers: {shown.question[:1].lower()}{shown.question[1:]} (AUC)",
        "subtitle": ["Strongest attack, down is more private;", "bars: the same attack, planted"],
    }
    return _panel(shown, layers, list(ends), title, theme, layout, width, untitled=untitled)


def lowest(rows: Table) -> float:
    """Returns the lowest AUC that is drawn: of an interval, a point, what was planted, or chance."""
    drawn = [r[name] for r in rows for name in ("low", "value", "planted")]
    return min([CHANCE, *(float(value) for value in drawn if value is not None)])


def _heading(view: str, rows: Table) -> str:
    return next(str(r["seen"]) for r in rows if r["view"] == view)


def _baseline(shown: OpeningBoard) -> dict[str, Any]:
    """The rule at zero, with the baseline's own value in its label."""
    board, metric = shown.board, shown.metric
    row = next((r for r in board.rows if r.key == board.baseline), None)
    value = row.cells[metric.name].estimate.value if row else None
    own = (
        f" ({formats.number(value, metric.digits)} {metric.unit}".rstrip() + ")" if value is not None else ""
    )
    return {"text": f"{board.base}{own}", "value": 0.0, "low": None, "high": None, "kind": "baseline"}


def _dodged(shown: OpeningBoard, rows: Table) -> Table:
    """Rows of methods with their place on the axis: methods side by side, and the stages of each a little apart."""
    step = min(0.11, 0.6 / max(len(shown.methods), 1))
    middle, half = (len(shown.methods) - 1) / 2, (len(shown.stages) - 1) / 2

    def beside(row: dict[str, Any]) -> float:
        stage = shown.stages.index(row["stage"]) - half
        return step * (shown.methods.index(row["label"]) - middle) + 0.3 * step * stage

    return [r | {"x": shown.places.index(r["place"]) + beside(r)} for r in rows]


def _ends_of_methods(rows: Table) -> Table:
    """The last point of each method's line, labelled with its name."""
    names = dict.fromkeys(r["label"] for r in rows)
    last = [max((r for r in rows if r["label"] == name), key=lambda r: r["x"]) for name in names]
    return [r | {"text": r["label"]} for r in last]


def _ends_of_stages(shown: OpeningBoard, rows: Table) -> Table:
    """A label for each stage, at the middle of its methods' last points."""
    ends = []
    for stage in shown.stages:
        own = [r for r in rows if r["stage"] == stage]
        last = [
            r["value"] for r in own if r["place"] == max((o["place"] for o in own), key=shown.places.index)
        ]
        ends.append({"text": stage or RELEASED, "value": sum(last) / len(last), "label": None})
    return ends


def _rules(lines: Table, theme: Theme) -> list[Spec]:
    """Horizontal rules of the references, with their intervals as bands."""
    solid, dashed = ([r for r in lines if (r["kind"] == "baseline") == want] for want in (True, False))
    bands = [r for r in lines if r["low"] is not None]
    flat = {"x": {"value": 0}, "x2": {"value": "width"}}
    band = {"type": "rect", "color": theme.muted, "opacity": 0.14}
    return [
        layer(bands, band, **flat, y=quantitative("low"), y2={"field": "high"}),
        layer(dashed, {"type": "rule", "color": theme.muted, "strokeDash": [2, 3]}, **flat),
        layer(solid, {"type": "rule", "color": theme.ink, "strokeWidth": 1.25}, **flat),
    ]


def _series(rows: Table, colour: Spec, shape: Spec, *, hollow: bool) -> list[Spec]:
    """Lines, intervals and points; a row may say itself whether its point is `filled`."""
    line = {"type": "line", "strokeWidth": 1.5, "opacity": 0.6} | ({"strokeDash": [5, 3]} if hollow else {})
    spans = [r for r in rows if r["low"] is not None]
    full = [r for r in rows if r.get("filled", not hollow)]
    empty = [r for r in rows if not r.get("filled", not hollow)]
    return [
        layer(rows, line, color=colour),
        layer(
            spans,
            {"type": "rule", "strokeWidth": 2},
            color=colour,
            y=quantitative("low"),
            y2={"field": "high"},
        ),
        layer(full, {"type": "point", "filled": True, "size": 75, "opacity": 1}, color=colour, shape=shape),
        layer(
            empty,
            {"type": "point", "filled": False, "size": 60, "opacity": 1, "strokeWidth": 2},
            color=colour,
            shape=shape,
        ),
    ]


def _side_labels(
    ends: Table,
    rules: Table,
    reach: tuple[float, float],
    theme: Theme,
    layout: Layout,
    width: int,
    sign: int,
    colours: dict[str, str],
) -> list[Spec]:
    """Texts on the right: beside the end of each line, and of each rule, kept apart; above each other as drawn."""
    low, high = reach
    gap = LINE * (high - low) / layout.tall
    at = spread([r["value"] for r in (*ends, *rules)], gap)
    lowest, highest = min(at, default=low), max(at, default=high)
    shift = max(low - lowest, 0.0) - max(highest - high, 0.0)
    placed = [r | {"at": y + shift} for r, y in zip((*ends, *rules), at, strict=True)]
    mark = {"type": "text", "align": "left", "fontSize": layout.font - 1, "baseline": "middle"}
    where = {"x": {"value": width + 10}, "y": quantitative("at"), "text": {"field": "text"}}
    named = [r for r in placed[: len(ends)] if r["label"] is not None]
    plain = [r for r in placed[: len(ends)] if r["label"] is None]
    colour = {"field": "label", "scale": scale(colours), "legend": None}
    return [
        layer(named, mark | {"fontWeight": 600}, **where, color=colour),
        layer(plain, mark | {"fontWeight": 600, "color": theme.ink}, **where),
        layer(placed[len(ends) :], mark | {"color": theme.muted}, **where),
    ]


def _panel(
    shown: OpeningBoard,
    layers: Sequence[Spec],
    ends: Sequence[float],
    title: Spec,
    theme: Theme,
    layout: Layout,
    width: int,
    *,
    untitled: bool = False,
) -> Spec:
    board = shown.board
    names = [board.at(place) for place in shown.places]
    axis_x = {
        "values": list(range(len(names))),
        "labelExpr": f"{json.dumps(names, ensure_ascii=False)}[datum.value]",
        "grid": False,
        "title": None if untitled else _along(shown),
        "labelFontSize": layout.font,
        "labelColor": theme.ink,
    }
    x = {
        "field": "x",
        "type": "quantitative",
        "scale": {"domain": [-0.45, len(names) - 0.55], "nice": False, "zero": False},
        "axis": axis_x,
    }
    y = {
        "field": "value",
        "type": "quantitative",
        "scale": {"domain": list(ends), "nice": False, "zero": False},
        "axis": {"title": None, "tickCount": 6, "domain": False, "ticks": False},
    }
    return {
        "width": width,
        "height": layout.tall,
        "title": title,
        "encoding": {"x": x, "y": y},
        "layer": list(layers),
    }


def _along(shown: OpeningBoard) -> str | None:
    """The words of the axis about the places along it."""
    axes = [axis for axis in shown.board.display.axes if not axis.progress]
    return ", ".join(axis.about or axis.heading for axis in axes) or None

"""Privacy against utility: difference to the baseline and the attack's AUC over the same axis of ε."""

from __future__ import annotations

import json
from collections.abc import Sequence

from privtalk.leaderboards import formats
from privtalk.leaderboards.board.attacks import CHANCE
from privtalk.leaderboards.board.model import Board
from privtalk.leaderboards.charts.data import Table, spread, utility_rows
from privtalk.leaderboards.charts.parts import Spec, layer, quantitative, ranges, scale, whole
from privtalk.leaderboards.charts.style import Layout, Theme, method_colours, method_shapes
from privtalk.leaderboards.sections.attacks.rows import attack_rows

FAINT = 0.4
"""Opacity of rows as released, where the same rows after more progress stand above them."""
LINE = 15
"""Pixels that a line of labels needs."""


def privacy_utility(board: Board, metric: str, attack: str | None, theme: Theme, layout: Layout) -> Spec:
    """Utility difference against ε, and below it, on the same axis, the attack's AUC."""
    panels = [_utility_panel(board, metric, theme, layout)]
    if attack is not None and any(row["kind"] == "method" for row in attack_rows(board, attack)):
        panels.append(_attack_panel(board, attack, theme, layout))
    return whole({"vconcat": panels}, theme, layout)


def _tiers(board: Board) -> list[str]:
    """The places on the axis, whatever a row's progress: the strongest guarantee on the left, no DP on the right."""
    return list(dict.fromkeys(board.display.split(tier)[0] for tier in reversed(board.tiers)))


def _placed(board: Board, rows: Table) -> Table:
    """Rows of methods with their place on the axis, methods side by side."""
    places, methods = _tiers(board), sorted({r["label"] for r in rows if r["kind"] == "method"})
    step = min(0.09, 0.5 / max(len(methods), 1))
    found = []
    for r in rows:
        if r["kind"] == "method":
            place, progress = board.display.split(r["tier"])
            beside = step * (methods.index(r["label"]) - (len(methods) - 1) / 2)
            found.append(r | {"x": places.index(place) + beside, "progress": progress})
    moved = any(r["progress"] is not None for r in found)
    return [r | {"strength": FAINT if moved and r["progress"] is None else 1.0} for r in found]


def _utility_panel(board: Board, metric: str, theme: Theme, layout: Layout) -> Spec:
    low, high, near, _ = ranges(board, metric)
    rows = _placed(board, utility_rows(board, metric))
    unit = board.metric(metric).unit
    better = {1: "up is better", -1: "down is better", 0: "neither way is better"}[board.metric(metric).sign]
    base = board.base
    lines = [{"label": base, "value": 0.0, "low": None, "high": None, "kind": "baseline"}, *near]
    title = {
        "text": f"Utility: {metric} {formats.MINUS} {base}{f', {unit}' if unit else ''}",
        "subtitle": f"Paired by client and clip, 95 % intervals; {better}{_stages(board, rows)}",
    }
    layers = [*_rules(lines, theme), *_marks(rows, theme)]
    layers += _side_labels(rows, lines, low, high, theme, layout, layout.tall)
    return _panel(board, layers, (low, high), title, theme, layout, layout.tall)


def _attack_panel(board: Board, attack: str, theme: Theme, layout: Layout) -> Spec:
    rows = _placed(board, attack_rows(board, attack))
    ends = [v for r in rows for v in (r["low"], r["high"], r["value"]) if v is not None]
    low, high = min([*ends, 0.45]) - 0.02, min(max([*ends, 0.6]) + 0.02, 1.0)
    title = {
        "text": f"Attack: AUC of {attack.replace('_', ' ')}",
        "subtitle": "95 % intervals; 0.5 is chance, down is more private",
    }
    chance = [{"label": "chance", "value": CHANCE, "low": None, "high": None, "kind": "baseline"}]
    layers = [*_rules(chance, theme), *_marks(rows, theme)]
    layers += _side_labels(rows, chance, low, high, theme, layout, layout.short)
    return _panel(board, layers, (low, high), title, theme, layout, layout.short, axis_title=True)


def _panel(
    board: Board,
    layers: Sequence[Spec],
    ends: tuple[float, float],
    title: Spec,
    theme: Theme,
    layout: Layout,
    height: int,
    *,
    axis_title: bool = False,
) -> Spec:
    tiers = [board.at(tier) for tier in _tiers(board)]
    axis_x = {
        "values": list(range(len(tiers))),
        "labelExpr": f"{json.dumps(tiers, ensure_ascii=False)}[datum.value]",
        "grid": False,
        "title": _along(board) if axis_title else None,
        "labelFontSize": layout.font,
        "labelColor": theme.ink,
    }
    x = {
        "field": "x",
        "type": "quantitative",
        "scale": {"domain": [-0.4, len(tiers) - 0.7], "nice": False, "zero": False},
        "axis": axis_x,
    }
    y = {
        "field": "value",
        "type": "quantitative",
        "scale": {"domain": list(ends), "nice": False, "zero": False},
        "axis": {"title": None, "tickCount": 6, "domain": False, "ticks": False},
    }
    return {
        "width": layout.width,
        "height": height,
        "title": title,
        "encoding": {"x": x, "y": y},
        "layer": list(layers),
    }


def _stages(board: Board, rows: Table) -> str:
    """What faint and full marks are, where rows have progressed."""
    axis, known = board.display.progress, dict.fromkeys(r["progress"] for r in rows if r["progress"])
    if axis is None or not known:
        return ""
    return f"; faint: as released, full: {' or '.join(axis.text(value) for value in known)}"


def _along(board: Board) -> str | None:
    """The words of the axis about the places along it."""
    return ", ".join(axis.about or axis.heading for axis in board.display.axes if not axis.progress) or None


def _rules(lines: Table, theme: Theme) -> list[Spec]:
    """Horizontal rules of the references, with their intervals as bands."""
    solid, dashed = ([r for r in lines if (r["kind"] == "baseline") == want] for want in (True, False))
    bands = [r for r in lines if r["low"] is not None]
    flat = {"x": {"value": 0}, "x2": {"value": "width"}}
    band = {"type": "rect", "color": theme.muted, "opacity": 0.1}
    return [
        layer(bands, band, **flat, y=quantitative("low"), y2={"field": "high"}),
        layer(dashed, {"type": "rule", "color": theme.muted, "strokeDash": [5, 4]}, **flat),
        layer(solid, {"type": "rule", "color": theme.ink, "strokeWidth": 1.25}, **flat),
    ]


def _marks(rows: Table, theme: Theme) -> list[Spec]:
    """Lines, intervals and points of the methods."""
    names = sorted({r["label"] for r in rows})
    colours, shapes = method_colours(names, theme), method_shapes(names)
    colour = {"field": "label", "scale": scale(colours), "legend": None}
    shape = {"field": "label", "scale": scale(shapes), "legend": None}
    spans = [r for r in rows if r["low"] is not None]
    strength = {"field": "strength", "type": "quantitative", "scale": None, "legend": None}
    thin = {"field": "progress", "type": "nominal"}
    return [
        layer(rows, {"type": "line", "strokeWidth": 1.5, "opacity": 0.55}, color=colour, detail=thin),
        layer(
            spans,
            {"type": "rule", "strokeWidth": 2},
            color=colour,
            opacity=strength,
            y=quantitative("low"),
            y2={"field": "high"},
        ),
        layer(
            rows, {"type": "point", "filled": True, "size": 70}, color=colour, shape=shape, opacity=strength
        ),
    ]


def _side_labels(
    rows: Table, lines: Table, low: float, high: float, theme: Theme, layout: Layout, height: int
) -> list[Spec]:
    """Names on the right: of each method beside the end of its line, of each rule beside it."""
    names = sorted({r["label"] for r in rows})
    last = [
        max((r for r in rows if r["label"] == name), key=lambda r: (r["strength"], r["x"])) for name in names
    ]
    at = spread([r["value"] for r in (*last, *lines)], LINE * (high - low) / height)
    placed = [r | {"at": y} for r, y in zip((*last, *lines), at, strict=True)]
    colour = {"field": "label", "scale": scale(method_colours(names, theme)), "legend": None}
    mark = {"type": "text", "align": "left", "fontSize": layout.font - 1, "baseline": "middle"}
    where = {"x": {"value": layout.width + 10}, "y": quantitative("at"), "text": {"field": "label"}}
    return [
        layer(placed[: len(last)], mark | {"fontWeight": 600}, **where, color=colour),
        layer(placed[len(last) :], mark | {"color": theme.muted}, **where),
    ]

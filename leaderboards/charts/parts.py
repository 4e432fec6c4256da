"""The parts that several charts share: the frame, layers and scales."""

from __future__ import annotations

from typing import Any

from privtalk.leaderboards import formats
from privtalk.leaderboards.board.model import Board
from privtalk.leaderboards.charts.data import Table, utility_rows
from privtalk.leaderboards.charts.style import SCHEMA, Layout, Theme, config

Spec = dict[str, Any]


def whole(spec: Spec, theme: Theme, layout: Layout) -> Spec:
    return {"$schema": SCHEMA, "config": config(theme, layout), "padding": 4, **spec}


def ranges(board: Board, metric: str) -> tuple[float, float, Table, Table]:
    """Drawn range of differences, then the references inside it and those too far away."""
    rows = utility_rows(board, metric)
    own = [
        v for r in rows if r["kind"] == "method" for v in (r["low"], r["high"], r["value"]) if v is not None
    ]
    low, high = min([*own, 0.0]), max([*own, 0.0])
    reach = 0.6 * max(high - low, 1e-9)
    others = [r for r in rows if r["kind"] != "method"]
    near = [r for r in others if low - reach <= r["value"] <= high + reach]
    ends = [low, high, *(v for r in near for v in (r["low"], r["high"], r["value"]) if v is not None)]
    margin = 0.06 * (max(ends) - min(ends) or 1.0)
    return min(ends) - margin, max(ends) + margin, near, [r for r in others if r not in near]


def off_scale(board: Board, metric: str) -> list[str]:
    """Floors and ceilings too far away to be drawn, with their differences."""
    _, _, _, away = ranges(board, metric)
    unit, digits = board.metric(metric).unit, board.metric(metric).digits
    return [
        f"{r['label']} {formats.number(r['value'], digits, signed=True)} {unit}".strip()
        for r in sorted(away, key=lambda r: r["value"])
    ]


def layer(rows: Table, mark: Spec, **encoding: Any) -> Spec:
    return {"data": {"values": rows}, "mark": mark, "encoding": encoding}


def quantitative(field: str) -> Spec:
    return {"field": field, "type": "quantitative"}


def scale(values: dict[str, str]) -> Spec:
    return {"domain": list(values), "range": list(values.values())}

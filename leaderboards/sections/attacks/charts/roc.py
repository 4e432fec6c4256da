"""Receiver operating characteristic of an attack, with the ceiling of each guarantee."""

from __future__ import annotations

from collections.abc import Sequence

from privtalk.leaderboards.board.model import Board, BoardRow
from privtalk.leaderboards.charts.parts import Spec, layer, whole
from privtalk.leaderboards.charts.style import Layout, Theme
from privtalk.leaderboards.sections.attacks.rows import ceiling_rows, lowest_rate, roc_rows


def roc(board: Board, attack: str, theme: Theme, layout: Layout) -> Spec:
    """One log-log panel a method: a curve a seed and tier, chance, and the ceiling of each guarantee."""
    lowest = lowest_rate(board, attack)
    names = sorted({(r.key.method, r.key.variant, r.label) for r in board.methods() if attack in r.attacks})
    panels = [
        _roc_panel(
            board,
            attack,
            [r for r in board.methods() if r.label == label and attack in r.attacks],
            lowest,
            theme,
            layout,
        )
        for _, _, label in names
    ]
    return whole({"concat": panels, "columns": layout.columns}, theme, layout)


def _roc_panel(
    board: Board, attack: str, rows: Sequence[BoardRow], lowest: float, theme: Theme, layout: Layout
) -> Spec:
    keys = {row.label for row in rows}
    tiers = [board.at(t) for t in board.tiers if any(row.attacks for row in board.methods(t))]
    colour = {
        "field": "tier",
        "scale": {"domain": tiers, "range": list(theme.tiers[: len(tiers)])},
        "legend": {"title": None, "symbolType": "stroke"},
    }
    curves = [
        r
        | {"tier": board.at(r["tier"]), "curve": f"{r['tier']}/{r['seed']}"}
        | {"fpr": max(r["fpr"], lowest), "tpr": max(r["tpr"], lowest)}
        for r in roc_rows(board, attack)
        if r["label"] in keys
    ]
    ceilings = [point for row in rows for point in ceiling_rows(row, attack, lowest)]
    bound = {p["tier"] for p in ceilings if p["ceiling"] < 0.99}
    ceilings = [p for p in ceilings if p["tier"] in bound]
    axis = {"values": [v for v in (0.001, 0.01, 0.1, 1) if v >= lowest], "format": "~g"}
    log = {"type": "log", "domain": [lowest, 1], "nice": False, "clamp": True}
    tpr = {
        "field": "tpr",
        "type": "quantitative",
        "scale": log,
        "axis": axis | {"title": "true-positive rate"},
    }
    fpr = {
        "field": "fpr",
        "type": "quantitative",
        "scale": log,
        "axis": axis | {"title": "false-positive rate"},
    }
    diagonal = [{"fpr": lowest, "tpr": lowest}, {"fpr": 1.0, "tpr": 1.0}]
    high = {"field": "ceiling", "type": "quantitative"}
    return {
        "width": layout.panel,
        "height": layout.panel,
        "title": rows[0].label,
        "encoding": {"x": fpr, "y": tpr},
        "layer": [
            layer(diagonal, {"type": "line", "color": theme.muted, "strokeWidth": 1}),
            layer(
                ceilings, {"type": "line", "strokeDash": [6, 4], "strokeWidth": 1.75}, color=colour, y=high
            ),
            layer(
                curves,
                {"type": "line", "strokeWidth": 1.75, "opacity": 0.85},
                color=colour,
                detail={"field": "curve"},
                order={"field": "order"},
            ),
        ],
    }

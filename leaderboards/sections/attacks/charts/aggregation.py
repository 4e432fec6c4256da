"""The chart of what sums hide: an attack's figure against the number of clients that a sum is made of."""

from __future__ import annotations

from privtalk.leaderboards.board.attacks import CHANCE
from privtalk.leaderboards.board.model import Board
from privtalk.leaderboards.charts.data import Table
from privtalk.leaderboards.charts.parts import Spec, layer, whole
from privtalk.leaderboards.charts.style import Layout, Theme
from privtalk.leaderboards.sections.attacks.rows import curve_rows


def aggregation(board: Board, attack: str, series: str, theme: Theme, layout: Layout) -> Spec:
    """One panel a method, a curve a tier; clients on a logarithmic axis."""
    rows = [r for r in curve_rows(board, attack, series) if r["kind"] == "method"]
    labels = list(dict.fromkeys(row["label"] for row in rows))
    told = {row["tier"] for row in rows}
    tiers = [board.at(tier) for tier in board.tiers if tier in told]
    ends = [r["y"] for r in rows] + ([CHANCE, 1.0] if is_auc(series) else [])
    margin = 0.03 * (max(ends) - min(ends))
    y = {"domain": [min(ends) - margin, max(ends) + margin], "nice": False, "zero": False}
    panels = [
        _panel(board, [r for r in rows if r["label"] == label], tiers, series, y, theme, layout)
        | {"title": label}
        for label in labels
    ]
    return whole({"concat": panels, "columns": layout.columns}, theme, layout)


def is_auc(series: str) -> bool:
    """Its chance is known, and so are its ends."""
    return series.lower().startswith("auc")


def axis_titles(series: str) -> tuple[str, str]:
    """The titles of either axis, from a series' name.

    >>> axis_titles("auc by clients in the sum"), axis_titles("cosine")
    (('clients in the sum', 'AUC'), ('', 'cosine'))
    """
    y, _, x = series.partition(" by ")
    return x, "AUC" if y == "auc" else y


def _panel(
    board: Board, rows: Table, tiers: list[str], series: str, y: Spec, theme: Theme, layout: Layout
) -> Spec:
    across, up = axis_titles(series)
    counts = sorted({row["x"] for row in rows})
    log = counts[0] > 0
    colour = {
        "field": "tier",
        "scale": {"domain": tiers, "range": list(theme.tiers[: len(tiers)])},
        "legend": {"title": None, "symbolType": "stroke"},
    }
    drawn = [row | {"tier": board.at(row["tier"])} for row in rows]
    chance = [{"y": CHANCE}] if is_auc(series) else []
    return {
        "width": layout.panel,
        "height": round(0.75 * layout.panel),
        "encoding": {
            "y": {"field": "y", "type": "quantitative", "scale": y, "axis": {"title": up, "tickCount": 6}}
        },
        "layer": [
            layer(chance, {"type": "rule", "color": theme.muted}),
            layer(
                drawn, {"type": "line", "strokeWidth": 1.75}, x=_across(counts, across, log=log), color=colour
            ),
            layer(
                drawn,
                {"type": "point", "filled": True, "size": 36, "opacity": 1},
                x=_across(counts, across, log=log),
                color=colour,
            ),
        ],
    }


def _across(counts: list[float], title: str, *, log: bool) -> Spec:
    scale = {"type": "log", "base": 2} if log else {}
    return {
        "field": "x",
        "type": "quantitative",
        "scale": scale | {"domain": [counts[0], counts[-1]], "nice": False, "zero": False},
        "axis": {"title": title, "values": counts, "format": ".3~g", "labelOverlap": "greedy", "grid": False},
    }

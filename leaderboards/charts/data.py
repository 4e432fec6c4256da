"""The rows behind each chart: what is drawn, and what the page offers for download under it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from privtalk.core.records import Estimate
from privtalk.leaderboards import formats
from privtalk.leaderboards.board.model import Board, BoardRow

Table = list[dict[str, Any]]


def board_rows(board: Board) -> Table:
    """The whole board, one row a method, tier and metric; then the rows that were planned and are missing."""
    table: Table = []
    for row in board.rows:
        for metric in board.metrics:
            cell = row.cells[metric.name]
            apart = {f"difference_{name}": value for name, value in figures(cell.difference).items()}
            table.append(
                identified(row)
                | {"seeds": len(row.seeds), "metric": metric.name, "family": metric.family}
                | {"level": metric.level, "unit": metric.unit}
                | {"direction": metric.direction, "missing": cell.estimate.missing}
                | figures(cell.estimate)
                | apart
                | {"rank": formats.rank(cell.rank), "incomplete": "; ".join(row.incomplete)}
            )
    blank = dict.fromkeys(table[0]) if table else {}
    for lost in board.absent:
        named = {"method": lost.method, "label": lost.label, "tier": lost.tier, "seeds": 0}
        table.append(blank | named | {"missing": lost.text, "incomplete": lost.text})
    return table


def utility_rows(board: Board, metric: str) -> Table:
    """Difference to the baseline of every row that has one."""
    return [
        identified(row) | {"metric": metric} | figures(row.cells[metric].difference)
        for row in board.rows
        if row.cells[metric].difference.value is not None
    ]


def standardised_rows(board: Board) -> Table:
    """Every method and metric against the baseline: the difference in half-intervals, positive where better.

    Beyond 1 in size the interval is clear of zero. Metrics without a direction and differences without an interval
    are left out.
    """
    table = []
    for row in board.methods():
        for metric in board.metrics:
            cell = row.cells[metric.name]
            half = formats.half_width(cell.difference)
            if cell.verdict is not None and cell.difference.value is not None and half:
                shown = {"metric": metric.name, "family": metric.family, "verdict": cell.verdict}
                standardised = {"standardised": metric.sign * cell.difference.value / half}
                table.append(identified(row) | shown | standardised | figures(cell.difference))
    return table


def spread(values: Sequence[float], gap: float) -> list[float]:
    """Positions at least `gap` apart, in the order of the values and near them.

    >>> spread([1.0, 1.0, 5.0], 1.0)
    [0.5, 1.5, 5.0]
    """
    order = sorted(range(len(values)), key=lambda index: values[index])
    clusters: list[list[int]] = []
    for index in order:
        clusters.append([index])
        while (
            len(clusters) > 1 and _bottom(clusters[-1], values, gap) < _top(clusters[-2], values, gap) + gap
        ):
            last = clusters.pop()
            clusters[-1] = clusters[-1] + last
    placed = [0.0] * len(values)
    for cluster in clusters:
        for step, index in enumerate(cluster):
            placed[index] = _bottom(cluster, values, gap) + step * gap
    return placed


def _bottom(cluster: Sequence[int], values: Sequence[float], gap: float) -> float:
    centre = math.fsum(values[index] for index in cluster) / len(cluster)
    return centre - gap * (len(cluster) - 1) / 2


def _top(cluster: Sequence[int], values: Sequence[float], gap: float) -> float:
    return _bottom(cluster, values, gap) + gap * (len(cluster) - 1)


def identified(row: BoardRow) -> dict[str, Any]:
    """The names of a row, and the ε of whoever sees its release."""
    return {
        "method": row.key.method,
        "variant": row.key.variant,
        "label": row.label,
        "kind": row.kind,
        "tier": row.key.tier,
        "epsilon": row.privacy.epsilons.outsider,
        "delta": row.privacy.delta,
    }


def figures(estimate: Estimate) -> dict[str, Any]:
    """A value with its interval, column by column."""
    return {
        "value": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "n": estimate.n,
        "clusters": estimate.clusters,
    }


def union(rows: Table) -> Table:
    """Rows that all have the same keys, in the order in which they appear."""
    keys = list(dict.fromkeys(key for row in rows for key in row))
    return [{key: row.get(key) for key in keys} for row in rows]

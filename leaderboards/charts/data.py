"""The rows behind each chart: what is drawn, and what the page offers for download under it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from privtalk.bench.records import Estimate
from privtalk.leaderboards import formats
from privtalk.leaderboards.model import Board, Row
from privtalk.leaderboards.summaries import ceiling

Table = list[dict[str, Any]]


def board_rows(board: Board) -> Table:
    """The whole board, one row a method, tier and metric."""
    table = []
    for row in board.rows:
        for metric in board.metrics:
            cell = row.cells[metric.name]
            apart = {f"difference_{name}": value for name, value in _figures(cell.difference).items()}
            table.append(
                _identified(row)
                | {"seeds": len(row.seeds), "metric": metric.name, "family": metric.family}
                | {"level": metric.level, "unit": metric.unit}
                | {"direction": metric.direction, "missing": cell.estimate.missing}
                | _figures(cell.estimate)
                | apart
                | {"rank": formats.rank(cell.rank), "incomplete": "; ".join(row.incomplete)}
            )
    return table


def utility_rows(board: Board, metric: str) -> Table:
    """Difference to the baseline of every row that has one."""
    return [
        _identified(row) | {"metric": metric} | _figures(row.cells[metric].difference)
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
                table.append(_identified(row) | shown | standardised | _figures(cell.difference))
    return table


def attack_rows(board: Board, attack: str) -> Table:
    """AUC of every attacked row."""
    return [
        _identified(row)
        | {"attack": attack}
        | _figures(row.attacks[attack].auc)
        | {"valid": row.attacks[attack].valid}
        for row in board.rows
        if attack in row.attacks and row.attacks[attack].auc.value is not None
    ]


def roc_rows(board: Board, attack: str) -> Table:
    """Corners of every seed's curve, in order."""
    return [
        _identified(row) | {"seed": seed, "order": order, "fpr": fpr, "tpr": tpr}
        for row in board.rows
        if attack in row.attacks
        for seed, curve in row.attacks[attack].rocs
        for order, (fpr, tpr) in enumerate(curve)
    ]


def ceiling_rows(row: Row, lowest: float, count: int = 60) -> Table:
    """Highest TPR that the row's guarantee allows, on a logarithmic grid of FPR from `lowest` to 1."""
    epsilon, delta = row.privacy.epsilons.outsider, row.privacy.delta
    if not row.privacy.guarantee or epsilon is None or delta is None:
        return []
    grid = [lowest ** (1 - step / (count - 1)) for step in range(count)]
    return [
        {"tier": formats.tier_label(row.key.tier), "fpr": fpr, "ceiling": ceiling(fpr, epsilon, delta)}
        for fpr in grid
    ]


def lowest_rate(board: Board, attack: str) -> float:
    """Smallest FPR worth drawing: half of one non-member of one seed."""
    counts = [
        row.attacks[attack].negatives / max(len(row.attacks[attack].rocs), 1)
        for row in board.rows
        if attack in row.attacks
    ]
    return 0.5 / max([*counts, 1.0])


def unbound_tiers(board: Board, attack: str) -> list[str]:
    """Tiers whose ceiling lies at 1 over the whole drawn range: no curve could contradict the guarantee."""
    lowest = lowest_rate(board, attack)
    rows = [row for row in board.methods() if attack in row.attacks and row.privacy.guarantee]
    bound = {row.key.tier for row in rows if any(p["ceiling"] < 0.99 for p in ceiling_rows(row, 2 * lowest))}
    tiers = {row.key.tier for row in rows} - bound
    return [formats.tier_label(tier) for tier in board.tiers if tier in tiers]


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


def _identified(row: Row) -> dict[str, Any]:
    return {
        "method": row.key.method,
        "variant": row.key.variant,
        "label": row.label,
        "kind": row.kind,
        "tier": row.key.tier,
        "epsilon": row.privacy.epsilons.outsider,
        "delta": row.privacy.delta,
    }


def _figures(estimate: Estimate) -> dict[str, Any]:
    return {
        "value": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "n": estimate.n,
        "clusters": estimate.clusters,
    }

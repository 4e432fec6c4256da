"""The finding about the price of a guarantee."""

from __future__ import annotations

from privtalk.core.display import DEFAULT
from privtalk.core.upgrade import tier_of
from privtalk.leaderboards import formats
from privtalk.leaderboards.board.model import Board, verdict
from privtalk.leaderboards.sections.answers import Finding, answer, difference_line, finding


def price_of_privacy(board: Board) -> Finding | None:
    """Utility of each private row against the same method without DP."""
    if board.headline is None or DEFAULT not in board.tiers:
        return None
    metric = board.metric(board.headline)
    answers, lines = [], []
    for tier in board.tiers:
        costs, free = [], unguarded(board, tier)
        for row in board.methods(tier):
            other = next((r for r in board.methods(free) if r.key == row.key._replace(tier=free)), None)
            if tier == free or other is None:
                continue
            estimate = board.difference(row.key, other.key, metric.name)
            subject = f"{row.where} {formats.MINUS} {board.at(free)}"
            lines.append(difference_line(board, subject, estimate, verdict(estimate, metric.sign)))
            if estimate.value is not None:
                costs.append(estimate.value)
        if costs:
            answers.append(
                answer(board.at(tier), f"{_span(costs, metric.digits, metric.unit)} of {metric.name}")
            )
    return finding("What does the guarantee cost?", answers, lines) if lines else None


def unguarded(board: Board, tier: str) -> str:
    """The place of no guarantee at the same progress."""
    axis, (_, value) = board.display.progress, board.display.split(tier)
    return DEFAULT if axis is None or value is None else tier_of({axis.name: value})


def _span(values: list[float], digits: int, unit: str) -> str:
    low, high = (formats.number(v, digits, signed=True) for v in (min(values), max(values)))
    return f"{low} {unit}".strip() if low == high else f"{low} to {high} {unit}".strip()

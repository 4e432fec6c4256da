"""The finding about the price of a guarantee."""

from __future__ import annotations

from privtalk.core.display import DEFAULT
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
        costs = []
        for row in board.methods(tier):
            free = next((r for r in board.methods(DEFAULT) if r.key == row.key._replace(tier=DEFAULT)), None)
            if tier == DEFAULT or free is None:
                continue
            estimate = board.difference(row.key, free.key, metric.name)
            subject = f"{row.where} {formats.MINUS} {board.at(DEFAULT)}"
            lines.append(difference_line(board, subject, estimate, verdict(estimate, metric.sign)))
            if estimate.value is not None:
                costs.append(estimate.value)
        if costs:
            answers.append(
                answer(board.at(tier), f"{_span(costs, metric.digits, metric.unit)} of {metric.name}")
            )
    return finding("What does the guarantee cost?", answers, lines) if lines else None


def _span(values: list[float], digits: int, unit: str) -> str:
    low, high = (formats.number(v, digits, signed=True) for v in (min(values), max(values)))
    return f"{low} {unit}".strip() if low == high else f"{low} to {high} {unit}".strip()

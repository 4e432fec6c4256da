"""Findings along an axis of progress: who is better at equal progress, and who gets as far with less."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from privtalk.core.display import allowance
from privtalk.leaderboards import formats
from privtalk.leaderboards.board.model import Board, BoardMetric, BoardRow, Verdict, verdict
from privtalk.leaderboards.board.statistics import Difference, holm
from privtalk.leaderboards.sections.answers import (
    Answer,
    EvidenceLine,
    Finding,
    answer,
    difference_line,
    finding,
)
from privtalk.leaderboards.sections.progress.curves import (
    Curve,
    apart,
    of_methods,
    places,
    reference,
    speaking,
)

ALPHA = 0.05


def at_equal_progress(board: Board) -> Finding | None:
    """Who beats the reference after equally much, corrected over the methods of a place and the metrics."""
    against = reference(board)
    if against is None or board.headline is None:
        return None
    answers, lines = [], []
    for place in places(board):
        told: dict[str, list[str]] = {}
        for curve, metric, difference, said in _compared(board, place, against):
            told.setdefault(f"{_verb(said)} on {metric.base}", []).append(curve.label)
            subject = f"{curve.rows[against.last].where} {formats.MINUS} {against.label}: {metric.name}"
            lines.append(difference_line(board, subject, difference, said, metric))
        if told:
            said_of = "; ".join(f"{formats.listing(names)} {verb}" for verb, names in told.items())
            answers.append(answer(board.at(place), said_of))
    question = f"After {_amount(board, against.last)}, are methods better than {against.label}?"
    return finding(question, answers, lines) if answers else None


def _compared(
    board: Board, place: str, against: Curve
) -> Iterator[tuple[Curve, BoardMetric, Difference, Verdict | None]]:
    """Curves and metrics with the difference to the reference at its last point, and the verdict after correction."""
    found = [
        (curve, metric, apart(board, curve.rows[against.last], against.rows[against.last], metric))
        for metric in speaking(board)
        for curve in of_methods(board, place)
        if against.last in curve.rows
    ]
    adjusted = holm([1.0 if d.p is None else d.p for _, _, d in found])
    for (curve, metric, difference), p in zip(found, adjusted, strict=True):
        said = verdict(difference, metric.sign)
        yield curve, metric, difference, "level" if said and p >= ALPHA else said


def _verb(said: Verdict | None) -> str:
    verbs: dict[Verdict | None, str] = {
        "better": "better",
        "worse": "worse",
        "level": "not told from it",
        None: "not compared",
    }
    return verbs[said]


def with_less(board: Board) -> Finding | None:
    """Who gets as far as the reference's last point with less: its interval leaves no more than the metric's tolerance.

    The reference's own earlier points are asked the same, so that what it does not need either is no saving.
    """
    against = reference(board)
    if against is None or board.headline is None or len(against.rows) < 2:
        return None
    answers: list[Answer] = []
    lines: list[EvidenceLine] = []
    for place in places(board):
        parts = []
        for metric in speaking(board):
            allowed = _allowed(board, against.rows[against.last], metric)
            own, _ = _reached(board, against, against, metric, allowed)
            saved: dict[float, list[str]] = {}
            for curve in of_methods(board, place):
                at, told = _reached(board, curve, against, metric, allowed)
                lines += told
                if at is not None and (own is None or at < own):
                    saved.setdefault(at, []).append(curve.label)
            parts.append(_said(board, metric, against, saved, own, allowed))
        answers.append(answer(board.at(place), "; ".join(parts)))
    question = f"Who comes as far as {against.label} after {_amount(board, against.last)} with fewer?"
    return finding(question, answers, lines)


def _allowed(board: Board, row: BoardRow, metric: BoardMetric) -> float:
    """The worsening that does not count."""
    value = row.cells[metric.name].estimate.value
    found = allowance(board.display.tolerances, metric.name, value or 0.0)
    return 0.0 if found is None else found


def _reached(
    board: Board, curve: Curve, against: Curve, metric: BoardMetric, allowed: float
) -> tuple[float | None, Sequence[EvidenceLine]]:
    """The first point of a curve that is not worse than the reference's last by more than `allowed`, and what was
    compared."""
    goal, first = against.rows[against.last], None
    lines: list[EvidenceLine] = []
    for steps, row in curve.rows.items():
        if row.key == goal.key:
            return steps if first is None else first, lines
        difference = apart(board, row, goal, metric)
        worst = difference.low if metric.sign > 0 else difference.high
        near = worst is not None and metric.sign * worst >= -allowed
        subject = f"{row.where} {formats.MINUS} {goal.where}: {metric.name}"
        lines.append(difference_line(board, subject, difference, verdict(difference, metric.sign), metric))
        if near and first is None:
            first = steps
    return first, lines


def _said(
    board: Board,
    metric: BoardMetric,
    against: Curve,
    saved: Mapping[float, Sequence[str]],
    own: float | None,
    allowed: float,
) -> str:
    within = f" within {allowed:g} {metric.unit}".rstrip() if allowed else ""
    told = [
        f"{formats.listing(names)} after {_amount(board, steps)}" for steps, names in sorted(saved.items())
    ]
    itself = f"{against.label} itself after {_amount(board, own)}" if own is not None else ""
    return (
        f"{metric.base}{within}: {', '.join(told) or 'nobody is shown to'}{f' ({itself})' if itself else ''}"
    )


def _amount(board: Board, steps: float) -> str:
    axis = board.display.progress
    return f"{f'{steps:g}' if steps else 'no'} {axis.heading if axis else 'steps'}"

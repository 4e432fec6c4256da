"""Attacks whose figures mean nothing: a control is not at chance, or a guarantee's ceiling is broken through."""

from __future__ import annotations

from privtalk.leaderboards import formats
from privtalk.leaderboards.board.model import Board, BoardRow
from privtalk.leaderboards.sections.answers import EvidenceLine

CONTROL_LEVEL = 0.9995
"""Level of the intervals by which controls are judged (`attacks.controls.LEVEL`)."""


def remarks(board: Board) -> list[EvidenceLine]:
    """A line a control that failed, then one a point above a ceiling."""
    return _failed_controls(board) + [
        EvidenceLine(subject=row.where, figure=f"{name}: {breach}", verdict="invalid")
        for row in board.rows
        for name, attack in row.attacks.items()
        for breach in attack.breaches
    ]


def _failed_controls(board: Board) -> list[EvidenceLine]:
    """A line a control that failed, with the rows; and where some failed, how many would by chance."""
    failed: dict[tuple[str, str], list[BoardRow]] = {}
    for row in board.rows:
        for name, attack in row.attacks.items():
            for control, result in attack.controls.items():
                if not result.passed:
                    failed.setdefault((name, control), []).append(row)
    lines = [
        EvidenceLine(
            subject=formats.first_of([row.where for row in rows]),
            figure=f"{name}: control {control!r} is not at chance",
            verdict="invalid",
        )
        for (name, control), rows in failed.items()
    ]
    return [*lines, *([_by_chance(board, sum(map(len, failed.values())))] if failed else [])]


def _by_chance(board: Board, failed: int) -> EvidenceLine:
    """Controls that fail although nothing leaks: each is drawn, and judged by an interval of its own."""
    count = sum(a.runs * len(a.controls) for row in board.rows for a in row.attacks.values())
    expected = (1 - CONTROL_LEVEL) * count
    figure = (
        f"{failed} failed on a row; of {count} runs of controls up to about {expected:.2g} would by chance"
    )
    return EvidenceLine(subject="Controls", figure=figure, verdict="warning")

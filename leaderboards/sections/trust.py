"""Whether a board's numbers can be trusted: completeness, floors, provenance, and what its sections remark."""

from __future__ import annotations

from collections.abc import Sequence

from privtalk.leaderboards.board.floors import flagged
from privtalk.leaderboards.board.model import Board, placed
from privtalk.leaderboards.sections.answers import Answer, EvidenceLine, Finding, finding
from privtalk.metrics.intervals import FEW

TRUST = "Can the numbers be trusted?"


def trust(board: Board, remarks: Sequence[EvidenceLine], sound: Sequence[str]) -> Finding:
    """The last finding of every board; `remarks` and `sound` are what its sections say of themselves."""
    lines = [EvidenceLine(subject="Runs", figure=problem, verdict="warning") for problem in board.problems]
    lines += [
        EvidenceLine(subject=row.where, figure=why, verdict="missing")
        for row in board.rows
        for why in row.incomplete
    ]
    lines += [EvidenceLine(subject=row.where, figure=row.text, verdict="missing") for row in board.absent]
    lines += [*few_clients(board), *one_seed(board), *remarks]
    lines += [EvidenceLine(subject=who, figure=flag, verdict="worse") for who, flag in flagged(board.rows)]
    lost = missing_sentence(board)
    text = _with_care(lines) if lines else _sound(board, sound)
    text = f"With care: {lost}. {text.removeprefix('With care: ')}" if lost else text
    return finding(TRUST, [Answer("", text)], lines, "warning" if lines else "plain")


def few_clients(board: Board) -> list[EvidenceLine]:
    """A line where the board's clients are too few to stand for anybody else; none where they are five or more."""
    count = len(board.clients)
    if not 0 < count < FEW:
        return []
    who = f"{count} client{'s' if count > 1 else ''}"
    return [
        EvidenceLine(
            subject=who, figure="findings are of these people alone, not of others", verdict="warning"
        )
    ]


def one_seed(board: Board) -> list[EvidenceLine]:
    """A line where everything was run once: intervals over clients do not hold another run."""
    if len(board.seeds) != 1:
        return []
    said = "everything was run once, and intervals tell nothing of how another run would end"
    return [EvidenceLine(subject="1 seed", figure=said, verdict="warning")]


def _with_care(lines: Sequence[EvidenceLine]) -> str:
    """The number of remarks, and the first of them."""
    first = f"{lines[0].subject}: {lines[0].figure}".rstrip(".")
    if len(lines) == 1:
        return f"With care: 1 remark, {first}."
    return f"With care: {len(lines)} remarks, such as {first}."


def missing_sentence(board: Board) -> str:
    """`2 of 14 planned rows are missing: ...`, a row and seed each; empty where none is."""
    if not board.missing:
        return ""
    count = len(board.missing)
    told = [
        f"{placed(board.display.row_label(row.row), board.at(row.tier))}, seed {row.seed}"
        for row in board.missing
    ]
    of = f" of {board.planned} planned" if board.planned else " planned"
    rows, verb = ("row", "is") if count == 1 and not board.planned else ("rows", "are" if count > 1 else "is")
    return f"{count}{of} {rows} {verb} missing: {'; '.join(told[:5])}{'; ...' if count > 5 else ''}"


def _sound(board: Board, sound: Sequence[str]) -> str:
    seeds = f"{len(board.seeds)} seed{'s' if len(board.seeds) != 1 else ''}"
    said = [f"all {len(board.rows)} rows are complete over {seeds}", "every method clears the floors"]
    last = [f"and {text}" for text in sound]
    return f"Yes: {', '.join([*said, *last])}."

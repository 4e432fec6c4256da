"""Findings on what papers claim of two rows: each difference paired by clip, all of a claim corrected together."""

from __future__ import annotations

from privtalk.core.display import Claim, ClaimedRow
from privtalk.leaderboards import formats
from privtalk.leaderboards.board.model import Board, BoardRow, Verdict, verdict
from privtalk.leaderboards.board.statistics import Difference, holm
from privtalk.leaderboards.sections.answers import Finding, answer, difference_line, finding

ALPHA = 0.05
SAID: dict[Verdict | None, str] = {
    "better": "yes",
    "worse": "no, it is worse",
    "level": "not shown",
    None: "not compared",
}


def claims(board: Board) -> list[Finding]:
    """Returns a finding for each claim both of whose sides are on the board."""
    tested = [_tested(board, claim) for claim in board.display.claims]
    return [found for found in tested if found is not None]


def _tested(board: Board, claim: Claim) -> Finding | None:
    row = _find(board, claim.row)
    others = [found for found in (_find(board, other) for other in claim.against) if found is not None]
    names = {metric.name for metric in board.metrics}
    metrics = [name for name in claim.metrics if name in names]
    if row is None or not others or not metrics:
        return None
    pairs = [(other, name) for other in others for name in metrics]
    apart = [board.difference(row.key, other.key, name) for other, name in pairs]
    adjusted = holm([1.0 if difference.p is None else difference.p for difference in apart])
    answers, lines = [], []
    for (other, name), difference, p in zip(pairs, apart, adjusted, strict=True):
        said = _said(board, name, difference, float(p))
        lines.append(
            difference_line(
                board,
                f"{row.where} {formats.MINUS} {other.where}: {name}",
                difference,
                said,
                board.metric(name),
            )
        )
        answers.append(answer("", f"{board.display.metric_label(name)} against {other.stated}: {SAID[said]}"))
    return finding(claim.question, answers, lines)


def _said(board: Board, name: str, difference: Difference, p: float) -> Verdict | None:
    found = verdict(difference, board.metric(name).sign)
    return "level" if found is not None and p >= ALPHA else found


def _find(board: Board, wanted: ClaimedRow) -> BoardRow | None:
    return next(
        (row for row in board.rows if (row.key.method, row.key.tier) == (wanted.row, wanted.tier)), None
    )

"""Answers about speed and size, in a sentence each."""

from __future__ import annotations

from collections.abc import Sequence

from privtalk.leaderboards import formats
from privtalk.leaderboards.sections.answers import Answer, EvidenceLine, Finding, answer, finding
from privtalk.leaderboards.sections.efficiency.efficiency_board import EfficiencyBoard, TimedRow


def fastest(shown: EfficiencyBoard) -> Finding | None:
    """Returns who is fastest and who smallest, at what quality, and whom nobody beats in both."""
    fast = [timed for timed in shown.rows if timed.speed(1) is not None]
    if len(fast) < 2:
        return None
    quickest = max(fast, key=lambda timed: timed.speed(1) or 0.0)
    smallest = min(shown.rows, key=lambda timed: timed.megabytes)
    by_speed = shown.front(lambda timed: -(timed.speed(1) or 0.0))
    by_size = shown.front(lambda timed: timed.megabytes)
    answers = [
        answer("", f"the fastest is {quickest.row.stated}, {quality(shown, quickest)}"),
        answer("", f"the smallest is {smallest.row.stated}, {quality(shown, smallest)}"),
        answer("", f"nobody is both faster and better than {_names(by_speed)}"),
        answer("", f"nobody is both smaller and better than {_names(by_size)}"),
    ]
    lines = [_line(shown, timed, timed in by_speed or timed in by_size) for timed in shown.rows]
    return finding("Who is fastest, and who smallest, at what quality?", answers, lines)


def by_steps(shown: EfficiencyBoard) -> Finding | None:
    """Returns how much faster a method is with fewer passes, and what that costs."""
    answers: list[Answer] = []
    lines: list[EvidenceLine] = []
    for group in shown.families():
        most, least = group[0], group[-1]
        slow, quick = most.speed(1), least.speed(1)
        if not slow or not quick or most.first.passes == least.first.passes:
            continue
        answers.append(
            answer(
                "",
                f"{most.row.label} with {least.first.passes} passes in place of {most.first.passes}: "
                f"{formats.number(quick / slow, 1)} times as fast, {quality(shown, least)} in place of "
                f"{quality(shown, most)}",
            )
        )
        lines += [_line(shown, timed, False) for timed in group]
    return finding("What do fewer passes buy?", answers, lines) if answers else None


def quality(shown: EfficiencyBoard, timed: TimedRow) -> str:
    """The headline of a row with its interval, as a sentence has it."""
    metric = shown.board.metric(shown.headline)
    name = shown.board.display.metric_label(shown.headline)
    return f"{name} {formats.with_interval(timed.quality, metric.digits, metric.unit)}"


def _line(shown: EfficiencyBoard, timed: TimedRow, first: bool) -> EvidenceLine:
    pace = formats.number(timed.speed(1), 0)
    over = timed.over_reference
    times = f", {formats.number(over, 1)} times {timed.first.reference}" if over is not None else ""
    figure = (
        f"{pace} frames a second{times}; {formats.number(timed.megabytes, 2)} MB; {quality(shown, timed)}"
    )
    return EvidenceLine(subject=timed.row.where, figure=figure, verdict="on the front" if first else "level")


def _names(rows: Sequence[TimedRow]) -> str:
    return formats.listing([timed.row.stated for timed in rows])

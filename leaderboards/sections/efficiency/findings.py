"""Answers about speed and size, in a sentence each."""

from __future__ import annotations

from collections.abc import Sequence

from privtalk.leaderboards import formats
from privtalk.leaderboards.board.model import verdict
from privtalk.leaderboards.board.statistics import Difference
from privtalk.leaderboards.sections.answers import Answer, EvidenceLine, Finding, answer, finding
from privtalk.leaderboards.sections.efficiency.efficiency_board import (
    EfficiencyBoard,
    TimedRow,
    slowness,
    times_as_fast,
)


def fastest(shown: EfficiencyBoard) -> Finding | None:
    """Returns who is fastest and who smallest, at what quality, and whom nobody beats in both."""
    quickest, smallest = shown.fastest(), shown.smallest()
    if quickest is None or smallest is None or len(shown.rows) < 2:
        return None
    by_speed, by_size = shown.front(slowness), shown.front(lambda timed: timed.megabytes)
    fast = f"{quickest.row.stated} is fastest: {_pace(quickest)}, {quality(shown, quickest)}"
    small = f"{smallest.row.stated} is smallest: {_size(smallest)}, {quality(shown, smallest)}"
    if by_speed:
        fast += f"; by the means nobody is both faster and better than {_names(by_speed)}"
    if by_size:
        small += f"; by the means nobody is both smaller and better than {_names(by_size)}"
    fronts = {"speed": by_speed, "size": by_size}
    lines = [
        _line(shown, timed, [name for name, front in fronts.items() if timed in front])
        for timed in shown.rows
    ]
    answers = [answer("speed", fast), answer("size", small)]
    return finding("Who is fastest, and who smallest, at what quality?", answers, lines)


def by_steps(shown: EfficiencyBoard) -> Finding | None:
    """Returns how much faster each method is with fewer passes, and what they cost it."""
    answers: list[Answer] = []
    lines: list[EvidenceLine] = []
    for rows in shown.by_steps:
        most, least = rows[0], rows[-1]
        told = (
            f"{least.first.passes} passes in place of {most.first.passes}: {_faster(least, most)}, "
            f"{_apart(shown, least, most)}"
        )
        answers.append(answer(most.row.label, told))
        lines += [_compared(shown, timed, most) for timed in rows[1:]]
    return (
        finding("How much faster are fewer passes, and what do they cost?", answers, lines)
        if answers
        else None
    )


def beside_baseline(shown: EfficiencyBoard) -> Finding | None:
    """Returns how much faster and smaller rows are than the board's baseline, and what that costs them."""
    base = shown.baseline
    others = [timed for timed in shown.rows if timed is not base]
    if base is None or not others:
        return None
    named = shown.board.display.baseline
    phrase = named.phrase if named and named.phrase and named.row == base.row.key.method else shown.board.base
    answers = []
    for rows in shown.by_steps:
        if base not in rows:
            told = f"{rows[-1].first.passes} passes: {_against(shown, rows[-1], base)}"
            answers.append(answer(rows[-1].row.label, told))
    kept = [timed for timed in others if _verdict(shown, timed, base) in ("better", "level")]
    quick = max(kept, key=lambda timed: times_as_fast(timed, base) or 0.0, default=None)
    if quick is not None:
        told = (
            f"the fastest that is not shown to be worse is {quick.row.stated}: {_against(shown, quick, base)}"
        )
        answers.append(answer("all rows", told))
    lines = [_compared(shown, timed, base) for timed in others]
    return finding(f"How much faster and smaller than {phrase}, and at what loss?", answers, lines)


def quality(shown: EfficiencyBoard, timed: TimedRow) -> str:
    """The headline of a row with its interval, as a sentence has it."""
    metric = shown.headline
    if metric is None:
        return "of unknown quality"
    name = shown.board.display.metric_label(metric.name)
    return f"{name} {formats.with_interval(timed.quality, metric.digits, metric.unit)}"


def _apart(shown: EfficiencyBoard, timed: TimedRow, other: TimedRow) -> str:
    """The paired difference in the headline, as a sentence has it."""
    metric, apart = shown.headline, _difference(shown, timed, other)
    if metric is None or apart is None:
        return "of unknown quality"
    name = shown.board.display.metric_label(metric.name)
    return f"{name} {apart.missing or formats.with_interval(apart, metric.digits, metric.unit, signed=True)}"


def _difference(shown: EfficiencyBoard, timed: TimedRow, other: TimedRow) -> Difference | None:
    metric = shown.headline
    return None if metric is None else shown.board.difference(timed.row.key, other.row.key, metric.name)


def _verdict(shown: EfficiencyBoard, timed: TimedRow, other: TimedRow) -> str:
    metric, apart = shown.headline, _difference(shown, timed, other)
    return (verdict(apart, metric.sign) if metric and apart else None) or "missing"


def _against(shown: EfficiencyBoard, timed: TimedRow, base: TimedRow) -> str:
    share = timed.megabytes / base.megabytes if base.megabytes else None
    return f"{_faster(timed, base)}, {formats.number(share, 2)} times the size, {_apart(shown, timed, base)}"


def _compared(shown: EfficiencyBoard, timed: TimedRow, other: TimedRow) -> EvidenceLine:
    subject = f"{timed.row.where} {formats.MINUS} {other.row.where}"
    return EvidenceLine(
        subject=subject, figure=_against(shown, timed, other), verdict=_verdict(shown, timed, other)
    )


def _faster(timed: TimedRow, other: TimedRow) -> str:
    times = times_as_fast(timed, other)
    return "not timed" if times is None else f"{formats.number(times, 1)} times as fast"


def _line(shown: EfficiencyBoard, timed: TimedRow, fronts: Sequence[str]) -> EvidenceLine:
    over = timed.over_reference
    times = (
        ""
        if over is None
        else f", {formats.number(over, 1)} times {timed.first.reference or 'the reference'}"
    )
    figure = f"{_pace(timed)}{times}; {_size(timed)}; {quality(shown, timed)}"
    word = f"on the front of {formats.listing(fronts)}" if fronts else "behind others"
    return EvidenceLine(subject=timed.row.where, figure=figure, verdict=word)


def _pace(timed: TimedRow) -> str:
    speed = timed.speed()
    return "not timed" if speed is None else f"{formats.number(speed, 0)} frames a second"


def _size(timed: TimedRow) -> str:
    return f"{formats.number(timed.megabytes, 2)} MB"


def _names(rows: Sequence[TimedRow]) -> str:
    return formats.listing([timed.row.stated for timed in rows])

"""Findings about utility: who beats the baseline, and whom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

from privtalk.leaderboards import formats
from privtalk.leaderboards.board import columns
from privtalk.leaderboards.board.model import Board, BoardMetric, BoardRow, RowKey, Verdict, placed, verdict
from privtalk.leaderboards.board.statistics import Difference, holm
from privtalk.leaderboards.sections.answers import Answer, Finding, answer, difference_line, finding

ALPHA = 0.05


def against_baseline(board: Board) -> Finding | None:
    """Who beats the baseline, tier by tier."""
    if board.headline is None or board.baseline is None:
        return None
    metric = board.headline
    answers, lines = [], []
    for tier in board.tiers:
        rows = board.methods(tier)
        sides: dict[Verdict | None, list[str]] = {}
        for row in rows:
            cell = row.cells[metric]
            sides.setdefault(cell.verdict, []).append(row.label)
            lines.append(difference_line(board, row.where, cell.difference, cell.verdict))
        answers.append(
            answer(board.at(tier), _sides(sides, "beat it", "fall below it", "cannot be told from it"))
        )
    named = board.display.baseline
    name = named.phrase if named and named.phrase and named.row == board.baseline.method else board.base
    who = "training" if board.federated else "a method"
    return finding(f"Does {who} beat {name} on {metric}?", answers, lines)


def beyond_the_headline(board: Board) -> Finding | None:
    """Whether the families' main metrics agree with the headline, against the baseline, tier by tier.

    The headline is the first question and stands on its own interval; the other metrics are told from the baseline
    only if that survives Holm's correction over all methods and metrics of the tier. The answers name measures; which
    network read them stands in the lines, one for each measure.
    """
    others = [m for m in spokesmen(board) if m.name != board.headline]
    if board.headline is None or board.baseline is None or not others:
        return None
    answers, lines = [], []
    for tier in board.tiers:
        told: dict[str, list[str]] = {}
        compared = _corrected(board, board.methods(tier), others)
        for row in board.methods(tier):
            verdicts = {board.headline: row.cells[board.headline].verdict}
            for metric in others:
                apart, said = compared[row.key, metric.name]
                verdicts[metric.base] = said
                subject = f"{row.where}: {metric.name}"
                lines.append(difference_line(board, subject, apart, said, metric))
            told.setdefault(_pattern(verdicts), []).append(row.label)
        parts = [f"{formats.listing(names)}: {pattern}" for pattern, names in told.items()]
        answers.append(Answer(board.at(tier), "; ".join(parts)))
    return finding(f"Does it hold beyond {board.headline}?", answers, lines)


def spokesmen(board: Board) -> list[BoardMetric]:
    """Main metrics of every family, in order."""
    return [metric for family in board.families for metric in columns.main(board, family)]


def _corrected(
    board: Board, rows: Sequence[BoardRow], metrics: Sequence[BoardMetric]
) -> dict[tuple[RowKey, str], tuple[Difference, Verdict | None]]:
    """Row and metric -> difference to the baseline, and its verdict after Holm's correction over all of them."""
    base = board.baseline or RowKey("", "")
    apart = {(row.key, m.name): board.difference(row.key, base, m.name) for row in rows for m in metrics}
    p_values = {key: difference.p for key, difference in apart.items() if difference.p is not None}
    adjusted = dict(zip(p_values, holm(list(p_values.values())), strict=True))
    return {
        key: (difference, _unless(adjusted.get(key, 1.0), verdict(difference, board.metric(key[1]).sign)))
        for key, difference in apart.items()
    }


def _unless(p: float, said: Verdict | None) -> Verdict | None:
    """A verdict, or level where chance explains it."""
    return "level" if said is not None and p >= ALPHA else said


def _pattern(verdicts: Mapping[str, Verdict | None]) -> str:
    """Metrics by what is said of them.

    >>> _pattern({"sharp": "better", "alike": "better", "still": "worse", "near": "level"})
    'better in sharp and alike, worse in still'
    >>> _pattern({"sharp": "level"})
    'no difference is shown'
    """
    sides = {side: [name for name, said in verdicts.items() if said == side] for side in ("better", "worse")}
    told = [f"{side} in {formats.listing(names)}" for side, names in sides.items() if names]
    return ", ".join(told) or "no difference is shown"


def between_methods(board: Board) -> Finding | None:
    """The methods that differ from one another at the same guarantee."""
    if board.headline is None or len(board.methods()) < 2:
        return None
    answers, lines = [], []
    for tier in board.tiers:
        beaten: dict[str, list[str]] = {}
        for first, second, apart, said in _pairs(board, tier):
            pair = placed(f"{first.label} {formats.MINUS} {second.label}", board.at(tier))
            lines.append(difference_line(board, pair, apart, said))
            if said in ("better", "worse"):
                winner, loser = (first, second) if said == "better" else (second, first)
                beaten.setdefault(winner.label, []).append(loser.label)
        told = [f"{winner} beats {formats.listing(losers)}" for winner, losers in beaten.items()]
        if len(board.methods(tier)) > 1:
            answers.append(answer(board.at(tier), "; ".join(told) or "no difference is shown"))
    return finding("Which method is best?", answers, lines) if lines else None


def _pairs(board: Board, tier: str) -> Iterator[tuple[BoardRow, BoardRow, Difference, Verdict | None]]:
    """Pairs of methods of a tier, told apart only if that survives Holm's correction over the tier."""
    pairs = list(combinations(board.methods(tier), 2))
    apart = [board.difference(a.key, b.key, board.headline or "") for a, b in pairs]
    adjusted = holm([1.0 if difference.p is None else difference.p for difference in apart])
    sign = board.metric(board.headline or "").sign
    for (first, second), difference, p in zip(pairs, apart, adjusted, strict=True):
        yield first, second, difference, _unless(p, verdict(difference, sign))


def _sides(sides: dict[Verdict | None, list[str]], better: str, worse: str, level: str) -> str:
    said = []
    phrases: dict[Verdict | None, str] = {
        "better": better,
        "worse": worse,
        "level": level,
        None: "are not compared",
    }
    for side, phrase in phrases.items():
        if side in sides:
            said.append(f"{formats.listing(sides[side])} {_agree(phrase, len(sides[side]))}")
    return "; ".join(said)


def _agree(phrase: str, count: int) -> str:
    """Verb in the number of its subject.

    >>> _agree("fall below it", 1), _agree("are not compared", 1), _agree("beat it", 2)
    ('falls below it', 'is not compared', 'beat it')
    """
    if count > 1 or phrase.startswith("cannot"):
        return phrase
    verb, _, rest = phrase.partition(" ")
    return f"{'is' if verb == 'are' else verb + 's'} {rest}"

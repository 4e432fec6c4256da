"""Headline findings: a reader's questions, answered from the board and only as far as it supports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

from privtalk.core.display import DEFAULT
from privtalk.core.records import Estimate
from privtalk.leaderboards import formats
from privtalk.leaderboards.board import columns
from privtalk.leaderboards.board.floors import flagged
from privtalk.leaderboards.board.model import Board, Metric, Row, RowKey, Verdict, placed, verdict
from privtalk.leaderboards.board.statistics import Difference, holm
from privtalk.leaderboards.sections.answers import Answer, Finding, Line, answer, finding
from privtalk.leaderboards.sections.attacks.findings import attackers, audited

ALPHA = 0.05
TRUST = "Can the numbers be trusted?"
CONTROL_LEVEL = 0.9995
"""Level of the intervals by which controls are judged (`attacks.controls.LEVEL`)."""


def findings(board: Board) -> tuple[Finding, ...]:
    """All findings that the board has data for, in reading order; a violated guarantee before all else."""
    makers = (against_baseline, beyond_the_headline, between_methods, price_of_privacy)
    useful = [found for make in makers if (found := make(board)) is not None]
    audit = [found for found in (audited(board),) if found is not None]
    loud = [found for found in audit if found.tone == "error"]
    quiet = [found for found in audit if found.tone != "error"]
    return (*loud, *useful, *attackers(board), *quiet, validity(board))


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
            lines.append(_line(board, row.where, cell.difference, cell.verdict))
        answers.append(
            answer(board.at(tier), _sides(sides, "beat it", "fall below it", "cannot be told from it"))
        )
    named = board.display.baseline
    name = named.phrase if named and named.phrase and named.row == board.baseline.method else board.base
    return finding(f"Does training beat {name} on {metric}?", answers, lines)


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
                lines.append(_line(board, subject, apart, said, metric))
            told.setdefault(_pattern(verdicts), []).append(row.label)
        parts = [f"{formats.listing(names)}: {pattern}" for pattern, names in told.items()]
        answers.append(Answer(board.at(tier), "; ".join(parts)))
    return finding(f"Does it hold beyond {board.headline}?", answers, lines)


def spokesmen(board: Board) -> list[Metric]:
    """Main metrics of every family, in order."""
    return [metric for family in board.families for metric in columns.main(board, family)]


def _corrected(
    board: Board, rows: Sequence[Row], metrics: Sequence[Metric]
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
    """Which methods differ from one another at the same guarantee."""
    if board.headline is None or len(board.methods()) < 2:
        return None
    answers, lines = [], []
    for tier in board.tiers:
        beaten: dict[str, list[str]] = {}
        for first, second, apart, said in _pairs(board, tier):
            pair = placed(f"{first.label} {formats.MINUS} {second.label}", board.at(tier))
            lines.append(_line(board, pair, apart, said))
            if said in ("better", "worse"):
                winner, loser = (first, second) if said == "better" else (second, first)
                beaten.setdefault(winner.label, []).append(loser.label)
        told = [f"{winner} beats {formats.listing(losers)}" for winner, losers in beaten.items()]
        if len(board.methods(tier)) > 1:
            answers.append(answer(board.at(tier), "; ".join(told) or "no difference is shown"))
    return finding("Which method is best?", answers, lines) if lines else None


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
            lines.append(_line(board, subject, estimate, verdict(estimate, metric.sign)))
            if estimate.value is not None:
                costs.append(estimate.value)
        if costs:
            answers.append(
                answer(board.at(tier), f"{_span(costs, metric.digits, metric.unit)} of {metric.name}")
            )
    return finding("What does the guarantee cost?", answers, lines) if lines else None


def validity(board: Board) -> Finding:
    """Completeness, floors, controls, ceilings and provenance."""
    lines = [Line(subject="Runs", figure=problem, verdict="warning") for problem in board.problems]
    lines += [
        Line(subject=row.where, figure=why, verdict="missing") for row in board.rows for why in row.incomplete
    ]
    lines += [Line(subject=f"{row.where}", figure=row.text, verdict="missing") for row in board.absent]
    lines += _failed_controls(board)
    lines += [
        Line(subject=row.where, figure=f"{name}: {breach}", verdict="invalid")
        for row in board.rows
        for name, attack in row.attacks.items()
        for breach in attack.breaches
    ]
    lines += [Line(subject=who, figure=flag, verdict="worse") for who, flag in flagged(board.rows)]
    lost = missing_sentence(board)
    text = f"With care: {len(lines)} remark{'s' if len(lines) > 1 else ''}." if lines else _sound(board)
    text = f"With care: {lost}. {text.removeprefix('With care: ')}" if lost else text
    return finding(TRUST, [Answer("", text)], lines, "warning" if lines else "plain")


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


def _sound(board: Board) -> str:
    seeds = f"{len(board.seeds)} seed{'s' if len(board.seeds) != 1 else ''}"
    controls = ", and every attack's controls are at chance" if board.attacks else ""
    return f"Yes: all {len(board.rows)} rows are complete over {seeds}, every method clears the floors{controls}."


def _failed_controls(board: Board) -> list[Line]:
    """A line a control that failed, with the rows; and where some failed, how many would by chance."""
    failed: dict[tuple[str, str], list[Row]] = {}
    for row in board.rows:
        for name, attack in row.attacks.items():
            for control, result in attack.controls.items():
                if not result.passed:
                    failed.setdefault((name, control), []).append(row)
    lines = [
        Line(
            subject=formats.first_of([row.where for row in rows]),
            figure=f"{name}: control {control!r} is not at chance",
            verdict="invalid",
        )
        for (name, control), rows in failed.items()
    ]
    return [*lines, *([_by_chance(board, sum(map(len, failed.values())))] if failed else [])]


def _by_chance(board: Board, failed: int) -> Line:
    """Controls that fail although nothing leaks: each is drawn, and judged by an interval of its own."""
    count = sum(a.runs * len(a.controls) for row in board.rows for a in row.attacks.values())
    expected = (1 - CONTROL_LEVEL) * count
    figure = (
        f"{failed} failed on a row; of {count} runs of controls up to about {expected:.2g} would by chance"
    )
    return Line(subject="Controls", figure=figure, verdict="warning")


def _pairs(board: Board, tier: str) -> Iterator[tuple[Row, Row, Difference, Verdict | None]]:
    """Pairs of methods of a tier, told apart only if that survives Holm's correction over the tier."""
    pairs = list(combinations(board.methods(tier), 2))
    apart = [board.difference(a.key, b.key, board.headline or "") for a, b in pairs]
    adjusted = holm([1.0 if difference.p is None else difference.p for difference in apart])
    sign = board.metric(board.headline or "").sign
    for (first, second), difference, p in zip(pairs, apart, adjusted, strict=True):
        yield first, second, difference, _unless(p, verdict(difference, sign))


def _line(
    board: Board,
    subject: str,
    estimate: Estimate | Difference,
    said: Verdict | None,
    metric: Metric | None = None,
) -> Line:
    """A difference in a metric, by default the headline."""
    metric = metric or board.metric(board.headline or "")
    figure = formats.with_interval(estimate, metric.digits, metric.unit, signed=True)
    return Line(subject=subject, figure=estimate.missing or figure, verdict=said or "missing")


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


def _span(values: Sequence[float], digits: int, unit: str) -> str:
    low, high = (formats.number(v, digits, signed=True) for v in (min(values), max(values)))
    return f"{low} {unit}".strip() if low == high else f"{low} to {high} {unit}".strip()

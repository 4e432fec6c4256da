"""Findings about attacks: a question a family, answered tier by tier after Holm's correction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from privtalk.leaderboards import formats
from privtalk.leaderboards.board.attacks import AttackSummary
from privtalk.leaderboards.board.model import BoardRow
from privtalk.leaderboards.board.statistics import simultaneous
from privtalk.leaderboards.sections.answers import EvidenceLine, Finding, Tone, answer, finding
from privtalk.leaderboards.sections.attacks.attack_board import (
    SEEN,
    AttackBoard,
    AttackGroup,
    figure,
    powers,
    question_of,
    rates,
    strength_text,
    strongest,
)

UNKNOWN = "strength not shown"
PERSONAL = "personal"
"""The view that has a question of its own (`personal`)."""
EVERY, ANY = "every method", "any method"


def attackers(attacks: AttackBoard) -> list[Finding]:
    """A finding for each question that the board's attacks ask: one a family, but for views that ask another."""
    asked: dict[str, list[AttackGroup]] = {}
    for group in attacks.groups:
        if group.view != PERSONAL:
            asked.setdefault(question_of(group.family, group.view), []).append(group)
    return [
        found for question, views in asked.items() if (found := _asked(attacks, question, views)) is not None
    ]


def _asked(attacks: AttackBoard, question: str, views: Sequence[AttackGroup]) -> Finding | None:
    """One question; corrected over all attacks of the family and methods of a tier, and answered view by view."""
    names = [name for group in views for name in group.attacks]
    answers, lines, verdicts = [], [], set()
    for tier in attacks.board.tiers:
        rows = [row for row in attacks.board.methods(tier) if any(name in row.attacks for name in names)]
        verdicts |= {row.attacks[n].verdict for row in rows for n in names if n in row.attacks}
        told = [
            f"{_from(group)}: {said}" for group in views if (said := clauses(attacks, rows, group.attacks))
        ]
        answers += [answer(attacks.board.at(tier), "; ".join(told))] if told else []
        lines += [line for row in rows for group in views for line in evidence(attacks, row, group.attacks)]
    tone: Tone = "warning" if "invalid" in verdicts else "plain"
    return finding(question, answers, lines, tone) if answers else None


def _from(group: AttackGroup) -> str:
    return f"from {SEEN.get(group.view, group.view)}"


def clauses(attacks: AttackBoard, rows: Sequence[BoardRow], names: Sequence[str]) -> str:
    """Returns what some attacks say at one tier: who leaks most, who is not shown to, and what cannot be said."""
    tried = [row for row in rows if any(name in row.attacks for name in names)]
    leaking = [row for row in tried if any(attacks.leaks(row, name) for name in names)]
    quiet = [row for row in tried if row not in leaking and strongest(row, names) is not None]
    silent = [row for row in tried if row not in leaking and row not in quiet]
    invalid = [r for r in silent if any(r.attacks[n].verdict == "invalid" for n in names if n in r.attacks)]
    missing = [row for row in silent if row not in invalid]
    parts = [_yes(attacks, leaking, tried, names)] if leaking else []
    parts += [_not_shown(quiet, tried, names)] if quiet else []
    parts += [f"no valid answer for {_labels(invalid, tried, ANY)}, a control failed"] if invalid else []
    parts += [f"not measured for {_labels(missing, tried, ANY)}"] if missing else []
    return ", ".join(parts)


def _yes(
    attacks: AttackBoard, rows: Sequence[BoardRow], tried: Sequence[BoardRow], names: Sequence[str]
) -> str:
    """Who leaks, and the attack that gains most for sure."""
    best = {row.key: _best(attacks, row, names) for row in rows}
    top = max(rows, key=lambda row: row.attacks[best[row.key]].headline.margin)
    attack = top.attacks[best[top.key]]
    whose = f" on {top.label}" if len(rows) > 1 else ""
    shown = ", ".join([figure(attack), *rates(attack)[:1]])
    return f"yes, for {_labels(rows, tried)}, most by {best[top.key]}{whose} ({shown})"


def _best(attacks: AttackBoard, row: BoardRow, names: Sequence[str]) -> str:
    """The strongest of the attacks that survive correction."""
    found = strongest(row, [name for name in names if attacks.leaks(row, name)])
    assert found is not None, f"{row.label} does not leak"
    return found


def _not_shown(rows: Sequence[BoardRow], tried: Sequence[BoardRow], names: Sequence[str]) -> str:
    """Who is not shown to leak, how much is not excluded, and how far the attacks can be trusted to see."""
    valid = [n for n in names if any(_valid(row, n) for row in rows)]
    results = [row.attacks[n] for row in rows for n in valid if _valid(row, n)]
    count = f"{len(valid)} attacks" if len(valid) > 1 else valid[0]
    seeing = _seeing(powers(rows, valid), len(valid))
    said = [f"not shown for {_labels(rows, tried, ANY)} by {count} ({seeing}){_reach(results)}"]
    below = [n for n in valid if any(_valid(r, n) and r.attacks[n].verdict == "below chance" for r in rows)]
    said += (
        [f"{formats.first_of(below)} below chance, which calls for an explanation if it lasts"]
        if below
        else []
    )
    return ", ".join(said)


def _reach(results: Sequence[AttackSummary]) -> str:
    """The most that is not excluded, every attack's interval widened so that all hold together."""
    ends: dict[tuple[str, str], list[float]] = {}
    for attack in results:
        head = attack.headline
        wide = simultaneous(head.estimate, len(results), bounded=head.bounded)
        end = wide.high if head.sign > 0 else wide.low
        if end is not None:
            ends.setdefault((head.label, head.shown_unit), []).append(head.sign * end)
    said = [
        f"{label} up to {formats.number(max(map(abs, e)), 2)} {unit}".strip()
        for (label, unit), e in ends.items()
    ]
    return f", {formats.first_of(said)} not excluded" if said else ""


def _seeing(power: Mapping[str, Sequence[str]], count: int) -> str:
    """How many of the attacks are known to find what is planted: the rest prove nothing."""
    shown, blind, unknown = (len(power[kind]) for kind in ("shown", "not found", "unknown"))
    if count == 1:
        return "finds what is planted" if shown else "blind even to what is planted" if blind else UNKNOWN
    said = [f"{'all' if shown == count else shown} find what is planted"] if shown else []
    said += (
        [f"{blind} blind even to that" if shown else f"{blind} blind even to what is planted"]
        if blind
        else []
    )
    said += [UNKNOWN if unknown == count else f"{UNKNOWN} for {unknown}"] if unknown else []
    return ", ".join(said)


def evidence(attacks: AttackBoard, row: BoardRow, names: Sequence[str]) -> list[EvidenceLine]:
    """The attack that speaks for a row, or each that failed where none is valid."""
    leaking = [name for name in names if attacks.leaks(row, name)]
    where, best = row.where, strongest(row, leaking or names)
    if best is not None:
        attack = row.attacks[best]
        shown = [figure(attack), *rates(attack)]
        said = "above chance" if attacks.leaks(row, best) else "not above chance"
        if said == "not above chance":
            shown.append(strength_text(attack))
        return [EvidenceLine(subject=f"{where}: {best}", figure="; ".join(shown), verdict=said)]
    return [
        EvidenceLine(subject=f"{where}: {n}", figure=figure(row.attacks[n]), verdict=row.attacks[n].verdict)
        for n in names
        if n in row.attacks
    ]


def _valid(row: BoardRow, name: str) -> bool:
    return name in row.attacks and row.attacks[name].verdict not in ("invalid", "missing")


def _labels(rows: Sequence[BoardRow], tried: Sequence[BoardRow], every: str = EVERY) -> str:
    if len(rows) == len(tried) > 1:
        return every
    return formats.listing([row.label for row in rows])

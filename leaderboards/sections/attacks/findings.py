"""Findings about attacks and audits: a question a family, answered tier by tier after Holm's correction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from privtalk.leaderboards import formats
from privtalk.leaderboards.board.attacks import AttackSummary
from privtalk.leaderboards.board.model import Board, Row
from privtalk.leaderboards.board.statistics import simultaneous
from privtalk.leaderboards.sections.answers import Answer, Finding, Line, Tone, answer, finding
from privtalk.leaderboards.sections.attacks import leaks
from privtalk.leaderboards.sections.attacks.leaks import Adjusted
from privtalk.leaderboards.sections.audits.audits import audit_lines

UNKNOWN = "strength not shown"
EVERY, ANY = "every method", "any method"
AUDIT_QUESTION = "Do audits contradict the guarantee?"


def attackers(board: Board) -> list[Finding]:
    """A finding for each family of attacks that the board has."""
    return [found for family in leaks.families(board) if (found := _family(board, family)) is not None]


def audited(board: Board) -> Finding | None:
    """Whether a certified lower bound exceeds what the accountant claims: then one of the two is wrong."""
    lines = audit_lines(board)
    if not lines:
        return None
    broken = [line for line in lines if line.violations]
    evidence = [
        Line(
            subject=f"{line.row.where}, seed {line.seed}: {line.audit.view}",
            figure=text,
            verdict="invalid",
        )
        for line in broken
        for text in line.violations
    ]
    done = [line for line in lines if not line.audit.missing]
    claimed = [line for line in done if line.verdict == "not exceeded"]
    if broken:
        rows = list(dict.fromkeys(line.row.where for line in broken))
        text = (
            f"YES: {len(broken)} of {len(done)} audits certify more leakage than is accounted for, on "
            f"{formats.listing(rows)}. Mechanism, accountant or audit has a bug: trust no ε here until it is found"
        )
        return finding(AUDIT_QUESTION, [Answer("", text)], evidence, "error")
    return finding(AUDIT_QUESTION, [Answer("", _unbroken(len(lines), len(done), len(claimed)))], [])


def _unbroken(asked: int, done: int, claimed: int) -> str:
    if not done:
        return f"Not measured: none of {asked} audits was run."
    text = f"No: none of {done} audits certifies more than the accountant allows"
    if claimed < done:
        text += f"; in {done - claimed} of them nothing is claimed that could be exceeded"
    return (
        text
        + ". A lower bound far below the account says that the audit is weak, not that the account is loose."
    )


def _family(board: Board, family: str) -> Finding | None:
    """One question; corrected over all attacks of the family and methods of a tier, and answered view by view."""
    names, views = leaks.attacks_of(board, family), [g for g in leaks.groups(board) if g.family == family]
    answers, lines, verdicts = [], [], set()
    for tier in board.tiers:
        rows = [row for row in board.methods(tier) if any(name in row.attacks for name in names)]
        adjusted = leaks.corrected(rows, names)
        verdicts |= {row.attacks[n].verdict for row in rows for n in names if n in row.attacks}
        told = [
            f"{_from(group)}: {said}" for group in views if (said := _parts(rows, group.attacks, adjusted))
        ]
        answers += [answer(board.at(tier), "; ".join(told))] if told else []
        lines += [line for row in rows for group in views for line in _lines(row, group.attacks, adjusted)]
    tone: Tone = "warning" if "invalid" in verdicts else "plain"
    question = leaks.QUESTIONS.get(family, f"Did {family} attacks succeed?")
    return finding(question, answers, lines, tone) if answers else None


def _from(group: leaks.Group) -> str:
    return f"from {leaks.SEEN.get(group.view, group.view)}"


def _parts(rows: Sequence[Row], names: Sequence[str], adjusted: Adjusted) -> str:
    """Clauses on one view at one tier: who leaks most, who is not shown to, and what cannot be said."""
    tried = [row for row in rows if any(name in row.attacks for name in names)]
    leaking = [row for row in tried if any(_leaks(row, name, adjusted) for name in names)]
    quiet = [row for row in tried if row not in leaking and leaks.strongest(row, names) is not None]
    silent = [row for row in tried if row not in leaking and row not in quiet]
    invalid = [r for r in silent if any(r.attacks[n].verdict == "invalid" for n in names if n in r.attacks)]
    missing = [row for row in silent if row not in invalid]
    parts = [_yes(leaking, tried, names, adjusted)] if leaking else []
    parts += [_not_shown(quiet, tried, names)] if quiet else []
    parts += [f"no valid answer for {_labels(invalid, tried, ANY)}, a control failed"] if invalid else []
    parts += [f"not measured for {_labels(missing, tried, ANY)}"] if missing else []
    return ", ".join(parts)


def _yes(rows: Sequence[Row], tried: Sequence[Row], names: Sequence[str], adjusted: Adjusted) -> str:
    """Who leaks, and the attack that gains most for sure."""
    best = {row.key: _best(row, names, adjusted) for row in rows}
    top = max(rows, key=lambda row: row.attacks[best[row.key]].headline.margin)
    attack = top.attacks[best[top.key]]
    whose = f" on {top.label}" if len(rows) > 1 else ""
    shown = ", ".join([leaks.figure(attack), *leaks.rates(attack)[:1]])
    return f"yes, for {_labels(rows, tried)}, most by {best[top.key]}{whose} ({shown})"


def _best(row: Row, names: Sequence[str], adjusted: Adjusted) -> str:
    """The strongest of the attacks that survive correction."""
    found = leaks.strongest(row, [name for name in names if _leaks(row, name, adjusted)])
    assert found is not None, f"{row.label} does not leak"
    return found


def _not_shown(rows: Sequence[Row], tried: Sequence[Row], names: Sequence[str]) -> str:
    """Who is not shown to leak, how much is not excluded, and how far the attacks can be trusted to see."""
    valid = [n for n in names if any(_valid(row, n) for row in rows)]
    results = [row.attacks[n] for row in rows for n in valid if _valid(row, n)]
    count = f"{len(valid)} attacks" if len(valid) > 1 else valid[0]
    seeing = _seeing(leaks.powers(rows, valid), len(valid))
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


def _lines(row: Row, names: Sequence[str], adjusted: Adjusted) -> list[Line]:
    """The attack that speaks for a row, or each that failed where none is valid."""
    leaking = [name for name in names if _leaks(row, name, adjusted)]
    where, best = row.where, leaks.strongest(row, leaking or names)
    if best is not None:
        attack = row.attacks[best]
        shown = [leaks.figure(attack), *leaks.rates(attack)]
        said = "above chance" if _leaks(row, best, adjusted) else "not above chance"
        if said == "not above chance":
            shown.append(leaks.strength_text(attack))
        return [Line(subject=f"{where}: {best}", figure="; ".join(shown), verdict=said)]
    return [
        Line(subject=f"{where}: {n}", figure=leaks.figure(row.attacks[n]), verdict=row.attacks[n].verdict)
        for n in names
        if n in row.attacks
    ]


def _leaks(row: Row, name: str, adjusted: Adjusted) -> bool:
    return name in row.attacks and leaks.leaks(row.attacks[name], adjusted.get((row.key, name)))


def _valid(row: Row, name: str) -> bool:
    return name in row.attacks and row.attacks[name].verdict not in ("invalid", "missing")


def _labels(rows: Sequence[Row], tried: Sequence[Row], every: str = EVERY) -> str:
    if len(rows) == len(tried) > 1:
        return every
    return formats.listing([row.label for row in rows])

"""The bounds that canaries certify of each run's ε, beside the accountant's: upper bounds, lower bounds, estimates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from privtalk.core.records import Audit, LowerBound, Record, UpperBound
from privtalk.leaderboards.board.model import Board, BoardRow


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditLine:
    """One audit of one run."""

    row: BoardRow
    seed: int
    audit: Audit
    violations: tuple[str, ...]
    """Certified bounds above the accountant's: recorded ones, and those that follow from the figures."""

    @property
    def verdict(self) -> str:
        if self.violations:
            return "VIOLATED"
        if self.audit.missing:
            return "missing"
        claimed = any(upper.epsilon is not None for upper in self.audit.upper)
        return "not exceeded" if claimed else "nothing claimed"


def audit_lines(board: Board) -> list[AuditLine]:
    """Every audit of the board, row by row and seed by seed."""
    return [
        AuditLine(row=row, seed=record.seed, audit=audit, violations=violations(audit))
        for row in board.rows
        for record in row.records
        for audit in record.audits
    ]


def violations(audit: Audit) -> tuple[str, ...]:
    """The faults that the audit itself found; and where it found nothing, what its figures say."""
    if audit.violations:
        return audit.violations
    found = []
    for low in audit.certified:
        claimed = [u for u in audit.upper if u.delta == low.delta and u.epsilon is not None]
        found += [
            _said(low, upper)
            for upper in claimed
            if upper.epsilon is not None and low.epsilon > upper.epsilon
        ]
    return tuple(found)


def checked_rounds(board: Board) -> str:
    """One sentence about the checks of every round of private cells; empty where no record holds any."""
    found = [r.federation.checks for row in board.rows for r in row.records if r.federation]
    checks = [check for check in found if check is not None]
    ratios = [check.deviation_ratio for check in checks if check.deviation_ratio is not None]
    if not ratios:
        return ""
    rounds, numbers = sum(check.rounds for check in checks), sum(check.numbers for check in checks)
    return (
        f"At the code that trained them, {rounds} rounds of {len(checks)} private cells were as booked: {numbers:,} "
        f"numbers of noise with {min(ratios):.3f} to {max(ratios):.3f} times their booked deviation."
    )


def checks_worse(old: Record, fresh: Record) -> list[str]:
    """Checks of rounds that are gone, where private rounds were checked before."""
    before, after = ((record.federation and record.federation.checks) for record in (old, fresh))
    return ["the checks of every round are missing"] if before and not after else []


def audits_worse(old: Sequence[Audit], fresh: Sequence[Audit]) -> list[str]:
    """Every violation, new or not, and audits that are gone or no longer say anything."""
    found = [f"audit of {audit.view}: {text}" for audit in fresh for text in violations(audit)]
    done = {(audit.view, audit.subject) for audit in fresh if not audit.missing}
    gone = [a for a in old if not a.missing and (a.view, a.subject) not in done]
    return found + [f"the audit of {audit.view} ({audit.subject}) is missing" for audit in gone]


def upper_text(bound: UpperBound) -> str:
    """`≤ 7.99 (PLD)`, or that nothing is guaranteed."""
    if bound.epsilon is None:
        return "no guarantee"
    return f"≤ {bound.epsilon:.3g} ({bound.accountant})"


def lower_text(bound: LowerBound) -> str:
    """`≥ 1.2 with 95 %: one run *`, a star where it rests on an assumption."""
    rests = " *" if bound.assumption else ""
    return f"≥ {bound.epsilon:.3g} with {100 * bound.confidence:.4g} %: {named(bound.name)}{rests}"


def named(name: str) -> str:
    """A bound's name as people write it.

    >>> named("one_run_fdp")
    'one run fdp'
    """
    return name.replace("_", " ")


def assumptions(lines: Sequence[AuditLine]) -> list[str]:
    """`one run: each canary was in or out by its own coin`, once each."""
    bounds = [bound for line in lines for bound in line.audit.certified if bound.assumption]
    return list(dict.fromkeys(f"{named(bound.name)}: {bound.assumption}" for bound in bounds))


def _said(low: LowerBound, upper: UpperBound) -> str:
    return (
        f"{low.name}: ε ≥ {low.epsilon:.4g} at δ = {low.delta:g} with {low.confidence:.4g} confidence, "
        f"but {upper.accountant} says ε ≤ {upper.epsilon:.4g}"
    )

"""The strongest attack of every family and view at every tier, and what each finds where something was planted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from privtalk.leaderboards import formats
from privtalk.leaderboards.board.attacks import AttackSummary, Point
from privtalk.leaderboards.board.model import Board, Row
from privtalk.leaderboards.sections.attacks import leaks
from privtalk.leaderboards.sections.attacks.leaks import Census, Group


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryLine:
    """One family on one view at one tier."""

    tier: str
    """As shown; `References` for rows that are no methods."""
    group: Group
    row: Row | None
    """Where the strongest attack gained most; None where no attack is valid."""
    attack: str
    result: AttackSummary | None
    leaks: bool
    """After Holm's correction over the family's attacks and the tier's rows."""
    census: Census

    @property
    def verdict(self) -> str:
        if self.result is None:
            return "invalid" if self.census.invalid else "missing"
        return "above chance" if self.leaks else "not above chance"

    @property
    def tally(self) -> str:
        """How the group's attacks came out, by the most telling row."""
        parts = {
            "above": self.census.above,
            "not above": self.census.chance,
            "invalid": self.census.invalid,
            "missing": self.census.missing,
        }
        return ", ".join(f"{len(names)} {what}" for what, names in parts.items() if names)

    def point(self, target: float) -> Point | None:
        """The operating point at a false-positive rate."""
        points = self.result.points if self.result else ()
        return next((p for p in points if p.fpr_target == target), None)

    def tpr(self, target: float) -> str | None:
        """`0.60 (0.007)`: the rate and the realised false-positive rate; None where it was refused."""
        point = self.point(target)
        if point is None or point.tpr.value is None:
            return None
        return f"{formats.number(point.tpr.value, 2)} ({formats.number(point.fpr_realised, 3)})"


@dataclass(frozen=True, slots=True, kw_only=True)
class StrengthLine:
    """One attack: where it stays at chance, and what it finds where something was planted."""

    attack: str
    group: Group
    known: AttackSummary
    at_chance: str
    """Tiers with the number of rows; empty where it is above chance everywhere."""
    text: str


def summary_lines(board: Board) -> list[SummaryLine]:
    """Methods tier by tier, then the references that were attacked."""
    lines = []
    tiers = leaks.attacked(board)
    for tier, rows in sorted(tiers, key=lambda item: not item[0]):
        for family in leaks.families(board):
            adjusted = leaks.corrected(rows, leaks.attacks_of(board, family))
            lines += [
                _line(board, tier, rows, group, adjusted)
                for group in leaks.groups(board)
                if group.family == family and any(n in row.attacks for row in rows for n in group.attacks)
            ]
    return lines


def strength_lines(board: Board, family: str) -> list[StrengthLine]:
    """Every attack of a family with its strength, at-chance ones and others."""
    return [
        _strength(board, group, name)
        for group in leaks.groups(board)
        if group.family == family
        for name in group.attacks
    ]


def targets(board: Board) -> list[float]:
    """False-positive rates at which any attack states a true-positive rate or why there is none."""
    points = [p.fpr_target for row in board.rows for attack in row.attacks.values() for p in attack.points]
    return sorted(set(points), reverse=True)


def _line(
    board: Board, tier: str, rows: Sequence[Row], group: Group, adjusted: leaks.Adjusted
) -> SummaryLine:
    sure = {row.key: _surviving(row, group.attacks, adjusted) for row in rows}
    pool = [row for row in rows if sure[row.key]] or rows
    names = {row.key: sure[row.key] or list(group.attacks) for row in pool}
    best = [(row, n) for row in pool if (n := leaks.strongest(row, names[row.key])) is not None]
    row, attack = max(best, key=lambda b: b[0].attacks[b[1]].headline.margin, default=(None, ""))
    return SummaryLine(
        tier=board.at(tier) if tier else "References",
        group=group,
        row=row,
        attack=attack,
        result=row.attacks[attack] if row else None,
        leaks=bool(row and attack in sure[row.key]),
        census=leaks.census(rows, group.attacks, adjusted),
    )


def _surviving(row: Row, names: Sequence[str], adjusted: leaks.Adjusted) -> list[str]:
    held = [name for name in names if name in row.attacks]
    return [name for name in held if leaks.leaks(row.attacks[name], adjusted.get((row.key, name)))]


def _strength(board: Board, group: Group, name: str) -> StrengthLine:
    held = [row for row in board.rows if name in row.attacks]
    known = max(
        (row.attacks[name] for row in held), key=lambda a: ("unknown", "not found", "shown").index(a.power)
    )
    quiet = []
    for tier, rows in leaks.attacked(board):
        own = [row for row in rows if name in row.attacks]
        count = sum(row.attacks[name].verdict in ("at chance", "below chance") for row in own)
        label = board.at(tier) if tier else "references"
        quiet += [f"{label}: {count} of {len(own)} rows"] if count else []
    return StrengthLine(
        attack=name, group=group, known=known, at_chance="; ".join(quiet), text=leaks.strength_text(known)
    )

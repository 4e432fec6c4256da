"""The strongest attack of every family and view at every tier, and what each finds where something was planted."""

from __future__ import annotations

from dataclasses import dataclass

from privtalk.leaderboards import formats
from privtalk.leaderboards.board.attacks import AttackSummary, Point
from privtalk.leaderboards.board.model import Board, BoardRow
from privtalk.leaderboards.sections.attacks.attack_board import (
    AttackBoard,
    AttackGroup,
    Census,
    Stand,
    strength_text,
    strongest,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryLine:
    """One family on one view at one tier."""

    tier: str
    """As shown; `References` for rows that are no methods."""
    group: AttackGroup
    row: BoardRow | None
    """The row on which the strongest attack gained most; None where no attack is valid."""
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
    group: AttackGroup
    known: AttackSummary
    at_chance: str
    """Tiers with the number of rows; empty where it is above chance everywhere."""
    text: str


def summary_lines(attacks: AttackBoard) -> list[SummaryLine]:
    """Methods place by place, then the references that were attacked."""
    return [
        _line(attacks, stand, group)
        for stand in sorted(attacks.stands, key=lambda stand: not stand.tier)
        for group in attacks.groups
        if any(name in row.attacks for row in stand.rows for name in group.attacks)
    ]


def strength_lines(attacks: AttackBoard, family: str) -> list[StrengthLine]:
    """Every attack of a family with its strength, at-chance ones and others."""
    return [_strength(attacks, group, name) for group in attacks.views(family) for name in group.attacks]


def targets(board: Board) -> list[float]:
    """False-positive rates at which any attack states a true-positive rate or why there is none."""
    points = [p.fpr_target for row in board.rows for attack in row.attacks.values() for p in attack.points]
    return sorted(set(points), reverse=True)


def _line(attacks: AttackBoard, stand: Stand, group: AttackGroup) -> SummaryLine:
    sure = {row.key: [n for n in group.attacks if attacks.leaks(row, n)] for row in stand.rows}
    pool = [row for row in stand.rows if sure[row.key]] or stand.rows
    names = {row.key: sure[row.key] or list(group.attacks) for row in pool}
    best = [(row, n) for row in pool if (n := strongest(row, names[row.key])) is not None]
    row, attack = max(best, key=lambda b: b[0].attacks[b[1]].headline.margin, default=(None, ""))
    return SummaryLine(
        tier=stand.title,
        group=group,
        row=row,
        attack=attack,
        result=row.attacks[attack] if row else None,
        leaks=bool(row and attack in sure[row.key]),
        census=attacks.census(stand.rows, group.attacks),
    )


def _strength(attacks: AttackBoard, group: AttackGroup, name: str) -> StrengthLine:
    held = [row.attacks[name] for row in attacks.board.rows if name in row.attacks]
    known = max(held, key=lambda attack: ("unknown", "not found", "shown").index(attack.power))
    quiet = []
    for stand in attacks.stands:
        own = [row.attacks[name] for row in stand.rows if name in row.attacks]
        count = sum(attack.verdict in ("at chance", "below chance") for attack in own)
        title = stand.title if stand.tier else stand.title.lower()
        quiet += [f"{title}: {count} of {len(own)} rows"] if count else []
    return StrengthLine(
        attack=name, group=group, known=known, at_chance="; ".join(quiet), text=strength_text(known)
    )

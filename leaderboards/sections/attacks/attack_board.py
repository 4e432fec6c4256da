"""A board's attacks by family and view, what survives correction, and which attack speaks for a row: computed once.

An attack at chance says little by itself. Beside it stands what the same attack finds where something was planted;
where nobody planted anything its strength is unknown, and where it does not find even that, it is blind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from privtalk.leaderboards import formats
from privtalk.leaderboards.board.attacks import AttackSummary
from privtalk.leaderboards.board.model import Board, BoardRow, RowKey
from privtalk.leaderboards.board.statistics import holm, p_of

ALPHA = 0.05

FAMILIES = ("membership", "identity", "reconstruction", "aggregation")
VIEWS = ("animation", "release", "client", "personal", "sums", "server")
"""From the adversary that sees least to the one that sees most."""

TITLES = {
    "membership": "Who took part",
    "identity": "Who is behind a message",
    "reconstruction": "What a client trained on",
    "aggregation": "Who is in a sum",
}
QUESTIONS = {
    "membership": "Could an attacker tell who took part?",
    "identity": "Could an attacker tell who is behind a message?",
    "reconstruction": "Could an attacker restore what a client trained on?",
    "aggregation": "Could an attacker tell who is in a sum?",
}
VIEW_TITLES = {("identity", "animation"): "Who is animated"}
VIEW_QUESTIONS = {("identity", "animation"): "Could an attacker tell who is animated?"}
"""(family, view) -> the words where a view asks something else than its family."""
SEEN = {
    "animation": "what is animated",
    "release": "the released adapter",
    "client": "successive globals",
    "personal": "personal adapters that leak",
    "sums": "sums of messages",
    "server": "each client’s message",
}
"""View -> what the adversary looks at."""


class Stand(NamedTuple):
    """Rows of one place that were attacked, by name."""

    tier: str
    """Empty for the references."""
    title: str
    rows: tuple[BoardRow, ...]


class AttackGroup(NamedTuple):
    """Attacks of one family on one view, in the order in which records name them."""

    family: str
    view: str
    attacks: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Census:
    """The outcomes of a family's attacks on some rows, by name."""

    above: tuple[str, ...]
    """To the attacker's gain after Holm's correction."""
    chance: tuple[str, ...]
    invalid: tuple[str, ...]
    missing: tuple[str, ...]


class AttackBoard:
    """The attacks of a board, grouped and corrected for many comparisons; every medium shows this one."""

    def __init__(self, board: Board) -> None:
        self.board = board

    @cached_property
    def groups(self) -> tuple[AttackGroup, ...]:
        """All attacks, ordered by family and view."""
        members: dict[tuple[str, str], list[str]] = {}
        for name in self.board.attacks:
            known = self.described(name)
            members.setdefault((known.family, known.view), []).append(name)
        keys = sorted(members, key=lambda key: (_place(FAMILIES, key[0]), _place(VIEWS, key[1])))
        return tuple(AttackGroup(family, view, tuple(members[family, view])) for family, view in keys)

    @cached_property
    def families(self) -> tuple[str, ...]:
        """The families that the board has, in order."""
        return tuple(dict.fromkeys(group.family for group in self.groups))

    @cached_property
    def stands(self) -> tuple[Stand, ...]:
        """Places with the rows that were attacked there; the references first."""
        board = self.board
        found = [Stand("", "References", tuple(board.references()))]
        found += [Stand(tier, board.titled(tier), tuple(board.methods(tier))) for tier in board.tiers]
        tried = [s._replace(rows=tuple(sorted((r for r in s.rows if r.attacks), key=_label))) for s in found]
        return tuple(stand for stand in tried if stand.rows)

    @cached_property
    def adjusted(self) -> Mapping[tuple[RowKey, str], float]:
        """(row, attack) -> p-value after Holm's correction over the attacks of a family and the rows of a place."""
        found: dict[tuple[RowKey, str], float] = {}
        for stand in self.stands:
            for family in self.families:
                found |= corrected(stand.rows, self.attacks_of(family))
        return found

    def views(self, family: str) -> list[AttackGroup]:
        """A family's groups, from the view that sees least."""
        return [group for group in self.groups if group.family == family]

    def attacks_of(self, family: str) -> list[str]:
        """Names of a family's attacks, view by view."""
        return [name for group in self.views(family) for name in group.attacks]

    def described(self, name: str) -> AttackSummary:
        """The attack on the first row that has it: what it says about itself is the same on all."""
        return next(row.attacks[name] for row in self.board.rows if name in row.attacks)

    def labelled(self, name: str) -> str:
        """An attack with its measure or unit, where that is no AUC."""
        head = self.described(name).headline
        return name if head.name == "auc" else f"{name} ({head.shown_unit or head.label})"

    def leaks(self, row: BoardRow, name: str) -> bool:
        """To the attacker's gain, and not by chance alone."""
        p = self.adjusted.get((row.key, name))
        return (
            name in row.attacks
            and row.attacks[name].verdict == "above chance"
            and p is not None
            and p < ALPHA
        )

    def census(self, rows: Sequence[BoardRow], names: Sequence[str]) -> Census:
        """Attacks by their most telling result on any of the rows."""
        told: dict[str, list[str]] = {"above": [], "chance": [], "invalid": [], "missing": []}
        for name in names:
            held = [row for row in rows if name in row.attacks]
            verdicts = {row.attacks[name].verdict for row in held}
            if any(self.leaks(row, name) for row in held):
                told["above"].append(name)
            elif verdicts - {"invalid", "missing"}:
                told["chance"].append(name)
            elif held:
                told["invalid" if "invalid" in verdicts else "missing"].append(name)
        return Census(**{kind: tuple(found) for kind, found in told.items()})

    def spokesman(self, group: AttackGroup) -> str | None:
        """The attack of a group that gains most on any method's row, among those with an ROC."""
        best: dict[str, float] = {}
        for row in self.board.methods():
            for name in group.attacks:
                attack = row.attacks.get(name)
                if attack is not None and attack.rocs and attack.verdict not in ("invalid", "missing"):
                    best[name] = max(best.get(name, float("-inf")), attack.headline.margin)
        return max(best, key=lambda name: best[name], default=None)


def title_of(family: str, views: Sequence[str]) -> str:
    """Returns the title of a family's attacks on some views.

    >>> title_of("identity", ["server"]), title_of("identity", ["animation", "server"]), title_of("odd", ["sums"])
    ('Who is behind a message', 'Who is animated, who is behind a message', 'Odd')
    """
    usual = TITLES.get(family, family.capitalize())
    first, *others = dict.fromkeys(VIEW_TITLES.get((family, view), usual) for view in views)
    return ", ".join([first, *(f"{title[:1].lower()}{title[1:]}" for title in others)])


def question_of(family: str, view: str) -> str:
    """Returns what a family's attacks on a view ask.

    >>> question_of("identity", "animation"), question_of("odd", "sums")
    ('Could an attacker tell who is animated?', 'Did odd attacks succeed?')
    """
    usual = QUESTIONS.get(family, f"Did {family} attacks succeed?")
    return VIEW_QUESTIONS.get((family, view), usual)


def corrected(rows: Sequence[BoardRow], names: Sequence[str]) -> dict[tuple[RowKey, str], float]:
    """Row and attack -> p-value of chance after Holm's correction over all valid attacks of these rows."""
    found = {
        (row.key, name): _p(row.attacks[name])
        for row in rows
        for name in names
        if name in row.attacks and row.attacks[name].verdict not in ("invalid", "missing")
    }
    known = {key: p for key, p in found.items() if p is not None}
    return dict(zip(known, holm(list(known.values())).tolist(), strict=True))


def strongest(row: BoardRow, names: Sequence[str]) -> str | None:
    """The valid attack that gains most for sure; None where there is none."""
    valid = [n for n in names if n in row.attacks and row.attacks[n].verdict not in ("invalid", "missing")]
    return max(valid, key=lambda name: row.attacks[name].headline.margin, default=None)


def strength_text(attack: AttackSummary) -> str:
    """The strength of the same attack where there is something to find."""
    head, planted = attack.headline, attack.strength
    if planted is None or planted.estimate.value is None:
        reason = planted.estimate.missing if planted else None
        return f"strength not shown{f': {reason}' if reason else ''}"
    figure = f"{head.label} {formats.with_interval(planted.estimate, 2, head.shown_unit)}"
    if attack.power == "shown":
        return f"finds what is planted with {figure} ({planted.planted})"
    return f"does not find even what is planted: {figure} ({planted.planted})"


def figure(attack: AttackSummary) -> str:
    """The headline with its interval, or why there is none."""
    head = attack.headline
    if head.estimate.value is None:
        return attack.missing
    signed = not head.bounded
    return f"{head.label} {formats.with_interval(head.estimate, 2, head.shown_unit, signed=signed)}"


def rates(attack: AttackSummary) -> list[str]:
    """`TPR 0.31 at FPR 0.0080` for every strict operating point that was not refused; the FPR is the realised one."""
    return [
        f"TPR {formats.number(p.tpr.value, 2)} at FPR {formats.number(p.fpr_realised, 4)}"
        for p in attack.points
        if p.tpr.value is not None and p.fpr_target < 0.1
    ]


def powers(rows: Sequence[BoardRow], names: Sequence[str]) -> dict[str, list[str]]:
    """`shown`, `not found`, `unknown` -> attacks, by the best that is known of each on these rows."""
    by_power: dict[str, list[str]] = {"shown": [], "not found": [], "unknown": []}
    for name in names:
        known: set[str] = {row.attacks[name].power for row in rows if name in row.attacks}
        best = next((power for power in by_power if power in known), None)
        if best is not None:
            by_power[best].append(name)
    return by_power


def _p(attack: AttackSummary) -> float | None:
    head = attack.headline
    return p_of(head.estimate, head.chance, bounded=head.bounded)


def _place(order: Sequence[str], name: str) -> tuple[int, str]:
    return (order.index(name), "") if name in order else (len(order), name)


def _label(row: BoardRow) -> str:
    return row.label

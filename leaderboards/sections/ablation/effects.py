"""Main effects and interactions of a two-level factorial design, paired by seed, client and clip.

The convention is that of Box, Hunter and Hunter (Statistics for Experimenters, 2nd ed. 2005, chapter 5). A factor is
+1 where it is present and -1 where it is absent; the sign of a term in a cell is the product of its factors' signs;
and the effect is the mean of the cells with sign + minus the mean of those with sign -:

- a main effect is the mean, over all settings of the other factors, of (present - absent);
- an interaction of two is half of the difference between one factor's effect where the other is present and where it
  is absent: zero where the two add up; of three likewise, by the interactions of two.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import NamedTuple

from privtalk.core.records import Estimate
from privtalk.leaderboards.board import columns
from privtalk.leaderboards.board.model import Board, BoardRow, Verdict, verdict
from privtalk.leaderboards.board.statistics import Difference, Scores, contrast, holm, p_of
from privtalk.leaderboards.sections.ablation.design import Design, States
from privtalk.leaderboards.sections.attacks.attack_board import AttackBoard

ALPHA = 0.05
TIMES = " × "
Term = tuple[int, ...]
"""Places of the factors that a term is of."""


class Outcome(NamedTuple):
    """A figure that effects are taken on: a metric, or the AUC of an attack."""

    name: str
    label: str
    unit: str
    sign: int
    """+1 where more is better, -1 where less is; of an attack the defender's."""
    digits: int
    family: str
    attack: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One term's effect on one measure."""

    term: Term
    difference: Difference
    adjusted: float | None
    """p-value after Holm's correction over all terms and measures of the design."""
    verdict: Verdict | None
    """Level where the interval holds zero or chance explains it; None where there is nothing to tell by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """All effects of a design without missing cells."""

    design: Design
    terms: tuple[Term, ...]
    measures: tuple[Outcome, ...]
    cells: Mapping[tuple[Term, str], Effect]
    """By term and name of the measure."""

    def named(self, term: Term) -> str:
        """A term in words."""
        return TIMES.join(self.design.factors[place].label for place in term)

    def of(self, term: Term) -> list[Effect]:
        """A term's effects, measure by measure."""
        return [self.cells[term, measure.name] for measure in self.measures]


def effects(board: Board, design: Design, attacks: AttackBoard | None = None) -> Effects:
    """Every main effect and interaction on the headline, the families' main metrics and the AUC of attacks."""
    measures = (*metrics_of(board), *_attacks_of(attacks or AttackBoard(board), design))
    terms = terms_of(len(design.factors))
    found: dict[tuple[Term, str], Difference] = {}
    for measure in measures:
        take = (
            _attack_effect(design, measure.name) if measure.attack else _effect(board, design, measure.name)
        )
        found |= {(term, measure.name): take(term) for term in terms}
    return Effects(
        design=design,
        terms=terms,
        measures=measures,
        cells=_judged(found, {m.name: m.sign for m in measures}),
    )


def terms_of(count: int) -> tuple[Term, ...]:
    """All terms of some factors, main effects first.

    >>> terms_of(2)
    ((0,), (1,), (0, 1))
    """
    return tuple(term for size in range(1, count + 1) for term in combinations(range(count), size))


def sign(term: Term, states: States) -> int:
    """The sign of a cell in a term's effect.

    >>> sign((0,), (True, False)), sign((0, 1), (True, False)), sign((0, 1), (False, False))
    (1, -1, 1)
    """
    return math.prod(1 if states[place] else -1 for place in term)


def effect(cells: Mapping[States, Scores], term: Term) -> Difference:
    """The effect of a term, of the scores in every cell of a design.

    >>> cells = {(False,): {(0, "ann", "x"): 1.0}, (True,): {(0, "ann", "x"): 3.0}}
    >>> effect(cells, (0,)).value
    2.0
    """
    plus, minus = ([s for states, s in cells.items() if sign(term, states) == way] for way in (1, -1))
    return contrast(plus, minus)


def effect_of_estimates(cells: Mapping[States, Estimate], term: Term) -> Difference:
    """The effect of a term where cells have a value and an interval alone.

    The half-intervals are added as those of independent values; values of the same people under the same attack go
    up and down together, so that the interval is rather too wide than too narrow.
    """
    count = len(cells) // 2
    total = spread = 0.0
    for states, cell in cells.items():
        if cell.value is None or cell.low is None or cell.high is None:
            return Difference(missing=cell.missing or "a cell has no interval")
        total += sign(term, states) * cell.value / count
        spread += ((cell.high - cell.low) / 2 / count) ** 2
    half, clusters = math.sqrt(spread), min(cell.clusters for cell in cells.values())
    made = Difference(
        value=total,
        low=total - half,
        high=total + half,
        n=min(c.n for c in cells.values()),
        clusters=clusters,
    )
    return replace(made, p=p_of(made.estimate(), 0.0, bounded=False))


def metrics_of(board: Board) -> list[Outcome]:
    """The headline and the families' main metrics."""
    main = [metric for family in board.families for metric in columns.main(board, family)]
    lead = [board.metric(board.headline)] if board.headline else []
    return [
        Outcome(m.name, m.name, m.unit, m.sign, m.digits, m.family)
        for m in dict.fromkeys([*lead, *main])
        if m.sign
    ]


def _attacks_of(attacks: AttackBoard, design: Design) -> list[Outcome]:
    """The attack of every family and view that gains most on any row, where it is valid in every cell."""
    found = []
    for group in attacks.groups:
        name = attacks.spokesman(group)
        if name is not None and all(_usable(row, name) for row in design.rows.values()):
            label = f"AUC of {name.replace('_', ' ')}"
            found.append(Outcome(f"attack:{name}", label, "", -1, 2, "attacks", attack=True))
    return found


def _usable(row: BoardRow, attack: str) -> bool:
    known = row.attacks.get(attack)
    return known is not None and known.verdict not in ("invalid", "missing") and known.auc.low is not None


def _effect(board: Board, design: Design, metric: str) -> Callable[[Term], Difference]:
    cells = {states: board.scores[row.key].get(metric, {}) for states, row in design.rows.items()}
    return lambda term: effect(cells, term)


def _attack_effect(design: Design, name: str) -> Callable[[Term], Difference]:
    attack = name.partition(":")[2]
    cells = {states: row.attacks[attack].auc for states, row in design.rows.items()}
    return lambda term: effect_of_estimates(cells, term)


def _judged(
    found: Mapping[tuple[Term, str], Difference], signs: Mapping[str, int]
) -> dict[tuple[Term, str], Effect]:
    """Effects with their verdicts, after Holm's correction over all of them."""
    p_values = {key: apart.p for key, apart in found.items() if apart.p is not None}
    adjusted: Mapping[tuple[Term, str], float] = dict(
        zip(p_values, holm(list(p_values.values())).tolist(), strict=True)
    )
    return {
        key: Effect(
            term=key[0],
            difference=apart,
            adjusted=adjusted.get(key),
            verdict=_verdict(apart, adjusted.get(key), signs[key[1]]),
        )
        for key, apart in found.items()
    }


def _verdict(apart: Difference, p: float | None, sign_: int) -> Verdict | None:
    said = verdict(apart, sign_)
    return "level" if said is not None and (p is None or p >= ALPHA) else said


def shown(found: Sequence[Effect]) -> list[Effect]:
    """Those that are told from zero."""
    return [one for one in found if one.verdict in ("better", "worse")]

"""One attack on one row, over its seeds: its headline figure against chance, and what that figure may be taken for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from privtalk.core.display import Display
from privtalk.core.records import AttackResult, Control, Estimate, Measure, Privacy, Strength
from privtalk.leaderboards.board.ceilings import breaches, view_of
from privtalk.leaderboards.board.summaries import mean, pooled

CHANCE = 0.5
RATES = ("auc", "rate")
"""Units of headlines that lie between 0 and 1."""
LABELS = {
    "auc": "AUC",
    "rank1": "rank-1 rate",
    "source": "source named",
    "verification": "verification rate",
}
"""Headlines as people write them; others as the task writes its metrics."""
Roc = tuple[tuple[float, float], ...]
Curve = tuple[tuple[float, float], ...]
AttackVerdict = Literal["above chance", "at chance", "below chance", "invalid", "missing"]
Shown = Literal["shown", "not found", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """True-positive rate at a false-positive rate, averaged over seeds."""

    fpr_target: float
    fpr_realised: float | None
    tpr: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """The figure that a board shows of an attack."""

    name: str
    """`auc`, or the measure's name."""
    estimate: Estimate
    chance: float
    unit: str
    sign: Literal[1, -1]
    """+1 where more is to the attacker's gain."""
    about: str = ""
    called: str = ""
    """The name as people write it; empty where nobody was asked."""

    @property
    def label(self) -> str:
        """The name as people write it."""
        return self.called or LABELS.get(self.name, self.name.replace("_", " "))

    @property
    def bounded(self) -> bool:
        """A rate: intervals live on the logit scale."""
        return self.unit.lower() in RATES

    @property
    def shown_unit(self) -> str:
        """The unit where it says more than the label; empty for rates."""
        return "" if self.bounded or self.unit in (self.name, self.label) else self.unit

    @property
    def margin(self) -> float:
        """The least gain of the attacker, by the interval's nearer end: for rates as a share of all there is.

        Orders attacks of a family; a noisy lucky one comes after a sure one.
        """
        end = self.estimate.low if self.sign > 0 else self.estimate.high
        bound = self.estimate.value if end is None else end
        if bound is None:
            return float("-inf")
        gain = self.sign * (bound - self.chance)
        room = 1 - self.chance if self.sign > 0 else self.chance
        return gain / room if self.bounded and room > 0 else gain


@dataclass(frozen=True, slots=True, kw_only=True)
class AttackSummary:
    """One attack on one row."""

    view: str
    statistic: str
    positives: int
    negatives: int
    auc: Estimate
    advantage: Estimate
    points: tuple[Point, ...]
    rocs: tuple[tuple[int, Roc], ...]
    """(seed, curve)."""
    controls: dict[str, Control]
    valid: bool
    headline: Headline
    verdict: AttackVerdict
    """The verdict of the headline, given that the controls held."""
    breaches: tuple[str, ...]
    """Operating points that lie above the ceiling of the claimed guarantee: a bug in one of the two."""
    family: str = "membership"
    source: str = ""
    footage: str = "fresh"
    measures: Mapping[str, Measure]
    curves: Mapping[str, Curve]
    """Series -> points, averaged over the seeds that have them."""
    strength: Strength | None
    runs: int = 1
    """Records behind it."""

    @property
    def missing(self) -> str:
        """Why there is no headline; empty where there is one."""
        estimate = self.headline.estimate
        return "" if estimate.value is not None else estimate.missing or "no reason recorded"

    @property
    def power(self) -> Shown:
        """Whether the attack is known to find what is planted: `unknown` where nobody looked."""
        if self.strength is None or self.strength.estimate.value is None:
            return "unknown"
        found = verdict_of(self._planted, valid=True)
        return "shown" if found == "above chance" else "not found" if found != "missing" else "unknown"

    @property
    def _planted(self) -> Headline:
        estimate = self.strength.estimate if self.strength else Estimate(missing="strength not shown")
        head = self.headline
        return Headline(
            name=head.name,
            estimate=estimate,
            chance=head.chance,
            unit=head.unit,
            sign=head.sign,
            called=head.called,
        )


def attack_summary(
    results: Sequence[tuple[int, AttackResult]], privacy: Sequence[Privacy], display: Display | None = None
) -> AttackSummary:
    """Merge the (seed, result) pairs of one attack on one row; `privacy` belongs to the same records."""
    attacks = [result for _, result in results]
    first = attacks[0]
    valid = all(a.valid for a in attacks)
    head = headline_of(attacks, display)
    return AttackSummary(
        view=view_of(first.view),
        statistic=first.statistic,
        positives=sum(a.positives for a in attacks),
        negatives=sum(a.negatives for a in attacks),
        auc=pooled([a.auc for a in attacks]),
        advantage=pooled([a.advantage for a in attacks]),
        points=_points(attacks),
        rocs=tuple((seed, result.roc) for seed, result in results if result.roc),
        controls=_controls(attacks),
        valid=valid,
        headline=head,
        verdict=verdict_of(head, valid=valid),
        breaches=tuple(b for a, p in zip(attacks, privacy, strict=True) for b in breaches(a, p)),
        family=first.family,
        source=first.source,
        footage=first.footage,
        measures=_measures(attacks),
        curves=_curves(attacks),
        strength=_strength(attacks),
        runs=len(attacks),
    )


def headline_of(attacks: Sequence[AttackResult], display: Display | None = None) -> Headline:
    """The measure that the attack's first record declares its headline, pooled over seeds."""
    name = attacks[0].headline
    if name == "auc":
        auc = pooled([a.auc for a in attacks])
        return Headline(name=name, estimate=auc, chance=CHANCE, unit="AUC", sign=1)
    known = [a.measures[name] for a in attacks if name in a.measures]
    without = next((a for a in attacks if name not in a.measures), attacks[0])
    lacking = Estimate(missing=without.auc.missing or f"{name} is not in the record")
    estimate = pooled([m.estimate for m in known]) if len(known) == len(attacks) else lacking
    called = LABELS.get(name) or (display or Display()).metric_label(name)
    if not known:
        return Headline(name=name, estimate=estimate, chance=0.0, unit="", sign=1, called=called)
    sign: Literal[1, -1] = 1 if known[0].direction == "higher" else -1
    return Headline(
        name=name,
        estimate=estimate,
        chance=mean(m.chance for m in known),
        unit=known[0].unit,
        sign=sign,
        about=known[0].about,
        called=called,
    )


def verdict_of(head: Headline, *, valid: bool) -> AttackVerdict:
    """The verdict of a figure, given that the controls held; `above` is always to the attacker's gain.

    >>> auc = Estimate(value=0.7, low=0.6, high=0.8)
    >>> verdict_of(Headline(name="auc", estimate=auc, chance=0.5, unit="AUC", sign=1), valid=True)
    'above chance'
    >>> verdict_of(Headline(name="auc", estimate=auc, chance=0.5, unit="AUC", sign=1), valid=False)
    'invalid'
    >>> nothing = Estimate(missing="none is released")
    >>> verdict_of(Headline(name="auc", estimate=nothing, chance=0.5, unit="AUC", sign=1), valid=False)
    'missing'
    """
    estimate = head.estimate
    if estimate.value is None:
        return "missing"
    if not valid:
        return "invalid"
    if estimate.low is None or estimate.high is None:
        return "missing"
    if estimate.low <= head.chance <= estimate.high:
        return "at chance"
    return "above chance" if (estimate.low > head.chance) == (head.sign > 0) else "below chance"


def _points(attacks: Sequence[AttackResult]) -> tuple[Point, ...]:
    """Operating points that every seed has, in the order of their targets."""
    shared = set.intersection(*({p.fpr_target for p in a.points} for a in attacks))
    rows = []
    for target in sorted(shared, reverse=True):
        same = [p for a in attacks for p in a.points if p.fpr_target == target]
        realised = [p.fpr_realised for p in same if p.fpr_realised is not None]
        rows.append(
            Point(
                fpr_target=target,
                fpr_realised=mean(realised) if len(realised) == len(same) else None,
                tpr=pooled([p.tpr for p in same]),
            )
        )
    return tuple(rows)


def _controls(attacks: Sequence[AttackResult]) -> dict[str, Control]:
    """Every control by name; it passes where it passed in each seed that ran it."""
    merged = {}
    for name in sorted({name for a in attacks for name in a.controls}):
        runs = [a.controls[name] for a in attacks if name in a.controls]
        merged[name] = Control(auc=pooled([c.auc for c in runs]), passed=all(c.passed for c in runs))
    return merged


def _measures(attacks: Sequence[AttackResult]) -> dict[str, Measure]:
    """Measures that every seed has, pooled."""
    shared = [name for name in attacks[0].measures if all(name in a.measures for a in attacks)]
    return {
        name: attacks[0]
        .measures[name]
        .model_copy(
            update={
                "estimate": pooled([a.measures[name].estimate for a in attacks]),
                "chance": mean(a.measures[name].chance for a in attacks),
            }
        )
        for name in shared
    }


def _curves(attacks: Sequence[AttackResult]) -> dict[str, Curve]:
    """Means over seeds, point by point: the last one's x may differ, where it is the size of a whole cohort."""
    runs: dict[str, list[Curve]] = defaultdict(list)
    for attack in attacks:
        for name, points in attack.curves.items():
            runs[name].append(points)
    return {name: _mean_curve(curves) for name, curves in runs.items()}


def _mean_curve(curves: Sequence[Curve]) -> Curve:
    longest = max(map(len, curves))
    same = [curve for curve in curves if len(curve) == longest]
    return tuple(
        (mean(x for x, _ in points), mean(y for _, y in points)) for points in zip(*same, strict=True)
    )


def _strength(attacks: Sequence[AttackResult]) -> Strength | None:
    """Strength over the seeds that looked."""
    known = [a.strength for a in attacks if a.strength is not None and a.strength.estimate.value is not None]
    if not known:
        return next((a.strength for a in attacks if a.strength is not None), None)
    return Strength(estimate=pooled([s.estimate for s in known]), planted=known[0].planted)

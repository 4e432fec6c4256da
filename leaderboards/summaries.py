"""One row's attacks and guarantees over its seeds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from scipy.stats import beta

from privtalk.bench.records import AttackResult, Control, Estimate, Privacy

CHANCE = 0.5
Roc = tuple[tuple[float, float], ...]
AttackVerdict = Literal["above chance", "at chance", "below chance", "invalid", "missing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """True-positive rate at a false-positive rate, averaged over seeds."""

    fpr_target: float
    fpr_realised: float | None
    tpr: Estimate


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
    verdict: AttackVerdict
    breaches: tuple[str, ...]
    """Operating points that lie above the ceiling of the claimed guarantee: a bug in one of the two."""


def pooled(estimates: Sequence[Estimate]) -> Estimate:
    """Mean over seeds of estimates that cannot be pooled sample by sample.

    The bounds are averaged too: whatever the dependence between seeds, the standard error of a mean is at
    most the mean of the standard errors, so the interval is never too narrow on that account.

    >>> pooled([Estimate(value=1.0, low=0.0, high=2.0), Estimate(value=2.0, low=1.0, high=3.0)]).high
    2.5
    """
    missing = next((e.missing or "no reason recorded" for e in estimates if e.value is None), None)
    if not estimates or missing is not None:
        return Estimate(missing=missing or "not measured for this row")
    lows, highs = [e.low for e in estimates], [e.high for e in estimates]
    return Estimate(
        value=_mean(e.value for e in estimates),
        low=None if None in lows else _mean(lows),
        high=None if None in highs else _mean(highs),
        n=sum(e.n for e in estimates),
        clusters=max(e.clusters for e in estimates),
    )


def attack_summary(results: Sequence[tuple[int, AttackResult]], privacy: Sequence[Privacy]) -> AttackSummary:
    """Merge the (seed, result) pairs of one attack on one row; `privacy` belongs to the same records."""
    attacks = [result for _, result in results]
    first = attacks[0]
    auc = pooled([a.auc for a in attacks])
    valid = all(a.valid for a in attacks)
    return AttackSummary(
        view=first.view,
        statistic=first.statistic,
        positives=sum(a.positives for a in attacks),
        negatives=sum(a.negatives for a in attacks),
        auc=auc,
        advantage=pooled([a.advantage for a in attacks]),
        points=_points(attacks),
        rocs=tuple((seed, result.roc) for seed, result in results),
        controls=_controls(attacks),
        valid=valid,
        verdict=attack_verdict(auc, valid=valid),
        breaches=tuple(b for a, p in zip(attacks, privacy, strict=True) for b in breaches(a, p)),
    )


def attack_verdict(auc: Estimate, *, valid: bool) -> AttackVerdict:
    """What an AUC says, given that the controls held.

    >>> attack_verdict(Estimate(value=0.7, low=0.6, high=0.8), valid=True)
    'above chance'
    >>> attack_verdict(Estimate(value=0.7, low=0.6, high=0.8), valid=False)
    'invalid'
    >>> attack_verdict(Estimate(missing="none is released"), valid=False)
    'missing'
    """
    if auc.value is None:
        return "missing"
    if not valid:
        return "invalid"
    if auc.low is None or auc.high is None:
        return "missing"
    if auc.low > CHANCE:
        return "above chance"
    return "below chance" if auc.high < CHANCE else "at chance"


def ceiling(fpr: float, epsilon: float, delta: float) -> float:
    """Highest true-positive rate that (ε, δ)-DP allows at a false-positive rate.

    Both bounds of Kairouz et al. (2015), theorem 2.1: TPR <= e^ε FPR + δ and 1 - FPR <= e^ε (1 - TPR) + δ.

    >>> round(ceiling(0.1, 0.0, 0.0), 6), round(ceiling(0.5, 10.0, 0.0), 3)
    (0.1, 1.0)
    """
    growth = math.exp(min(epsilon, 700.0))
    return min(1.0, growth * fpr + delta, 1 - (1 - fpr - delta) / growth)


def breaches(attack: AttackResult, privacy: Privacy) -> list[str]:
    """Operating points whose lower TPR bound exceeds the ceiling at the upper bound (97.5 %) of their FPR."""
    epsilon = privacy.epsilons.outsider
    if not privacy.guarantee or epsilon is None or privacy.delta is None:
        return []
    found = []
    for point in attack.points:
        if point.fpr_realised is None or point.tpr.low is None:
            continue
        highest = ceiling(_upper(point.fpr_realised, attack.negatives), epsilon, privacy.delta)
        if point.tpr.low > highest:
            found.append(f"TPR >= {point.tpr.low:.3f} at FPR {point.fpr_realised:.3f}, ceiling {highest:.3f}")
    return found


def privacy_summary(privacies: Sequence[Privacy]) -> Privacy:
    """The weakest guarantee over seeds: no guarantee if any seed has none, else the largest of each ε."""
    weakest = next((p for p in privacies if not p.guarantee), privacies[0])
    if not weakest.guarantee:
        return weakest
    return weakest.model_copy(
        update={
            "epsilons": weakest.epsilons.model_copy(
                update={
                    name: _worst(getattr(p.epsilons, name) for p in privacies)
                    for name in ("server", "secure_aggregation", "outsider")
                }
            ),
            "delta": _worst(p.delta for p in privacies),
        }
    )


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
                fpr_realised=_mean(realised) if len(realised) == len(same) else None,
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


def _upper(rate: float, n: int) -> float:
    """Clopper-Pearson upper bound, one-sided 97.5 %, of a rate observed over n."""
    hits = round(rate * n)
    return 1.0 if hits >= n else float(beta.ppf(0.975, hits + 1, n - hits))


def _mean(values: Iterable[float | None]) -> float:
    present = [value for value in values if value is not None]
    return sum(present) / len(present)


def _worst(values: Iterable[float | None]) -> float | None:
    """Largest value; None (no guarantee) wins over any."""
    present = list(values)
    return None if None in present else max(value for value in present if value is not None)

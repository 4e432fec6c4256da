"""From scores of members and non-members to what a record states about a membership attack."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from privtalk.attacks.roc import Rates, auc_interval, corners, logit_interval, newcombe_interval, roc_curve
from privtalk.core.intervals import LEVEL, Interval, clopper_pearson

FPR_TARGETS = (0.1, 0.01, 0.001)


@dataclass(frozen=True, kw_only=True)
class RatePoint:
    """True-positive rate at the lowest threshold whose false-positive rate does not exceed the target."""

    fpr_target: float
    fpr_realised: float | None = None
    threshold: float | None = None
    """None where the point is refused, or where no finite threshold is strict enough."""
    tpr: Interval


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """A membership attack on n members and m non-members."""

    positives: int
    negatives: int
    auc: Interval
    advantage: Interval
    points: tuple[RatePoint, ...]
    roc: tuple[tuple[float, float], ...]
    """(FPR, TPR) corners of the empirical curve."""


def evaluate(members: ArrayLike, nonmembers: ArrayLike, level: float = LEVEL) -> Evaluation:
    """Evaluate scores [n] of members and [m] of non-members; larger means "member".

    >>> result = evaluate([3.0, 2.0], [1.0, 2.0])
    >>> result.auc.value, result.points[2].tpr.missing
    (0.875, 'needs at least 1000 non-members, there are 2')
    """
    n, m = np.size(members), np.size(nonmembers)
    curve = roc_curve(members, nonmembers)
    return Evaluation(
        positives=n,
        negatives=m,
        auc=auc_interval(members, nonmembers, level),
        advantage=advantage(curve, n, m, level),
        points=tuple(operating_point(curve, target, n, m, level) for target in FPR_TARGETS),
        roc=corners(curve),
    )


def evaluate_pairs(own: ArrayLike, strangers: ArrayLike, level: float = LEVEL) -> Evaluation:
    """Evaluate scores of pairs (client, person): `own` [n] of each client with the person behind it, `strangers`
    [n, m] with m people who took no part.

    The AUC is the mean over clients and strangers of 1[own_k > stranger_kq], ties half. Clients share their strangers:
    the variance is that of a two-sample U-statistic (DeLong et al. 1988), from its means over clients and over
    strangers. Rates pool all pairs, so that a target of 1 % needs 100 strangers and not 100 pairs; the interval of a
    TPR is over the n clients.

    >>> result = evaluate_pairs([3.0, 2.0], [[1.0, 2.0], [0.0, 1.0]])
    >>> result.auc.value, result.positives, result.negatives
    (1.0, 2, 2)
    """
    x, y = np.asarray(own, dtype=np.float64), np.asarray(strangers, dtype=np.float64)
    if x.ndim != 1 or y.ndim != 2 or len(x) != len(y) or not y.size:
        raise ValueError(f"own {x.shape} and strangers {y.shape}: need scores [n] and [n, m]")
    n, m = y.shape
    curve = roc_curve(x, y.ravel())
    return Evaluation(
        positives=n,
        negatives=m,
        auc=pair_auc_interval(x, y, level),
        advantage=advantage(curve, n, m, level),
        points=tuple(operating_point(curve, target, n, m, level) for target in FPR_TARGETS),
        roc=corners(curve),
    )


def pair_auc_interval(
    own: NDArray[np.float64], strangers: NDArray[np.float64], level: float = LEVEL
) -> Interval:
    """AUC of `evaluate_pairs` with its interval, on the logit scale."""
    wins = (own[:, None] > strangers) + 0.5 * (own[:, None] == strangers)
    n, m = wins.shape
    value = float(wins.mean())
    if min(n, m) < 2:
        return Interval(value=value, n=n + m, clusters=n + m)
    variance = wins.mean(1).var(ddof=1) / n + wins.mean(0).var(ddof=1) / m
    if variance > 0 and 0 < value < 1:
        return logit_interval(value, float(variance), n + m, level)
    return newcombe_interval(value, n, m, level)


def operating_point(
    curve: tuple[Rates, ...], target: float, n: int, m: int, level: float = LEVEL
) -> RatePoint:
    """TPR at an FPR of at most `target`, with its Clopper-Pearson interval over the n members.

    Refused below 1 / target non-members, of whom not one may then be called a member.
    """
    least = math.ceil(1 / target)
    if m < least:
        reason = f"needs at least {least} non-members, there are {m}"
        return RatePoint(fpr_target=target, tpr=Interval(missing=reason))
    best = [rates for rates in curve if rates.fpr <= target][-1]
    return RatePoint(
        fpr_target=target,
        fpr_realised=best.fpr,
        threshold=best.threshold if math.isfinite(best.threshold) else None,
        tpr=clopper_pearson(round(best.tpr * n), n, level),
    )


def advantage(curve: tuple[Rates, ...], n: int, m: int, level: float = LEVEL) -> Interval:
    """max over thresholds of TPR - FPR, chosen on the same scores: optimistic, above 0 even at chance.

    Its interval is the Dvoretzky-Kiefer-Wolfowitz-Massart band of both empirical distributions, which holds
    for all thresholds at once and therefore pays for the choice; it is wide.
    """
    value = max(rates.tpr - rates.fpr for rates in curve)
    half = sum(math.sqrt(math.log(4 / (1 - level)) / (2 * size)) for size in (n, m))
    low, high = max(value - half, 0.0), min(value + half, 1.0)
    return Interval(value=value, low=low, high=high, n=n + m, clusters=n + m)

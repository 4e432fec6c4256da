"""ROC analysis of a membership attack: plain numbers, honest intervals.

Scores are one a person; larger means "member". n members, m non-members.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.stats import norm, rankdata
from sklearn import metrics

from privtalk.core.intervals import LEVEL, Interval

Values = NDArray[np.float64]


class Rates(NamedTuple):
    """The effect of one threshold: a person is called a member where the score is at least the threshold."""

    threshold: float
    fpr: float
    tpr: float


def auc(members: ArrayLike, nonmembers: ArrayLike) -> float:
    """Probability that a random member scores above a random non-member, ties counting half.

    >>> auc([3, 2], [1, 2]), auc([1, 1], [1, 1])
    (0.875, 0.5)
    """
    return float(_placements(_scores(members, "members"), _scores(nonmembers, "non-members"))[0].mean())


def auc_interval(members: ArrayLike, nonmembers: ArrayLike, level: float = LEVEL) -> Interval:
    """AUC with DeLong's (1988) interval on the logit scale (coverage .94-.96 from 20 + 20 people up).

    DeLong's variance is zero where all scores tie or the groups separate perfectly, although finite groups
    never prove an AUC of exactly .5 or 1. There the interval is Newcombe's (2006, method 5): the AUCs that a
    score test with Hanley and McNeil's variance does not reject.
    """
    x, y = _scores(members, "members"), _scores(nonmembers, "non-members")
    over, under = _placements(x, y)
    value, people = float(over.mean()), len(x) + len(y)
    if min(len(x), len(y)) < 2:
        return Interval(value=value, n=people, clusters=people)
    variance = over.var(ddof=1) / len(x) + under.var(ddof=1) / len(y)
    if variance > 0 and 0 < value < 1:
        return logit_interval(value, float(variance), people, level)
    return newcombe_interval(value, len(x), len(y), level)


def logit_interval(value: float, variance: float, people: int, level: float = LEVEL) -> Interval:
    """An AUC in (0, 1) with its interval on the logit scale, from its variance."""
    z = float(norm.ppf((1 + level) / 2))
    centre, half = np.log(value / (1 - value)), z * np.sqrt(variance) / (value * (1 - value))
    low, high = (1 / (1 + np.exp(-np.array([centre - half, centre + half])))).tolist()
    return Interval(value=value, low=low, high=high, n=people, clusters=people)


def newcombe_interval(value: float, n: int, m: int, level: float = LEVEL) -> Interval:
    """An AUC of n against m with `newcombe`'s bounds, for scores whose own variance says nothing."""
    low, high = newcombe(value, n, m, float(norm.ppf((1 + level) / 2)))
    return Interval(value=value, low=low, high=high, n=n + m, clusters=n + m)


def newcombe(value: float, n: int, m: int, z: float) -> tuple[float, float]:
    """AUCs θ with |value - θ| <= z √V(θ), V by Hanley and McNeil (1982) with both groups at their mean size.

    >>> [round(bound, 3) for bound in newcombe(1.0, 50, 50, 1.96)]
    [0.96, 1.0]
    """
    size = (n + m) / 2 - 1

    def excess(theta: float) -> float:
        spread = theta * (1 - theta) * (1 + size * (1 - theta) / (2 - theta) + size * theta / (1 + theta))
        return (value - theta) ** 2 - z**2 * spread / (n * m)

    first, last = 1e-9, 1 - 1e-9
    middle = min(max(value, first), last)
    low = brentq(excess, first, middle) if excess(first) > 0 else 0.0
    high = brentq(excess, middle, last) if excess(last) > 0 else 1.0
    return float(low), float(high)


def roc_curve(members: ArrayLike, nonmembers: ArrayLike) -> tuple[Rates, ...]:
    """Every distinct threshold from +∞ (nobody is called a member) down to the smallest score (everybody is).

    >>> [(rates.fpr, rates.tpr) for rates in roc_curve([3, 2], [1, 2])]
    [(0.0, 0.0), (0.0, 0.5), (0.5, 1.0), (1.0, 1.0)]
    """
    x, y = _scores(members, "members"), _scores(nonmembers, "non-members")
    labels = np.arange(len(x) + len(y)) < len(x)
    fpr, tpr, thresholds = metrics.roc_curve(labels, np.concatenate([x, y]), drop_intermediate=False)
    return tuple(map(Rates._make, zip(thresholds.tolist(), fpr.tolist(), tpr.tolist(), strict=True)))


def corners(curve: tuple[Rates, ...]) -> tuple[tuple[float, float], ...]:
    """(FPR, TPR) of a curve without the points on straight lines between their neighbours; same area.

    >>> corners(roc_curve([4, 3, 2], [1, 2]))
    ((0.0, 0.0), (0.0, 0.6666666666666666), (0.5, 1.0), (1.0, 1.0))
    """
    points = [(rates.fpr, rates.tpr) for rates in curve]
    kept = points[:1]
    for before, point, after in zip(points, points[1:], points[2:], strict=False):
        horizontal = before[1] == point[1] == after[1]
        vertical = before[0] == point[0] == after[0]
        if not horizontal and not vertical:
            kept.append(point)
    return (*kept, points[-1])


def _placements(x: Values, y: Values) -> tuple[Values, Values]:
    """([n], [m]): each member's share of non-members below it, each non-member's of members above it."""
    n, m = len(x), len(y)
    ranks = rankdata(np.concatenate([x, y]))
    over = (ranks[:n] - rankdata(x)) / m
    under = 1 - (ranks[n:] - rankdata(y)) / n
    return over, under


def _scores(values: ArrayLike, group: str) -> Values:
    scores = np.asarray(values, dtype=np.float64)
    if scores.ndim != 1 or not scores.size or not np.isfinite(scores).all():
        raise ValueError(f"scores of the {group} must be a non-empty list of finite numbers, one a person")
    return scores

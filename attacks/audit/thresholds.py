"""Thresholds that do not depend on the scores they are counted on.

A bound that is maximised over thresholds on the very scores it certifies is not a bound: on scores that say nothing it
is positive far more often than its level allows (shown in the tests). So a share of the scores is spent on the choice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from privtalk.attacks.audit.bounds import Bounds, Counts, Values, epsilon_low, rate_bounds
from privtalk.core.intervals import LEVEL

Objective = Callable[[Bounds], Values]
"""The quantity that a threshold is chosen to maximise, of the rates that it certifies on the split."""


class Split(NamedTuple):
    """A threshold, and the scores that had no part in its choice."""

    threshold: float
    members: Values
    nonmembers: Values

    @property
    def counts(self) -> Counts:
        return count(self.members, self.nonmembers, self.threshold)


def count(members: ArrayLike, nonmembers: ArrayLike, threshold: float) -> Counts:
    """Counts of scores at or above a threshold that was fixed beforehand.

    >>> count([3.0, 1.0], [2.0, 0.0, -1.0], 2.0)
    Counts(true_positives=1, positives=2, false_positives=1, negatives=3)
    """
    x, y = _scores(members), _scores(nonmembers)
    return Counts(
        true_positives=int((x >= threshold).sum()),
        positives=len(x),
        false_positives=int((y >= threshold).sum()),
        negatives=len(y),
    )


def best_threshold(
    members: ArrayLike, nonmembers: ArrayLike, objective: Objective, level: float = LEVEL
) -> float:
    """The threshold that maximises the objective on these scores, halfway to the next lower score; of equals, the one
    of most TPR − FPR. Never certify anything on the same scores.

    >>> from privtalk.attacks.audit.bounds import mu_low
    >>> best_threshold([3.0, 4.0], [1.0, 0.0], mu_low)
    2.0
    """
    x, y = np.sort(_scores(members)), np.sort(_scores(nonmembers))
    known = np.unique(np.concatenate([x, y]))
    tp = len(x) - np.searchsorted(x, known)
    fp = len(y) - np.searchsorted(y, known)
    value = objective(rate_bounds(tp, len(x), fp, len(y), level))
    best = int(np.lexsort((tp / len(x) - fp / len(y), value))[-1])
    return float((known[best] + known[best - 1]) / 2) if best else float(known[0])


def threshold_by_split(
    members: ArrayLike,
    nonmembers: ArrayLike,
    generator: torch.Generator,
    *,
    objective: Objective,
    share: float = 0.5,
    level: float = LEVEL,
) -> Split:
    """Draws a share of both groups of scores [n] and [m], chooses on it, and keeps the rest for counting."""
    x, chosen_x = _divided(_scores(members), share, generator)
    y, chosen_y = _divided(_scores(nonmembers), share, generator)
    return Split(best_threshold(chosen_x, chosen_y, objective, level), x, y)


def at_delta(delta: float) -> Objective:
    """The objective of `clopper_pearson_bound` at δ; that of `gaussian_dp_bound` is `bounds.mu_low`."""
    return lambda bounds: epsilon_low(bounds, delta)


def _divided(scores: Values, share: float, generator: torch.Generator) -> tuple[Values, Values]:
    """(rest, drawn share), each of at least one score."""
    taken = round(share * len(scores))
    if not 0 < taken < len(scores):
        raise ValueError(
            f"a share of {share:g} of {len(scores)} scores leaves no two groups; give more scores"
        )
    order: NDArray[np.int64] = torch.randperm(len(scores), generator=generator).numpy()
    return scores[order[taken:]], scores[order[:taken]]


def _scores(values: ArrayLike) -> Values:
    scores = np.asarray(values, dtype=np.float64)
    if scores.ndim != 1 or not scores.size or not np.isfinite(scores).all():
        raise ValueError("scores must be a non-empty list of finite numbers, one a canary or round")
    return scores

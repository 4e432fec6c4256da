"""Certified lower bounds on ε from how often a threshold on scores is right.

Two worlds, a canary in or out; it is called a member where the score is at least the threshold. If the mechanism is
(ε, δ)-DP, then TPR ≤ e^ε FPR + δ and TNR ≤ e^ε FNR + δ (Kairouz, Oh and Viswanath 2015, theorem 2.1). With one joint
event of the given level, TPR ≥ TPR_L and FPR ≤ FPR_U (Clopper-Pearson, half of the error for each), all four rates are
bounded, as TNR_L = 1 − FPR_U and FNR_U = 1 − TPR_L. So both directions, every δ and the Gaussian bound hold at once:

    ε_L = ln max((TPR_L − δ) / FPR_U, (TNR_L − δ) / FNR_U)       (Nasr et al. 2021; Jagielski, Ullman and Oprea 2020)
    μ_L = Φ⁻¹(1 − FPR_U) − Φ⁻¹(FNR_U)                            (Nasr et al. 2023, equation 3; assumes μ-GDP)

The threshold must not depend on the scores that are counted: fix it beforehand, or see `thresholds`. Scores must be
independent given their world: separate rounds, or canaries that do not disturb each other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainccinv, betaincinv, ndtri

from privtalk.core.intervals import LEVEL
from privtalk.methods.privacy.accounting.gaussian import gaussian_epsilon

GAUSSIAN = "the mechanism's trade-off curve is that of a Gaussian (μ-GDP)"

Values = NDArray[np.float64]


class Bounds(NamedTuple):
    """Rates that hold together at the level; arrays of one shape."""

    tpr_low: Values
    fpr_high: Values


@dataclass(frozen=True, kw_only=True)
class Counts:
    """The outcome of one threshold."""

    true_positives: int
    positives: int
    """Scores with the canary in."""
    false_positives: int
    negatives: int
    """Scores with the canary out."""

    def __post_init__(self) -> None:
        for hits, trials in ((self.true_positives, self.positives), (self.false_positives, self.negatives)):
            if not 0 <= hits <= trials or trials == 0:
                raise ValueError(
                    f"{hits} hits in {trials} trials: need 0 <= hits <= trials and at least one trial"
                )

    @property
    def n(self) -> int:
        return self.positives + self.negatives


@dataclass(frozen=True, kw_only=True)
class CertifiedBound:
    """ε is at least `epsilon`, wrong with a chance of at most 1 − `confidence`."""

    name: str
    epsilon: float
    delta: float
    confidence: float
    n: int
    """Scores or guesses behind it."""
    assumption: str | None = None
    """The assumption that it rests on beyond the confidence; None: nothing."""
    mu: float | None = None
    """μ of the Gaussian curve, where the bound is one on μ."""


def rate_bounds(
    true_positives: ArrayLike,
    positives: int,
    false_positives: ArrayLike,
    negatives: int,
    level: float = LEVEL,
) -> Bounds:
    """Clopper-Pearson bounds of both rates, jointly at `level`; counts are arrays of one shape.

    >>> found = rate_bounds(500, 500, 0, 500)
    >>> round(float(found.tpr_low), 4), round(float(found.fpr_high), 4)
    (0.9926, 0.0074)
    """
    tp, fp = np.asarray(true_positives, dtype=np.float64), np.asarray(false_positives, dtype=np.float64)
    tail = (1 - check_level(level)) / 2
    low = np.where(tp > 0, betaincinv(np.maximum(tp, 1), positives - tp + 1, tail), 0.0)
    high = np.where(fp < negatives, betainccinv(fp + 1, np.maximum(negatives - fp, 1), tail), 1.0)
    return Bounds(low, high)


def epsilon_low(bounds: Bounds, delta: float) -> Values:
    """ε_L ≥ 0 of either direction, for each pair of rates.

    >>> round(float(epsilon_low(rate_bounds(500, 500, 0, 500), 1e-5)), 2)
    4.91
    """
    members = (bounds.tpr_low - delta) / bounds.fpr_high
    others = (1 - bounds.fpr_high - delta) / (1 - bounds.tpr_low)
    return np.asarray(np.log(np.maximum(np.maximum(members, others), 1.0)))


def mu_low(bounds: Bounds) -> Values:
    """μ_L ≥ 0 for each pair of rates; 0 where either rate is unbounded.

    >>> round(float(mu_low(rate_bounds(500, 500, 0, 500))), 2)
    4.88
    """
    return np.asarray(np.maximum(ndtri(bounds.tpr_low) + ndtri(1 - bounds.fpr_high), 0.0))


def mu_epsilon(mu: float, delta: float) -> float:
    """ε(δ) of a μ-GDP mechanism: the Gaussian one with noise multiplier 1/μ.

    >>> mu_epsilon(0.0, 1e-5), round(mu_epsilon(1.0, 1e-5), 4)
    (0.0, 4.3772)
    """
    return gaussian_epsilon(1 / mu, 1, delta) if mu > 0 else 0.0


def clopper_pearson_bound(counts: Counts, delta: float, level: float = LEVEL) -> CertifiedBound:
    """The bound that assumes nothing about the mechanism. Its ceiling, under perfect separation of n in and n out,
    is about ln(n / ln(2 / (1 − level))).
    """
    epsilon = float(epsilon_low(_bounds(counts, level), check_delta(delta)))
    return CertifiedBound(name="clopper_pearson", epsilon=epsilon, delta=delta, confidence=level, n=counts.n)


def gaussian_dp_bound(counts: Counts, delta: float, level: float = LEVEL) -> CertifiedBound:
    """The bound that extrapolates one operating point along a Gaussian's trade-off curve."""
    mu = float(mu_low(_bounds(counts, level)))
    return CertifiedBound(
        name="gaussian_dp",
        epsilon=mu_epsilon(mu, check_delta(delta)),
        delta=delta,
        confidence=level,
        n=counts.n,
        assumption=GAUSSIAN,
        mu=mu,
    )


def _bounds(counts: Counts, level: float) -> Bounds:
    return rate_bounds(
        counts.true_positives, counts.positives, counts.false_positives, counts.negatives, level
    )


def check_level(level: float) -> float:
    """The confidence itself, where it lies in (0, 1)."""
    if not 0 < level < 1:
        raise ValueError(f"level is {level}, it must lie in (0, 1)")
    return level


def check_delta(delta: float) -> float:
    """δ itself, where it lies in [0, 1)."""
    if not (0 <= delta < 1 and math.isfinite(delta)):
        raise ValueError(f"delta is {delta}, it must lie in [0, 1)")
    return delta

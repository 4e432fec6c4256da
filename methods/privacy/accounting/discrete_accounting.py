"""The guarantee of discrete noise on the integer grid: Rényi curves, with the sensitivity after rounding.

Shape legend: d numbers in an update, n clients that share the noise of a round, s grid steps in the clip.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, get_args

from privtalk.methods.privacy.accounting.gaussian import check
from privtalk.methods.privacy.accounting.privacy_loss import SENSITIVITY, Sampling
from privtalk.methods.privacy.accounting.renyi import Curve, curve_epsilon, poisson_sampled

Family = Literal["skellam", "discrete_gaussian"]
DENOMINATOR = 2**20
"""The largest denominator of the noise multiplier as a fraction; it is rounded to one, and that one is accounted."""


def l2_bound(norm: float, dim: int) -> float:
    """Largest L2 norm that a vector of norm at most `norm` may have after rounding to whole numbers.

    √min(s² + d/4 + √(2 log 1/β) (s + √d/2), (s + √d)²) at β = e^−½ (Kairouz, Liu and Steinke 2021, proposition 22).

    >>> round(l2_bound(64, 1_000_000), 1)
    504.6
    """
    root = math.sqrt(dim)
    return math.sqrt(min(norm**2 + dim / 4 + norm + root / 2, (norm + root) ** 2))


def l1_bound(l2: float, dim: int) -> float:
    """Largest L1 norm of an integer vector [d] of L2 norm at most `l2`: min(√d Δ₂, Δ₂²), as |x| ≤ x² for whole x."""
    return min(math.sqrt(dim) * l2, l2 * l2)


def skellam_curve(variance: float, l2: float, l1: float) -> Curve:
    """Rényi curve of integer vectors plus Skellam noise of that variance a coordinate (theorem 3.5 and corollary).

    R(α) ≤ α Δ₂²/(2μ) + min(((2α − 1) Δ₂² + 6 Δ₁)/(4μ²), 3 Δ₁/(2μ)), α whole.
    """
    return lambda a: (
        a * l2 * l2 / (2 * variance)
        + min(((2 * a - 1) * l2 * l2 + 6 * l1) / (4 * variance**2), 3 * l1 / (2 * variance))
    )


def discrete_gaussian_curve(share_variance: float, shares: float, l2: float, l1: float, dim: int) -> Curve:
    """Rényi curve of integer vectors plus a sum of discrete Gaussians (proposition 14).

    With s² = n σ²: R(α) ≤ min(αΔ₂²/(2s²) + τd, α/2 (Δ₂²/s² + 2τΔ₁/s + τ²d), α/2 (Δ₂/s + τ√d)²).
    """
    total = shares * share_variance
    tau = sum_distance(share_variance, math.ceil(shares))
    l2, l1 = l2 / math.sqrt(total), l1 / math.sqrt(total)
    return lambda a: min(
        a * l2 * l2 / 2 + tau * dim,
        a / 2 * (l2 * l2 + 2 * tau * l1 + tau * tau * dim),
        a / 2 * (l2 + tau * math.sqrt(dim)) ** 2,
    )


def sum_distance(share_variance: float, shares: int) -> float:
    """τ = 10 Σ_{k=1}^{n−1} exp(−2π² σ² k/(k+1)): how far a sum of n discrete Gaussians is from one (theorem 9)."""
    return 10 * math.fsum(
        math.exp(-2 * math.pi**2 * share_variance * k / (k + 1)) for k in range(1, max(shares, 1))
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscreteNoise:
    """Noise of standard deviation z s on integer vectors [d] that were rounded from vectors of norm at most s."""

    family: Family
    noise_multiplier: float
    """z, of all shares together."""
    scale: int
    """s."""
    dim: int
    """d."""
    cohort: int
    """n."""

    def __post_init__(self) -> None:
        check(self.noise_multiplier, 1.0, 1, 0.5)
        if self.family not in get_args(Family):
            raise ValueError(f"family is {self.family!r}; valid: {', '.join(get_args(Family))}")
        for name in ("scale", "dim", "cohort"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, it must be at least 1")
        if self.noise_multiplier and not self.variance:
            raise ValueError(
                f"noise multiplier is {self.noise_multiplier:g}, it must be at least 1/{DENOMINATOR}"
            )

    @property
    def variance(self) -> Fraction:
        """(z s)² of all shares together, in grid steps squared."""
        return (Fraction(self.noise_multiplier).limit_denominator(DENOMINATOR) * self.scale) ** 2

    def curve(self, share: float, sampling: Sampling) -> Curve:
        """Rényi curve of one round without sampling, where only `share` of the variance protects."""
        moved = SENSITIVITY[sampling]
        l2 = l2_bound(self.scale, self.dim)
        l1 = moved * l1_bound(l2, self.dim)
        variance = float(self.variance) * share
        if self.family == "skellam":
            return skellam_curve(variance, moved * l2, l1)
        shares = share * self.cohort
        return discrete_gaussian_curve(variance / shares, shares, moved * l2, l1, self.dim)

    def epsilon(
        self, share: float, rate: float, count: int, delta: float, sampling: Sampling = "poisson"
    ) -> float:
        """ε of `count` rounds. Fixed-size cohorts are charged without amplification: no bound is at hand."""
        check(self.noise_multiplier, rate, count, delta)
        if self.noise_multiplier == 0:
            return math.inf
        one = self.curve(share, sampling)
        if sampling == "poisson":
            one = poisson_sampled(one, rate)
        return curve_epsilon(lambda a: count * one(a), delta)

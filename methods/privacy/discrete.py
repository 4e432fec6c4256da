"""Distributed discrete noise: each client adds a share to its update on the integer grid, before secure aggregation.

A grid of scale s has steps of C/s: an update is clipped to C, multiplied by s/C, rounded at random to whole numbers
within a bound on the norm, and gets a share of integer noise. What is summed is what is accounted: integers, with the
sensitivity after rounding, not a Gaussian that they resemble.

- Skellam (Agarwal, Kairouz and Liu 2021): shares add up to a Skellam exactly, whatever their number.
- Discrete Gaussian (Kairouz, Liu and Steinke 2021): their sum is close to one, and the distance τ is charged.

Shape legend: d numbers in an update, n clients that share the noise of a round.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, get_args

import torch
from torch import Tensor

from privtalk.methods.privacy.clipping import check_clip
from privtalk.methods.privacy.discrete_sampling import discrete_gaussian, skellam
from privtalk.methods.privacy.gaussian import check
from privtalk.methods.privacy.grid import l1_bound, l2_bound, round_to_grid
from privtalk.methods.privacy.privacy_loss import SENSITIVITY, Sampling
from privtalk.methods.privacy.renyi import Curve, curve_epsilon, poisson_sampled

Family = Literal["skellam", "discrete_gaussian"]
ENOUGH_BITS = 18
"""At which the price of rounding vanishes for adapters of up to about a million numbers."""


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
class DiscreteMechanism:
    """Σ_k (⌊s ω_k clip_C(Δ_k) / C⌉ + share_k) · C/s: total noise of standard deviation zC, made by the clients.

    z = 0 adds nothing: rounding alone. To the server it is an integer vector; `decode` gives the sum in units of Δ.
    """

    clip: float
    """C."""
    noise_multiplier: float
    """z, of all shares together."""
    scale: int = 2**ENOUGH_BITS
    """s: grid steps in C."""
    family: Family = "skellam"

    def __post_init__(self) -> None:
        if math.isinf(check_clip(self.clip)):
            raise ValueError("clip is inf: a grid needs a finite one")
        check(self.noise_multiplier, 1.0, 1, 0.5)
        if self.scale < 1:
            raise ValueError(f"scale is {self.scale}, it must be at least 1; 2**{ENOUGH_BITS} is enough")
        if self.family not in get_args(Family):
            raise ValueError(f"family is {self.family!r}; valid: {', '.join(get_args(Family))}")

    @property
    def private(self) -> bool:
        return self.noise_multiplier > 0

    @property
    def deviation(self) -> float:
        """Standard deviation of the noise on the sum, in units of Δ."""
        return self.noise_multiplier * self.clip

    @property
    def step(self) -> float:
        """C/s: size of a grid step in units of Δ, for the record."""
        return self.clip / self.scale

    @property
    def variance(self) -> Fraction:
        """Of all shares together, in grid steps squared; exact, as the sampler needs it."""
        return (Fraction(self.noise_multiplier).limit_denominator(2**20) * self.scale) ** 2

    def encode(self, update: Tensor, generator: torch.Generator) -> Tensor:
        """int64 [d] of a clipped update [d]: rounded at random, without bias but for the bound on the norm."""
        return round_to_grid(update.double() * (self.scale / self.clip), self.scale, generator)

    def share(self, dim: int, generator: torch.Generator, cohort: int) -> Tensor:
        """int64 [d]: one client's share of the noise, of 1/n of the variance.

        `cohort` is n: as many shares as must reach the sum (the round's roster less the drop-outs that are allowed).
        """
        if cohort < 1:
            raise ValueError(f"cohort is {cohort}, a share needs at least one client")
        if not self.private:
            return torch.zeros(dim, dtype=torch.int64)
        if self.family == "skellam":
            return skellam(float(self.variance / cohort), dim, generator)
        return discrete_gaussian(self.variance / cohort, dim, generator)

    def noise(self, dim: int, generator: torch.Generator, cohort: int = 1) -> Tensor:
        """float64 [d]: all the noise of one round on the sum, as `GaussianMechanism.noise` gives it."""
        shares = (self.share(dim, generator, cohort) for _ in range(cohort))
        return self.decode(sum(shares, torch.zeros(dim, dtype=torch.int64)))

    def decode(self, total: Tensor) -> Tensor:
        """float64 [d] in units of Δ, of a sum of integers [d]."""
        return total.double() * self.step

    def bits(self, cohort: int, deviations: float = 8.0) -> int:
        """b such that a sum of n messages fits into integers mod 2^b, but for noise beyond so many deviations."""
        largest = cohort * self.scale + deviations * math.sqrt(self.variance)
        return math.ceil(math.log2(2 * largest + 1)) + 1

    def accounted(self, dim: int, cohort: int) -> DiscreteNoise:
        """What an ε is computed from."""
        return DiscreteNoise(mechanism=self, dim=dim, cohort=cohort)


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscreteNoise:
    """The noise of a `DiscreteMechanism` on vectors of `dim` numbers, as `adversaries.Noise`."""

    mechanism: DiscreteMechanism
    dim: int
    cohort: int

    def curve(self, share: float, sampling: Sampling) -> Curve:
        """Rényi curve of one round without sampling, where only `share` of the variance protects."""
        used = self.mechanism
        moved = SENSITIVITY[sampling]
        l2 = moved * l2_bound(used.scale, self.dim)
        l1 = moved * l1_bound(l2 / moved, self.dim)
        variance = float(used.variance) * share
        if used.family == "skellam":
            return skellam_curve(variance, l2, l1)
        shares = share * self.cohort
        return discrete_gaussian_curve(variance / shares, shares, l2, l1, self.dim)

    def epsilon(
        self, share: float, rate: float, count: int, delta: float, sampling: Sampling = "poisson"
    ) -> float:
        """ε of `count` rounds. Fixed-size cohorts are charged without amplification: no bound is at hand."""
        check(self.mechanism.noise_multiplier, rate, count, delta)
        if not self.mechanism.private:
            return math.inf
        one = self.curve(share, sampling)
        if sampling == "poisson":
            one = poisson_sampled(one, rate)
        return curve_epsilon(lambda a: count * one(a), delta)

"""Privacy-loss distributions (PLD) of sampled Gaussian releases, each under the relation that its sampling needs.

Poisson sampling goes with adding or removing one client: sensitivity C, the pair N(0, z²) against
(1 − q) N(0, z²) + q N(1, z²), in both directions (dp-accounting's).

A cohort of fixed size goes with replacing one client, who then moves the sum by up to 2C. For P = N(2, z²),
Q = N(0, z²) and α ≥ 1, sampling without replacement at rate q obeys (Balle, Barthe, Gaboardi 2018, theorem 9)

    H_α(M(D) ‖ M(D')) ≤ q H_α'(P ‖ Q),   α' = 1 + (α − 1) / q,

for (D, D') and (D', D) alike, so for α < 1 by H_α(A ‖ B) = 1 − α + α H_1/α(B ‖ A). That curve is convex and symmetric:
it is the privacy profile of one dominating pair (the operator C_p of Dong, Roth and Su 2022), which composes. Composing
the profile of one direction alone, or passing z where 2C is meant, would under-report.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.special import erfcx, log_ndtr, ndtr

if TYPE_CHECKING:
    from dp_accounting.pld.privacy_loss_distribution import PrivacyLossDistribution

Sampling = Literal["poisson", "fixed"]
NEIGHBOURS: dict[Sampling, str] = {"poisson": "add or remove one client", "fixed": "replace one client"}
SENSITIVITY: dict[Sampling, float] = {"poisson": 1.0, "fixed": 2.0}
"""Most that the sum moves between neighbours, in units of the clip C."""

INTERVAL = 1e-3
"""Width of the PLD's bins. Rounding is pessimistic: ε is an upper bound, here by less than 1e-4 at usual settings."""
LONGEST = 1_000_000
"""Bins of one round's distribution at most (ε of several hundred)."""
COARSE = 100_000
"""Bins of a round's distribution that would be longer: wider ones, whose ε is still an upper bound."""
WIDEST = 500.0
"""The widest bin: e to the power of wider ones is beyond what a float holds (ε of 10^8 and more)."""


@dataclass(frozen=True, slots=True)
class Releases:
    """Gaussian releases at z > 0 (in units of C), each on a fresh cohort."""

    noise_multiplier: float
    rate: float
    count: int
    sampling: Sampling

    @property
    def effective(self) -> float:
        """z in units of the sensitivity, of one round; of all together where everybody takes part in each."""
        z = self.noise_multiplier / SENSITIVITY[self.sampling]
        return z / math.sqrt(self.count) if self.rate == 1 else z

    @property
    def interval(self) -> float:
        """Width of bins that keeps the distribution from growing without bound as z falls."""
        needed = 2 * _reach(self.effective)
        return INTERVAL if needed <= LONGEST * INTERVAL else needed / COARSE

    def loss(self, interval: float) -> PrivacyLossDistribution:
        """PLD of all of them."""
        if interval > WIDEST:
            raise ValueError(
                f"noise multiplier is {self.noise_multiplier:g}, too little to account for; raise it, or take 0"
            )
        if self.rate == 1:
            return _gaussian(self.effective, 1.0, interval)
        if self.sampling == "poisson":
            return _gaussian(self.effective, self.rate, interval).self_compose(self.count)
        return _fixed_size(self.effective, self.rate, interval).self_compose(self.count)


def release_loss(
    noise_multiplier: float, rate: float, count: int, sampling: Sampling
) -> PrivacyLossDistribution:
    """PLD of `count` Gaussian releases at z > 0 (in units of C), each on a fresh cohort of the given sampling."""
    releases = Releases(noise_multiplier, rate, count, sampling)
    return releases.loss(releases.interval)


def composed(releases: Sequence[Releases]) -> PrivacyLossDistribution:
    """PLD of all of them together."""
    from dp_accounting.pld import privacy_loss_distribution

    interval = max((one.interval for one in releases), default=INTERVAL)
    total = privacy_loss_distribution.identity(interval)
    for one in releases:
        total = total.compose(one.loss(interval))
    return total


def _reach(effective: float) -> float:
    """Privacy loss of one release beyond which there is next to nothing."""
    return 1 / (2 * effective**2) + 9 / effective


def fixed_size_delta(noise_multiplier: float, rate: float, eps: np.ndarray) -> np.ndarray:
    """Privacy profile δ(ε) [E] of one round of fixed-size sampling, for any sign of ε; z in units of the *sensitivity*.

    At rate 1 it is the Gaussian mechanism's.
    """
    mu = 1 / noise_multiplier
    size = np.abs(eps)
    # log(1 + (e^ε − 1) / q), without overflow
    inner = size - math.log(rate) + np.log1p((rate - 1) * np.exp(-size))
    positive = rate * _gaussian_profile(mu, inner)
    return np.where(eps >= 0, positive, -np.expm1(-size) + np.exp(-size) * positive)


def _gaussian_profile(mu: float, eps: np.ndarray) -> np.ndarray:
    """δ(ε) of μ-GDP, vectorised; see `gaussian_delta`."""
    near, far = mu / 2 - eps / mu, -mu / 2 - eps / mu
    direct = ndtr(near) - np.exp(np.minimum(eps + log_ndtr(far), 0.0))
    left, right = np.maximum(-near, 0) / math.sqrt(2), np.maximum(-far, 0) / math.sqrt(2)
    tail = 0.5 * np.exp(-(near**2) / 2) * (erfcx(left) - erfcx(right))
    return np.maximum(np.where(near > -5, direct, tail), 0.0)


def _fixed_size(effective: float, rate: float, interval: float) -> PrivacyLossDistribution:
    from dp_accounting.pld import pld_pmf
    from dp_accounting.pld.privacy_loss_distribution import PrivacyLossDistribution

    mu = 1 / effective
    reach = math.ceil((mu * mu / 2 + 9 * mu) / interval)
    if interval != INTERVAL or 2 * reach > LONGEST:
        raise ValueError(
            f"noise multiplier is {2 * effective:g}, too little to account for fixed-size sampling; raise it"
        )
    deltas = fixed_size_delta(effective, rate, interval * np.arange(-reach, reach + 1))
    pmf = pld_pmf.create_pmf_pessimistic_connect_dots_fixed_gap(
        interval, -reach, reach, np.clip(deltas, 0.0, 1.0)
    )
    return PrivacyLossDistribution(pmf)


def _gaussian(noise_multiplier: float, rate: float, interval: float) -> PrivacyLossDistribution:
    from dp_accounting.pld import privacy_loss_distribution

    return privacy_loss_distribution.from_gaussian_mechanism(
        noise_multiplier, value_discretization_interval=interval, sampling_prob=rate
    )

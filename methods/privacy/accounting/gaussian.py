"""The Gaussian mechanism without sampling, in closed form: the oracle of every other accountant.

Compositions of Gaussians are a Gaussian: mechanisms at noise multipliers z_i are one at (Σ z_i⁻²)^−½, and that one's
trade-off is the μ-GDP curve with μ = 1/z (Dong, Roth, Su 2022).
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from scipy.optimize import brentq
from scipy.special import erfcx, log_ndtr, ndtr

FLAT = 1e-12
"""Relative width at which the root search stops."""


def joint_multiplier(noise_multipliers: Iterable[float]) -> float:
    """(Σ z_i⁻²)^−½: one Gaussian release that is worth several of the same clients; 0 where one has no noise.

    >>> round(joint_multiplier([1.0, 5.0]), 5)
    0.98058
    >>> joint_multiplier([])
    inf
    """
    values = list(noise_multipliers)
    if any(z == 0 for z in values):
        return 0.0
    precision = math.fsum(z**-2 for z in values)
    return precision**-0.5 if precision else math.inf


def gaussian_delta(noise_multiplier: float, rounds: int, eps: float) -> float:
    """δ(ε) of T Gaussian mechanisms without sampling (Balle and Wang 2018, theorem 8), exact.

    T mechanisms at z are one at z / √T; with μ = √T / z, δ = Φ(μ/2 − ε/μ) − e^ε Φ(−μ/2 − ε/μ).
    """
    mu = math.sqrt(rounds) / noise_multiplier
    near, far = mu / 2 - eps / mu, -mu / 2 - eps / mu
    if near > -5:
        return max(float(ndtr(near) - math.exp(eps + log_ndtr(far))), 0.0)
    # Both terms tend to φ(near) / |·|: taken apart, their difference keeps its digits.
    mills = erfcx(-near / math.sqrt(2)) - erfcx(-far / math.sqrt(2))
    return max(float(0.5 * math.exp(-near * near / 2) * mills), 0.0)


def gaussian_epsilon(noise_multiplier: float, rounds: int, delta: float) -> float:
    """Exact ε without sampling (q = 1): the root of `gaussian_delta`; infinite without noise.

    >>> round(gaussian_epsilon(1.0, 10, 1e-5), 4)
    17.8566
    """
    check(noise_multiplier, 1.0, rounds, delta)
    if noise_multiplier == 0:
        return math.inf
    if gaussian_delta(noise_multiplier, rounds, 0.0) <= delta:
        return 0.0
    high = 1.0
    while gaussian_delta(noise_multiplier, rounds, high) > delta:
        high *= 2
    found = brentq(
        lambda eps: gaussian_delta(noise_multiplier, rounds, eps) - delta, 0.0, high, xtol=FLAT * high
    )
    return float(found)


def check(noise_multiplier: float, rate: float, rounds: int, delta: float) -> None:
    """Raises `ValueError` where one of them is out of its range."""
    if not (noise_multiplier >= 0 and math.isfinite(noise_multiplier)):
        raise ValueError(f"noise multiplier is {noise_multiplier}, it must be finite and not negative")
    if not 0 < rate <= 1:
        raise ValueError(f"rate is {rate}, it must lie in (0, 1]")
    if rounds < 1:
        raise ValueError(f"rounds is {rounds}, it must be at least 1")
    if not 0 < delta < 1:
        raise ValueError(f"delta is {delta}, it must lie in (0, 1)")

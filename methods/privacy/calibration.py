"""The least noise that keeps a target ε."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from privtalk.methods.privacy.accounting import epsilon
from privtalk.methods.privacy.privacy_loss import Sampling

LOWEST, HIGHEST = 0.25, 2.0**20
"""Noise multipliers that are searched; below the lower, ε runs into the hundreds."""


class Calibration(NamedTuple):
    noise_multiplier: float
    epsilon: float
    """Accounted at that noise; at most the target."""


Account = Callable[[float], float]
"""Noise multiplier -> ε, which falls as the noise grows."""


def calibrate(
    target: float,
    delta: float,
    rate: float,
    rounds: int,
    tolerance: float = 1e-3,
    sampling: Sampling = "poisson",
) -> Calibration:
    """Noise multiplier at which ε by PLD is at most `target`, least up to a relative `tolerance`."""
    return least_noise(target, lambda z: epsilon(z, rate, rounds, delta, sampling), tolerance)


def least_noise(target: float, account: Account, tolerance: float = 1e-3) -> Calibration:
    """The same for any account of noise, such as that of a ledger or of discrete noise.

    ε falls as the noise grows, so the upper end of a bisection always keeps the target; it is what is returned.
    """
    if not target > 0:
        raise ValueError(f"epsilon is {target}, it must be positive")
    low, high = _bracket(target, account)
    while high.noise_multiplier > low * (1 + tolerance):
        middle = _at((low * high.noise_multiplier) ** 0.5, account)
        if middle.epsilon <= target:
            high = middle
        else:
            low = middle.noise_multiplier
    return high


def _bracket(target: float, account: Account) -> tuple[float, Calibration]:
    """(noise that is too low, the calibration at twice that); the search starts from 1."""
    high = _at(1.0, account)
    while high.epsilon > target:
        if high.noise_multiplier >= HIGHEST:
            raise ValueError(f"no noise below {HIGHEST:g} reaches epsilon {target:g}; raise it, or delta")
        high = _at(2 * high.noise_multiplier, account)
    while high.noise_multiplier > LOWEST:
        lower = _at(high.noise_multiplier / 2, account)
        if lower.epsilon > target:
            return lower.noise_multiplier, high
        high = lower
    return high.noise_multiplier, high


def _at(noise_multiplier: float, account: Account) -> Calibration:
    return Calibration(noise_multiplier, account(noise_multiplier))

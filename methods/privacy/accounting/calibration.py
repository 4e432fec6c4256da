"""The least noise that keeps a target ε."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from privtalk.methods.privacy.accounting.privacy_loss import Sampling
from privtalk.methods.privacy.accounting.sampled_gaussian import epsilon

LOWEST, HIGHEST = 2.0**-10, 2.0**20
"""Noise multipliers that are searched; at the lower, ε runs into the hundred thousands."""
BISECTED = 0.25
"""From here on down ε is close to a power of the noise, and guessing from it takes fewer accounts than bisection."""


class Calibration(NamedTuple):
    noise_multiplier: float
    """0 where the target is infinite: no noise keeps it."""
    epsilon: float
    """Accounted at that noise; at most the target."""
    reason: str | None = None
    """Why it is less than the target allows, where the search ended before it."""


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

    ε falls as the noise grows, so the upper end of a bracket always keeps the target; it is what is returned.
    """
    if not target > 0:
        raise ValueError(f"epsilon is {target}, it must be positive")
    if math.isinf(target):
        return Calibration(0.0, math.inf)
    low, high = _bracket(target, account)
    if high.noise_multiplier <= BISECTED:
        return _guessed(target, account, low, high, tolerance)
    while high.noise_multiplier > low.noise_multiplier * (1 + tolerance):
        middle = _at((low.noise_multiplier * high.noise_multiplier) ** 0.5, account)
        if middle.epsilon <= target:
            high = middle
        else:
            low = middle
    return high


def _bracket(target: float, account: Account) -> tuple[Calibration, Calibration]:
    """(a calibration at too little noise, one at twice that); the search starts from 1."""
    high = _at(1.0, account)
    while high.epsilon > target:
        if high.noise_multiplier >= HIGHEST:
            raise ValueError(f"no noise below {HIGHEST:g} reaches epsilon {target:g}; raise it, or delta")
        high = _at(2 * high.noise_multiplier, account)
    while high.noise_multiplier > LOWEST:
        lower = _at(high.noise_multiplier / 2, account, high)
        if lower.epsilon > target:
            return lower, high
        high = lower
    return high, high._replace(reason=f"noise below {LOWEST:g} is not searched")


def _guessed(
    target: float, account: Account, low: Calibration, high: Calibration, tolerance: float
) -> Calibration:
    """The bracket narrowed from the straight line through its ends, on logarithmic axes."""
    while high.noise_multiplier > low.noise_multiplier * (1 + tolerance):
        middle = _at(_between(target, low, high, tolerance), account, high)
        if middle.epsilon <= target:
            high = middle
        else:
            low = middle
    return high._replace(reason=low.reason) if low.reason else high


def _between(target: float, low: Calibration, high: Calibration, tolerance: float) -> float:
    """The point at which the line meets the target, and a little to the side of it that is still far."""
    (a, above, _), (b, below, _) = low, high
    if not (math.isfinite(above) and 0 < below < target < above):
        return math.sqrt(a * b)
    share = math.log(above / target) / math.log(above / below)
    guess = a * (b / a) ** share
    ahead = guess * (1 + tolerance / 3)
    if ahead < b / (1 + tolerance / 3):
        return max(ahead, a * (1 + tolerance / 3))
    return max(b / (1 + tolerance * 0.9), math.sqrt(a * b))


def _at(noise_multiplier: float, account: Account, above: Calibration | None = None) -> Calibration:
    """Accounted; below noise that was, noise too little for an account has none."""
    try:
        return Calibration(noise_multiplier, account(noise_multiplier))
    except ValueError as error:
        if above is None:
            raise
        return Calibration(noise_multiplier, math.inf, f"there is no account of less ({error})")

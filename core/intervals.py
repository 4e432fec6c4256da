"""A value with its interval, and the textbook's intervals: of a rate, and of a mean."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import beta
from scipy.stats import t as student

LEVEL = 0.95


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A value with its interval; the fields are those of a record's `Estimate`."""

    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0
    clusters: int = 0
    """Independent units behind the interval: people, clients."""
    missing: str | None = None
    """Reason, where `value` is None."""


def clopper_pearson(hits: int, trials: int, level: float = LEVEL) -> Interval:
    """Exact interval of a binomial rate.

    >>> interval = clopper_pearson(0, 10)
    >>> interval.low, round(interval.high, 4)
    (0.0, 0.3085)
    """
    if not 0 <= hits <= trials or trials == 0:
        raise ValueError(f"{hits} hits in {trials} trials: need 0 <= hits <= trials and at least one trial")
    tail = (1 - level) / 2
    low = float(beta.ppf(tail, hits, trials - hits + 1)) if hits else 0.0
    return Interval(
        value=hits / trials, low=low, high=upper_rate(hits, trials, level), n=trials, clusters=trials
    )


def upper_rate(hits: int, trials: int, level: float = LEVEL) -> float:
    """Upper end of the exact interval of a binomial rate; 1 where nothing speaks against it.

    >>> round(upper_rate(0, 10), 4), upper_rate(0, 0)
    (0.3085, 1.0)
    """
    return 1.0 if hits >= trials else float(beta.ppf(1 - (1 - level) / 2, hits + 1, trials - hits))


def mean_interval(values: ArrayLike, level: float = LEVEL) -> Interval:
    """Mean with Student's interval; a single value has none.

    >>> interval = mean_interval([1.0, 3.0])
    >>> interval.value, round(interval.low, 1), round(interval.high, 1)
    (2.0, -10.7, 14.7)
    """
    known = np.asarray(values, dtype=np.float64)
    n = len(known)
    if n == 0:
        return Interval(missing="no value")
    value = float(known.mean())
    if n == 1:
        return Interval(value=value, n=1, clusters=1)
    half = half_width(float(known.std(ddof=1)), n, level)
    return Interval(value=value, low=value - half, high=value + half, n=n, clusters=n)


def half_width(spread: float, n: int, level: float = LEVEL) -> float:
    """Half of Student's interval of the mean of `n` values, whose standard deviation (n - 1) is `spread`.

    >>> round(half_width(1.0, 40), 3)
    0.32
    """
    if n < 2:
        raise ValueError(f"{n} value has no interval; give at least two")
    return quantile(n, level) * spread / n**0.5


def quantile(n: int, level: float = LEVEL) -> float:
    """Standard errors in half of Student's interval of the mean of `n` values.

    >>> round(quantile(40), 3)
    2.023
    """
    return float(student.ppf((1 + level) / 2, n - 1))

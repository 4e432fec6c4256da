"""Tests of one round's noise and cohort against what is booked, with levels that are fixed in advance.

All tests of a run together call a correct run wrong with a chance of at most `LEVEL`. Each of the `FAMILIES` has an
equal part of it, divided by the tests that the family makes in the run (Bonferroni). With 8 rounds of 10,000 numbers a
noise that is 5 % too small is seen in one round with chance .98, and in all rounds together for certain.

Shape legend: n numbers of a round's noise.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

LEVEL = 5e-5
"""Chance that any test of a correct run's rounds fails."""
FAMILIES = ("deviation", "shape", "independence", "all rounds' deviation", "scalars", "cohort", "all cohorts")
SKETCH = 1024
"""Numbers of a round's noise that are kept, by which a later round is shown to be independent of it."""

Floats = NDArray[np.float64]


class Test(NamedTuple):
    """One test and its outcome."""

    family: str
    p: float
    """Chance of as much in a correct run."""
    tests: int
    """How many of its family a run makes."""
    seen: str
    """The figure that was seen, and the booked one, in words."""

    @property
    def level(self) -> float:
        """The p below which a run is called wrong."""
        return LEVEL / len(FAMILIES) / self.tests

    @property
    def failed(self) -> bool:
        return not self.p >= self.level


def deviation(noise: Floats, rounds: int) -> Test:
    """Σ x² of noise [n] in units of its booked standard deviation is χ² with n degrees of freedom.

    >>> x = np.random.default_rng(0).standard_normal(10_000)
    >>> deviation(x, 8).failed, deviation(0.95 * x, 8).failed, deviation(0 * x, 8).failed
    (False, True, True)
    """
    total = float(np.square(noise).sum())
    return Test("deviation", chi_square(total, noise.size), rounds, _ratio(total, noise.size))


def all_deviations(totals: float, count: int) -> Test:
    """The same over all rounds: Σ x² of `count` numbers."""
    return Test("all rounds' deviation", chi_square(totals, count), 1, _ratio(totals, count))


def shape(noise: Floats, rounds: int) -> Test:
    """Noise [n] in units of its booked deviation is standard normal: Kolmogorov and Smirnov's distance."""
    found = stats.kstest(noise, "norm")
    said = f"the noise's distribution is {found.statistic:.3g} away from the booked one"
    return Test("shape", float(found.pvalue), rounds, said)


def independence(noise: Floats, earlier: Floats, pairs: int) -> Test:
    """Noise [n] does not go with that of an earlier round [n]; their correlation is Student's in disguise.

    >>> x, y = np.random.default_rng(0).standard_normal((2, 1000))
    >>> independence(x, y, 28).failed, independence(x, x, 28).failed
    (False, True)
    """
    scale = float(np.linalg.norm(noise) * np.linalg.norm(earlier))
    rho = float(noise @ earlier) / scale if scale else 1.0
    rho = max(-1.0, min(1.0, rho))
    t = abs(rho) * math.sqrt((noise.size - 1) / max(1 - rho**2, 1e-300))
    return Test(
        "independence",
        2 * float(stats.t.sf(t, noise.size - 1)),
        pairs,
        f"a round's noise has correlation {rho:.3f} with that of a round before it, booked as 0",
    )


def scalars(family: str, noise: Floats, of: str) -> Test:
    """Noise [T] of one number a round, in units of its booked deviation: Σ x² is χ² with T degrees of freedom."""
    total = float(np.square(noise).sum())
    return Test(
        family, chi_square(total, noise.size), 1, f"the noise on {of} has {_share(total, noise.size)}"
    )


def cohort(size: int, clients: int, rate: float, rounds: int) -> Test:
    """A cohort's size is Binomial(N, q)."""
    return Test("cohort", binomial(size, clients, rate), rounds, _drawn(size, clients, rate, "a round"))


def all_cohorts(taken: int, chances: int, rate: float) -> Test:
    """All cohorts together are Binomial(N T, q)."""
    return Test(
        "all cohorts", binomial(taken, chances, rate), 1, _drawn(taken, chances, rate, "all rounds together")
    )


def chi_square(total: float, count: int) -> float:
    """Two-sided p of a sum of squares of `count` standard normal numbers."""
    return min(1.0, 2 * float(min(stats.chi2.cdf(total, count), stats.chi2.sf(total, count))))


def binomial(hits: int, trials: int, rate: float) -> float:
    """Two-sided p of a binomial count: twice the smaller tail."""
    law = stats.binom(trials, rate)
    return min(1.0, 2 * float(min(law.cdf(hits), law.sf(hits - 1))))


def _ratio(total: float, count: int) -> str:
    return f"the noise has {_share(total, count)}"


def _share(total: float, count: int) -> str:
    return f"{math.sqrt(total / count) if count else 0.0:.4g} times its booked standard deviation"


def _drawn(taken: int, chances: int, rate: float, of: str) -> str:
    return f"{taken} of {chances} clients took part in {of}, booked at rate {rate:g}"

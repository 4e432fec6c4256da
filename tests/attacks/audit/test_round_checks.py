"""The tests of rounds hold their level on correct noise, and have the power that the documentation states."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from privtalk.attacks.audit import round_checks as checks
from privtalk.core.seeds import numpy_stream

N, ROUNDS = 10_000, 8


def correct(count, n=N):
    rng = numpy_stream(0, "rounds")
    return (rng.standard_normal(n) for _ in range(count))


@pytest.mark.parametrize("test", [checks.deviation, checks.shape], ids=["deviation", "shape"])
def test_p_is_uniform_on_correct_rounds(test):
    p = [test(x, ROUNDS).p for x in correct(2000, 1000)]
    assert stats.kstest(p, "uniform").pvalue > 1e-4


def test_independence_is_uniform_too():
    rng = numpy_stream(1, "rounds")
    p = [checks.independence(*rng.standard_normal((2, checks.SKETCH)), 28).p for _ in range(2000)]
    assert stats.kstest(p, "uniform").pvalue > 1e-4


@pytest.mark.parametrize(("clients", "rate"), [(16, 0.5), (384, 0.25), (1000, 0.1)])
def test_cohorts_keep_their_level(clients, rate):
    """Binomial tests are exact: at most the level, for every level."""
    sizes = np.arange(clients + 1)
    p = np.array([checks.binomial(int(size), clients, rate) for size in sizes])
    chance = stats.binom.pmf(sizes, clients, rate)
    for level in (0.05, 1e-3, 1e-6):
        assert chance[p < level].sum() <= level


def test_no_correct_run_of_thousands_is_called_wrong():
    rng = numpy_stream(2, "rounds")
    for _ in range(1500):
        noise = rng.standard_normal((ROUNDS, 500))
        found = [checks.deviation(x, ROUNDS) for x in noise]
        found += [checks.shape(x, ROUNDS) for x in noise]
        found += [checks.independence(noise[0], x, 28) for x in noise[1:]]
        found.append(checks.all_deviations(float(np.square(noise).sum()), noise.size))
        found.append(checks.cohort(int(rng.binomial(40, 0.25)), 40, 0.25, ROUNDS))
        assert not any(test.failed for test in found)


def test_all_levels_together_are_below_one_in_ten_thousand():
    per_family = checks.LEVEL / len(checks.FAMILIES)
    assert checks.LEVEL < 1e-4
    made = {"deviation": ROUNDS, "shape": ROUNDS, "independence": 28, "cohort": ROUNDS}
    spent = sum(count * (per_family / count) for count in made.values()) + 3 * per_family
    assert spent == pytest.approx(checks.LEVEL)


def power(factor, n, rounds=ROUNDS):
    """Chance that one round's noise, too small by `factor`, is called wrong: from χ²'s own quantiles."""
    level = checks.LEVEL / len(checks.FAMILIES) / rounds
    low, high = stats.chi2.ppf([level / 2, 1 - level / 2], n)
    return float(stats.chi2.cdf(low / factor**2, n) + stats.chi2.sf(high / factor**2, n))


TABLE = {0.99: 0.0, 0.97: 0.25, 0.95: 0.98, 0.9: 1.0}
"""Factor of the noise -> least chance that 10,000 numbers of one round show it; `docs/audits.md` states them."""


@pytest.mark.parametrize("factor", TABLE)
def test_power_is_what_the_documentation_states(factor):
    assert power(factor, N) >= TABLE[factor] - 0.01
    seen = np.mean([checks.deviation(factor * x, ROUNDS).failed for x in correct(300)])
    assert seen == pytest.approx(power(factor, N), abs=0.08)


def test_what_is_planted_is_seen():
    x, y = numpy_stream(3, "rounds").standard_normal((2, N))
    assert not checks.deviation(x, ROUNDS).failed
    assert checks.shape(np.sign(x), ROUNDS).failed, "of the right deviation, and not normal"
    half = np.where(np.arange(N) % 2, 0, np.sqrt(2) * x)
    assert not checks.deviation(half, ROUNDS).failed
    assert checks.shape(half, ROUNDS).failed, "half of the numbers have none"
    assert checks.independence(x[:1024], (x + y)[:1024], 28).failed
    assert checks.scalars("scalars", np.zeros(4), "a number").failed
    assert checks.cohort(40, 40, 0.25, ROUNDS).failed
    assert checks.all_cohorts(200, 320, 0.25).failed

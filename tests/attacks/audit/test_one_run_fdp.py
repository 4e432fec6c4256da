"""f-DP one-run bound: closed form for one canary, exact binomials, the paper's recursion, simulated rank guesses."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest, norm

from privtalk.attacks.audit.one_run import Guesses, guess, one_run_bound
from privtalk.attacks.audit.one_run_fdp import one_run_fdp_bound, refuted


def least_refuted(m, made, mu, error):
    """Fewest right guesses that refute μ; None if none do."""
    return next((v for v in range(made + 1) if refuted(Guesses(m, made, v), mu, error)), None)


@given(st.floats(0.1, 3), st.floats(0.01, 0.99))
def test_one_canary_is_the_closed_form(mu, error):
    """One coin is guessed right with a chance of at most Φ(μ/2), and the bound is exactly that."""
    if abs(error - norm.cdf(mu / 2)) > 1e-6:
        assert refuted(Guesses(1, 1, 1), mu, error) == (error > norm.cdf(mu / 2))


@given(st.integers(1, 60), st.data(), st.floats(0, 3), st.sampled_from([0.05, 0.3]))
def test_recursion_is_the_papers(made, data, mu, error):
    """Algorithm 3 with its arrays written out and no early end."""
    m, v = made + 7, data.draw(st.integers(0, made))
    r, h = np.zeros(v + 1), np.zeros(v + 1)
    r[v], h[v] = error * v / m, error * (made - v) / m
    for j in range(v, 0, -1):
        h[j - 1] = max(h[j], norm.cdf(norm.ppf(min(r[j], 1)) - mu))
        r[j - 1] = r[j] + (j - 1) / (made - j + 1) * (h[j - 1] - h[j])
    assert refuted(Guesses(m, made, v), mu, error) == (r[0] + h[0] > made / m)


@pytest.mark.parametrize("mu", [0.0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("m", [20, 200])
def test_never_above_the_truth(m, mu):
    """Independent Gaussian canaries, all guessed by the best rule: right guesses are Binomial(m, Φ(μ/2)), exactly."""
    chance = norm.cdf(mu / 2)
    for error in (0.01, 0.05, 0.3):
        least = least_refuted(m, m, mu, error)
        assert least is None or binom.sf(least - 1, m, chance) <= error


@pytest.mark.parametrize("mu", [0.0, 1.0])
def test_never_above_the_truth_with_abstentions(mu):
    m, each, error, trials = 200, 15, 0.1, 2000
    least = least_refuted(m, 2 * each, mu, error)
    rng, wrong = np.random.default_rng(7), 0
    for _ in range(trials):
        coins = rng.random(m) < 0.5
        wrong += guess(rng.normal(size=m) + mu * coins, coins, each, each).correct >= (least or m)
    assert binomtest(wrong, trials, error, alternative="greater").pvalue > 1e-3


def test_above_one_run_for_a_gaussian():
    """What it is for: the same guesses of a μ = 1.67 mechanism certify more."""
    rng = np.random.default_rng(0)
    coins = rng.random(4000) < 0.5
    guesses = guess(rng.normal(size=4000) + 1.67 * coins, coins, 200, 200)
    assert one_run_fdp_bound(guesses, 1e-5).epsilon > one_run_bound(guesses, 1e-5).epsilon + 0.5


def test_bound_is_where_refutation_ends():
    guesses = Guesses(300, 100, 90)
    found = one_run_fdp_bound(guesses, 1e-5)
    assert refuted(guesses, found.mu - 1e-6, 0.05)
    assert not refuted(guesses, found.mu + 1e-6, 0.05)
    assert "Gaussian" in found.assumption
    assert one_run_fdp_bound(Guesses(300, 100, 50), 1e-5).epsilon == 0


def test_nonsense():
    with pytest.raises(ValueError, match="guesses"):
        refuted(Guesses(10, 11, 5), 1.0, 0.05)

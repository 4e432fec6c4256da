"""One-run bound: the exact binomial at δ = 0, the definition at δ > 0, mechanisms with exactly known guesses."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit
from scipy.stats import binom, binomtest

from privtalk.attacks.audit.one_run import Guesses, guess, guesses_by_split, one_run_bound, p_value


@given(st.integers(1, 80), st.data(), st.floats(0, 4))
def test_pure_dp_is_the_binomial_test(made, data, epsilon):
    correct = data.draw(st.integers(0, made))
    oracle = binomtest(correct, made, float(expit(epsilon)), alternative="greater").pvalue
    assert p_value(Guesses(100, made, correct), epsilon, 0.0) == pytest.approx(oracle, rel=1e-6)


@given(st.integers(1, 40), st.data(), st.floats(0, 3), st.floats(1e-6, 0.01))
def test_approximate_dp_is_the_definition(made, data, epsilon, delta):
    correct = data.draw(st.integers(1, made))
    w = binom(made, expit(epsilon))
    tail = sum(w.pmf(k) for k in range(correct, made + 1))
    worst = max(
        sum(w.pmf(k) for k in range(correct - i, correct) if k >= 0) / i for i in range(1, correct + 1)
    )
    expected = min(1.0, tail + 2 * 60 * delta * worst)
    assert p_value(Guesses(60, made, correct), epsilon, delta) == pytest.approx(expected, rel=1e-6)


def test_delta_pays_for_a_rare_leak():
    """Randomised response at ε that, with chance mδ/i, tells i random coins outright: (ε, δ)-DP towards each.

    Its distribution of right guesses is known. The p-value covers it at every count; without δ it would not.
    """
    m, epsilon, delta, told = 400, 1.0, 0.001, 20
    v, leak = np.arange(m + 1), m * delta / told
    q = float(expit(epsilon))
    exact = (1 - leak) * binom.sf(v - 1, m, q) + leak * binom.sf(v - 1 - told, m - told, q)
    claimed = np.array([p_value(Guesses(m, m, int(k)), epsilon, delta) for k in v])
    pure = np.array([p_value(Guesses(m, m, int(k)), epsilon, 0.0) for k in v])
    assert (exact <= claimed + 1e-12).all()
    assert (exact > pure * 1.2).any()


@pytest.mark.parametrize("epsilon", [0.0, 1.0, 3.0])
def test_never_above_the_truth_and_tight(epsilon):
    """Randomised response: exact share of runs with ε_L above ε, and ε_L near ε with many canaries."""
    m, q = 300, float(expit(epsilon))
    wrong = [v for v in range(m + 1) if one_run_bound(Guesses(m, m, v), 0.0).epsilon > epsilon]
    assert binom.sf(min(wrong) - 1, m, q) <= 0.05
    many = 10**6
    assert one_run_bound(Guesses(many, many, round(many * q)), 0.0).epsilon == pytest.approx(
        epsilon, abs=0.02
    )


def test_bound_is_where_the_p_value_crosses():
    guesses = Guesses(500, 100, 90)
    found = one_run_bound(guesses, 1e-5)
    assert p_value(guesses, found.epsilon, 1e-5) == pytest.approx(0.05, abs=1e-6)
    assert found.n == 100
    assert "coin" in found.assumption


def test_ties_never_help_the_auditor():
    """Constant scores with all members first: an order that looks at positions would be right every time."""
    coins = np.arange(100) < 50
    found = guess(np.zeros(100), coins, 40, 40)
    assert found.correct == 0
    assert one_run_bound(found, 1e-5).epsilon == 0


def test_null_by_split():
    wrong, trials, level = 0, 300, 0.8
    for seed in range(trials):
        rng = np.random.default_rng(seed)
        scores, coins = rng.normal(size=80), rng.random(80) < 0.5
        found = guesses_by_split(
            scores,
            coins,
            torch.Generator().manual_seed(seed),
            bound=lambda g: -p_value(g, 0.0, 0.0),
            share=0.5,
        )
        wrong += p_value(found, 0.0, 0.0) <= 1 - level
    assert binomtest(wrong, trials, 1 - level, alternative="greater").pvalue > 0.01


def test_perfect_scores():
    coins = np.random.default_rng(0).random(400) < 0.5
    found = guesses_by_split(
        coins.astype(float),
        coins,
        torch.Generator().manual_seed(0),
        bound=lambda g: one_run_bound(g, 0.0).epsilon,
    )
    assert found.correct == found.made > 200
    assert one_run_bound(found, 0.0).epsilon > 4


@pytest.mark.parametrize("bad", [Guesses(10, 11, 5), Guesses(10, 5, 6), Guesses(10, 5, -1)])
def test_nonsense(bad):
    with pytest.raises(ValueError, match="guesses"):
        p_value(bad, 1.0, 0.0)


def test_nonsense_scores():
    with pytest.raises(ValueError, match="one length"):
        guess([1.0], [True, False], 1, 0)
    with pytest.raises(ValueError, match="guesses"):
        guess([1.0, 2.0], [True, False], 2, 1)

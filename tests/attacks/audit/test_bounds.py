"""Bounds from counts: SciPy as the oracle of the rates, and validity where ε is known, zero included."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, norm

from privtalk.attacks.audit.bounds import (
    Counts,
    clopper_pearson_bound,
    epsilon_low,
    gaussian_dp_bound,
    mu_epsilon,
    mu_low,
    rate_bounds,
)
from privtalk.methods.privacy.accounting.gaussian import gaussian_epsilon

TRIALS = 4000


def counts(tp, n, fp, m):
    return Counts(true_positives=tp, positives=n, false_positives=fp, negatives=m)


def at_most(wrong, level):
    """Whether a share of wrong trials is in keeping with a chance of at most 1 - level."""
    return binomtest(int(wrong.sum()), len(wrong), 1 - level, alternative="greater").pvalue > 1e-3


@given(st.data())
def test_rates_are_scipys_exact_intervals(data):
    n, m = data.draw(st.integers(1, 400)), data.draw(st.integers(1, 400))
    tp, fp = data.draw(st.integers(0, n)), data.draw(st.integers(0, m))
    level = data.draw(st.sampled_from([0.8, 0.95, 0.999]))
    found = rate_bounds(tp, n, fp, m, level)
    assert float(found.tpr_low) == pytest.approx(binomtest(tp, n).proportion_ci(level).low, abs=1e-9)
    assert float(found.fpr_high) == pytest.approx(binomtest(fp, m).proportion_ci(level).high, abs=1e-9)


@pytest.mark.parametrize(("n", "ceiling"), [(500, 4.91), (5000, 7.21), (20000, 8.60)])
def test_ceiling_under_perfect_separation(n, ceiling):
    """The notes' figures; and the closed form ln(1/(1 - (α/2)^(1/n)) - 1), at δ = 0."""
    assert clopper_pearson_bound(counts(n, n, 0, n), 1e-5).epsilon == pytest.approx(ceiling, abs=0.005)
    exact = np.log(1 / (1 - 0.025 ** (1 / n)) - 1)
    assert clopper_pearson_bound(counts(n, n, 0, n), 0.0).epsilon == pytest.approx(exact, rel=1e-9)


@given(st.integers(0, 60), st.integers(0, 80), st.floats(0, 0.5))
def test_both_directions(tp, fp, delta):
    """Calling the other world the member's leaves the bound as it is."""
    one = clopper_pearson_bound(counts(tp, 60, fp, 80), delta)
    other = clopper_pearson_bound(counts(80 - fp, 80, 60 - tp, 60), delta)
    assert one.epsilon == pytest.approx(other.epsilon, abs=1e-9)


def test_the_second_direction_is_used():
    """TPR 1, FPR .5: the first says at most ln 2, the second that a negative is all but never a member."""
    assert clopper_pearson_bound(counts(5000, 5000, 2500, 5000), 0.0).epsilon > 6


@pytest.mark.parametrize("rate", [0.5, 0.1, 0.01, 0.002])
@pytest.mark.parametrize("n", [100, 1000])
def test_null(rate, n):
    """Scores that say nothing: the share of positive ε must be at most 1 - level, for both bounds."""
    rng = np.random.default_rng([n, round(rate * 1000)])
    for level in (0.5, 0.95):
        found = rate_bounds(rng.binomial(n, rate, TRIALS), n, rng.binomial(n, rate, TRIALS), n, level)
        assert at_most(epsilon_low(found, 0.0) > 0, level)
        assert at_most(mu_low(found) > 0, level)
        assert ((mu_low(found) > 0) == (epsilon_low(found, 0.0) > 0)).all()


@pytest.mark.parametrize("threshold", [0.0, 0.5, 1.5, 2.5])
@pytest.mark.parametrize("mu", [0.5, 1.0, 2.0])
def test_never_above_the_truth(mu, threshold):
    """Counts of the Gaussian mechanism itself: above its ε(δ), at any δ, in at most 1 - level of the trials."""
    rng, n = np.random.default_rng([round(10 * mu), round(10 * threshold)]), 500
    level = 0.8
    tp, fp = (rng.binomial(n, norm.sf(threshold - shift), TRIALS) for shift in (mu, 0))
    found = rate_bounds(tp, n, fp, n, level)
    assert at_most(mu_low(found) > mu, level)
    assert (mu_low(found) > mu / 2).any(), "a bound that says nothing is valid but of no use"
    for delta in (1e-5, 0.05, 0.2):
        assert at_most(epsilon_low(found, delta) > gaussian_epsilon(1 / mu, 1, delta), level)


def test_tight_with_many_scores():
    """At μ = 1 and δ = .05 the best threshold's likelihood ratio is ε itself: both bounds come near the truth."""
    mu, delta, n = 1.0, 0.05, 10**7
    truth = gaussian_epsilon(1 / mu, 1, delta)
    threshold = truth / mu + mu / 2
    tp, fp = (round(n * norm.sf(threshold - shift)) for shift in (mu, 0))
    assert clopper_pearson_bound(counts(tp, n, fp, n), delta).epsilon == pytest.approx(truth, abs=0.01)
    assert gaussian_dp_bound(counts(tp, n, fp, n), delta).epsilon == pytest.approx(truth, abs=0.01)


@given(st.integers(0, 50), st.integers(0, 50), st.floats(1e-6, 0.3), st.floats(1e-6, 0.3))
def test_monotone(tp, fp, delta, other):
    low, high = sorted((delta, other))
    rounding = 1e-9
    for bound in (clopper_pearson_bound, gaussian_dp_bound):
        loose = bound(counts(tp, 50, fp, 50), high).epsilon
        assert bound(counts(tp, 50, fp, 50), low).epsilon >= loose - rounding
        assert bound(counts(tp, 50, fp, 50), low).epsilon >= bound(counts(tp, 50, fp, 50), low, 0.99).epsilon


def test_labels():
    plain, gaussian = (f(counts(9, 10, 1, 10), 1e-5) for f in (clopper_pearson_bound, gaussian_dp_bound))
    assert plain.assumption is None
    assert "Gaussian" in gaussian.assumption
    assert gaussian.epsilon == mu_epsilon(gaussian.mu, 1e-5)
    assert (plain.confidence, plain.n) == (0.95, 20)


@pytest.mark.parametrize(("tp", "n"), [(3, 2), (-1, 2), (0, 0)])
def test_nonsense_counts(tp, n):
    with pytest.raises(ValueError, match="trials"):
        counts(tp, n, 0, 1)


def test_nonsense_settings():
    with pytest.raises(ValueError, match="level"):
        clopper_pearson_bound(counts(1, 2, 1, 2), 0.1, 1.0)
    with pytest.raises(ValueError, match="delta"):
        gaussian_dp_bound(counts(1, 2, 1, 2), 1.0)

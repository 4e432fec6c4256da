"""One-shot estimate: numerical integration, the closed form at equal deviations, coverage on a known mechanism."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm

from privtalk.attacks.audit.bounds import CertifiedBound
from privtalk.attacks.audit.one_shot import (
    MOST,
    Normal,
    fit,
    hockey_stick,
    one_shot_estimate,
    pair_epsilon,
    random_cosines,
)
from privtalk.methods.privacy.accounting.gaussian import gaussian_delta, gaussian_epsilon

NULL = Normal(mean=0.0, deviation=1.0)


@settings(max_examples=40, deadline=None)
@given(st.floats(-3, 3), st.floats(0.4, 2.5), st.floats(0, 3))
def test_hockey_stick_is_the_integral(mean, deviation, epsilon):
    p = Normal(mean=mean, deviation=deviation)
    for one, two in ((p, NULL), (NULL, p)):
        x = np.linspace(-25, 25, 20_001)
        excess = norm.pdf(x, one.mean, one.deviation) - math.exp(epsilon) * norm.pdf(
            x, two.mean, two.deviation
        )
        expected = np.trapezoid(np.maximum(excess, 0), x)
        assert hockey_stick(one, two, epsilon) == pytest.approx(expected, abs=2e-6)


@given(st.floats(0.05, 5), st.floats(0, 10))
def test_equal_deviations_are_the_gaussian_mechanism(mu, epsilon):
    found = hockey_stick(Normal(mean=mu, deviation=1.0), NULL, epsilon)
    assert found == pytest.approx(gaussian_delta(1 / mu, 1, epsilon), abs=1e-12)


def test_tail_by_quadrature():
    """Where δ is 1e-7, to digits."""
    p = Normal(mean=1.0, deviation=1.2)
    found = hockey_stick(p, NULL, 9.0)
    excess = quad(lambda x: max(norm.pdf(x, 1, 1.2) - math.exp(9) * norm.pdf(x), 0), 0, 30, limit=500)[0]
    excess += quad(lambda x: max(norm.pdf(x, 1, 1.2) - math.exp(9) * norm.pdf(x), 0), -30, 0, limit=500)[0]
    assert found == pytest.approx(excess, rel=1e-4)


def test_equal_worlds_are_zero():
    found = one_shot_estimate(NULL, NULL, 1e-5)
    assert (found.epsilon, found.low) == (0.0, 0.0)


@pytest.mark.parametrize("mu", [1.0, 2.0])
def test_interval_covers_a_known_mechanism(mu):
    truth, hits = gaussian_epsilon(1 / mu, 1, 1e-5), 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        found = one_shot_estimate(fit(rng.normal(mu, 1, 500)), fit(rng.normal(0, 1, 500)), 1e-5)
        hits += found.low <= truth <= found.high
    assert hits >= 34


def test_more_canaries_narrow_it():
    wide, narrow = (
        one_shot_estimate(Normal(mean=1.5, deviation=1.1, n=n), NULL, 1e-5) for n in (100, 10_000)
    )
    assert wide.high - wide.epsilon == pytest.approx(10 * (narrow.high - narrow.epsilon), rel=0.02)


def test_direction_does_not_matter():
    p = Normal(mean=1.0, deviation=1.3)
    assert pair_epsilon(p, NULL, 1e-5) == pair_epsilon(NULL, p, 1e-5)


def test_cosines_of_random_vectors():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(4000, 50))
    cosines = vectors[:, 0] / np.linalg.norm(vectors, axis=1)
    assert fit(cosines).deviation == pytest.approx(random_cosines(50).deviation, rel=0.05)


def test_labelled():
    found = one_shot_estimate(Normal(mean=1.0, deviation=1.0, n=50), NULL, 1e-5)
    assert not isinstance(found, CertifiedBound)
    assert "normal" in found.assumption
    with pytest.raises(ValueError, match="at least two"):
        fit([1.0])
    with pytest.raises(ValueError, match="positive deviation"):
        fit([1.0, 1.0])


def test_what_lies_beyond_all_bounds_stays_a_number():
    """Updates of many numbers without noise: a record holds finite figures alone."""
    inside, outside = fit([1.0, 1.0 + 1e-9, 1.0 - 1e-9]), fit([0.0, 1e-9, -1e-9])
    found = one_shot_estimate(inside, outside, 1e-5)
    assert (found.epsilon, found.low, found.high) == (MOST, MOST, MOST)

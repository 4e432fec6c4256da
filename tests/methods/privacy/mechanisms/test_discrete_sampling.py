"""Samplers against their probabilities: each test is also shown to fail for a neighbour of the distribution."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from scipy import stats

from privtalk.methods.privacy.mechanisms import discrete_sampling as sampling

N = 20_000


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def fit(drawn: np.ndarray, log_mass) -> float:
    """p-value of a chi-square test against a mass on the whole numbers, tails pooled."""
    grid = np.arange(-400, 401)
    mass = np.exp([log_mass(int(x)) for x in grid])
    mass /= mass.sum()
    inner = grid[mass * len(drawn) >= 10]
    low, high = inner[0], inner[-1]
    expected = [mass[grid < low].sum(), *mass[(grid >= low) & (grid <= high)], mass[grid > high].sum()]
    seen = [(drawn < low).sum(), *[(drawn == x).sum() for x in range(low, high + 1)], (drawn > high).sum()]
    if min(expected) * len(drawn) < 1:
        expected, seen = expected[1:-1], seen[1:-1]
    return float(
        stats.chisquare(seen, len(drawn) * np.array(expected) / sum(expected) * sum(seen) / len(drawn)).pvalue
    )


@pytest.mark.parametrize("variance", [Fraction(1, 3), Fraction(5, 2), Fraction(100)])
def test_discrete_gaussian(variance: Fraction) -> None:
    drawn = sampling.discrete_gaussian(variance, N, generator()).numpy()
    assert fit(drawn, lambda x: -(x**2) / (2 * float(variance))) > 0.001
    assert fit(drawn, lambda x: -(x**2) / (2 * 1.15 * float(variance))) < 0.001


def test_discrete_gaussian_of_a_fine_grid() -> None:
    """σ² = 2^32 + 1/7: beyond 64-bit arithmetic, and close to a Gaussian."""
    variance = Fraction(2**32) + Fraction(1, 7)
    drawn = sampling.discrete_gaussian(variance, N, generator()).numpy() / math.sqrt(variance)
    assert stats.kstest(drawn, "norm").pvalue > 0.001
    assert stats.kstest(1.04 * drawn, "norm").pvalue < 0.05


def test_discrete_laplace() -> None:
    for t in (1, 4):
        drawn = sampling.discrete_laplace(t, N, generator())
        assert fit(drawn, lambda x, t=t: -abs(x) / t) > 0.001
        assert fit(drawn, lambda x, t=t: -abs(x) / (1.1 * t)) < 0.001


@pytest.mark.parametrize("variance", [0.5, 9.0])
def test_skellam(variance: float) -> None:
    drawn = sampling.skellam(variance, N, generator()).numpy()
    assert fit(drawn, lambda x: stats.skellam.logpmf(x, variance / 2, variance / 2)) > 0.001
    assert fit(drawn, lambda x: -(x**2) / (2 * variance)) < 0.05  # it is no discrete Gaussian


def test_skellam_shares_add_up_exactly() -> None:
    """A sum of 8 shares of variance 1/8 is one of variance 1."""
    source = generator()
    total = sum(sampling.skellam(1 / 8, N, source) for _ in range(8)).numpy()
    assert fit(total, lambda x: stats.skellam.logpmf(x, 0.5, 0.5)) > 0.001


@pytest.mark.parametrize(("a", "b"), [(0, 1), (1, 3), (1, 1), (9, 4), (10**30, 3 * 10**30)])
def test_bernoulli_of_an_exponential(a: int, b: int) -> None:
    gammas = np.array([a] * N, dtype=object)
    share = sampling.bernoulli_exp(gammas, b, generator()).mean()
    expected = math.exp(-a / b)
    assert share == pytest.approx(expected, abs=4 * math.sqrt(expected * (1 - expected) / N) + 1e-12)


def test_bernoulli_reads_on_where_the_first_digits_tie(monkeypatch) -> None:
    """p = 1/3 has the digits 0101...: with equal first digits the next ones decide."""
    first = (1 << sampling.BITS) // 3
    for second, expected in ((first - 1, True), (first + 1, False)):
        queue = iter([first, second])
        monkeypatch.setattr(sampling, "bits", lambda dim, _, queue=queue: np.array([next(queue)] * dim))
        assert sampling.bernoulli(np.array([1]), 3, generator()).tolist() == [expected]


def test_uniform_is_fair() -> None:
    counts = np.bincount(sampling.uniform_below(7, N, generator()), minlength=7)
    assert len(counts) == 7
    assert stats.chisquare(counts).pvalue > 0.001


def test_uniform_rejects_the_incomplete_block(monkeypatch) -> None:
    queue = iter([(1 << sampling.BITS) - 1, 5])
    monkeypatch.setattr(sampling, "bits", lambda dim, _: np.array([next(queue)] * dim))
    assert sampling.uniform_below(3, 1, generator()).tolist() == [2]


def test_draws_come_from_the_generator_alone() -> None:
    for draw in (lambda g: sampling.discrete_gaussian(50, 300, g), lambda g: sampling.skellam(50, 300, g)):
        torch.manual_seed(0)
        one = draw(generator(3))
        torch.manual_seed(1)
        assert torch.equal(one, draw(generator(3)))
        assert not torch.equal(one, draw(generator(4)))


def test_limits() -> None:
    assert not sampling.discrete_gaussian(0, 10, generator()).any()
    assert not sampling.skellam(0, 10, generator()).any()
    with pytest.raises(ValueError, match="must not be negative"):
        sampling.discrete_gaussian(-1, 10, generator())
    with pytest.raises(ValueError, match="lower the grid's scale"):
        sampling.skellam(2.0**60, 10, generator())

"""Soft-DTW against every path of small matrices, finite differences, and its limits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import logsumexp

from privtalk.metrics.soft_dtw import aligned_cost, alignment, soft_dtw

sizes = st.tuples(st.integers(1, 5), st.integers(1, 5))
costs = sizes.flatmap(lambda shape: arrays(np.float64, shape, elements=st.floats(0, 4)))
squares = st.integers(1, 12).flatmap(lambda n: arrays(np.float64, (n, n), elements=st.floats(0, 4)))


@pytest.fixture(scope="module", autouse=True)
def _compiled_beforehand():
    """Compiling takes longer than an example may."""
    alignment(np.zeros((2, 2)), 1.0)


def paths(rows, columns, band=None):
    """Every monotone path as a 0/1 matrix, by recursion."""

    def walk(t, u, cells):
        cells = [*cells, (t, u)]
        if band is not None and abs(t - u) > band:
            return
        if (t, u) == (rows - 1, columns - 1):
            visited = np.zeros((rows, columns))
            visited[tuple(np.transpose(cells))] = 1
            yield visited
        for down, right in ((1, 0), (0, 1), (1, 1)):
            if t + down < rows and u + right < columns:
                yield from walk(t + down, u + right, cells)

    return np.array(list(walk(0, 0, [])))


def by_enumeration(cost, gamma, band):
    every = paths(*cost.shape, band)
    exponents = -(every * cost).sum((1, 2)) / gamma
    weights = np.exp(exponents - logsumexp(exponents))
    return -gamma * logsumexp(exponents), np.einsum("p,ptu->tu", weights, every)


def test_paths_are_counted_by_delannoys_numbers():
    assert [len(paths(n, n)) for n in (1, 2, 3, 4)] == [1, 3, 13, 63]


@given(costs, st.floats(0.05, 3), st.one_of(st.none(), st.integers(0, 4)))
def test_value_and_alignment_are_those_of_all_paths(cost, gamma, band):
    if band is not None:
        band = max(band, abs(cost.shape[0] - cost.shape[1]))
    value, visits = by_enumeration(cost, gamma, band)
    assert soft_dtw(cost, gamma, band) == pytest.approx(value, abs=1e-9)
    np.testing.assert_allclose(alignment(cost, gamma, band), visits, atol=1e-9)


@given(costs, st.one_of(st.none(), st.integers(0, 4)))
def test_no_gamma_is_the_cheapest_path(cost, band):
    if band is not None:
        band = max(band, abs(cost.shape[0] - cost.shape[1]))
    every = paths(*cost.shape, band)
    cheapest = (every * cost).sum((1, 2)).min()
    visits = alignment(cost, 0, band)
    assert soft_dtw(cost, 0, band) == pytest.approx(cheapest, abs=1e-9)
    assert (visits * cost).sum() == pytest.approx(cheapest, abs=1e-9)
    assert (every == visits).all((1, 2)).any()


def test_a_small_gamma_tends_to_the_cheapest_path():
    cost = np.random.default_rng(0).uniform(size=(30, 33))
    assert soft_dtw(cost, 1e-5, 8) == pytest.approx(soft_dtw(cost, 0, 8), abs=1e-3)
    assert aligned_cost(cost, 1e-5, 8) == pytest.approx(aligned_cost(cost, 0, 8), abs=1e-3)


@pytest.mark.parametrize("band", [None, 3])
def test_alignment_is_the_gradient_of_the_value(band):
    cost = np.random.default_rng(1).uniform(size=(9, 11))
    numeric = np.zeros_like(cost)
    for cell in np.ndindex(*cost.shape):
        step = np.zeros_like(cost)
        step[cell] = 1e-5
        numeric[cell] = (soft_dtw(cost + step, 0.2, band) - soft_dtw(cost - step, 0.2, band)) / 2e-5
    np.testing.assert_allclose(alignment(cost, 0.2, band), numeric, atol=1e-8)


@given(squares, st.floats(0, 2))
def test_band_zero_is_the_rigid_mean(cost, gamma):
    assert aligned_cost(cost, gamma, 0) == pytest.approx(np.diag(cost).mean(), rel=1e-12)
    assert (alignment(cost, gamma, 0) == np.eye(len(cost))).all()


@given(squares, st.integers(0, 12))
def test_the_cheapest_alignment_never_costs_more_than_the_rigid_one(cost, band):
    assert aligned_cost(cost, 0, band) <= np.diag(cost).mean() + 1e-12


@given(squares, st.floats(0, 2))
def test_alignment_turns_with_its_matrix_where_no_tie_is_broken(cost, gamma):
    cost = cost + np.random.default_rng(0).uniform(size=cost.shape)
    np.testing.assert_allclose(alignment(cost.T, gamma, 4), alignment(cost, gamma, 4).T, atol=1e-9)


@pytest.mark.parametrize("scale", [1e-8, 1e8])
def test_extreme_costs_neither_overflow_nor_vanish(scale):
    cost = scale * np.random.default_rng(2).uniform(size=(200, 200))
    visits = alignment(cost, 1e-3, 5)
    assert np.isfinite(visits).all()
    np.testing.assert_allclose([visits[0, 0], visits[-1, -1]], 1, atol=1e-9)
    assert np.isfinite(soft_dtw(cost, 1e-3, 5))


def test_bad_arguments_are_named():
    cost = np.zeros((4, 6))
    with pytest.raises(ValueError, match=r"band of 1 holds no path through \[4, 6\]"):
        soft_dtw(cost, 1.0, 1)
    with pytest.raises(ValueError, match="gamma is -1"):
        soft_dtw(cost, -1.0)
    with pytest.raises(ValueError, match="not finite"):
        alignment(cost + np.inf, 1.0)
    with pytest.raises(ValueError, match=r"must be \[T, U\]"):
        aligned_cost(np.zeros((0, 3)), 1.0)

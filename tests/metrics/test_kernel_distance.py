"""The kernel distance against its definition, pair by pair, and its expectation under no difference."""

import numpy as np
import pytest

from privtalk.metrics.declaration import Undefined
from privtalk.metrics.kernel_distance import ROWS, kernel, kernel_distance, u_statistic
from privtalk.metrics.spool import Spool
from tests.metrics.test_frechet import spooled, world


def by_definition(generated, truth, owner):
    """Means over pairs of different clusters, written out."""

    def mean(xs, ys, a, b):
        first = np.concatenate([x for x, o in zip(xs, owner, strict=True) if o == a])
        second = np.concatenate([y for y, o in zip(ys, owner, strict=True) if o == b])
        return np.mean([[(x @ y / len(x) + 1) ** 3 for y in second] for x in first])

    names = sorted(set(owner))
    pairs = [(a, b) for a in names for b in names if a != b]
    terms = [
        mean(generated, generated, a, b) + mean(truth, truth, a, b) - 2 * mean(generated, truth, a, b)
        for a, b in pairs
    ]
    return np.mean(terms)


def test_is_its_definition():
    generated, truth = world(0, clips=7, rows=4, dim=3)
    owner = list("aabbcdd")
    found = kernel_distance(spooled(generated), spooled(truth), owner)
    assert found.value == pytest.approx(by_definition(generated, truth, owner), rel=1e-5)
    assert [found.shares[0], found.shares[2]] == [found.shares[1], found.shares[3]]


def test_kernel_is_scikit_learns():
    pairwise = pytest.importorskip("sklearn.metrics.pairwise")
    x, y = np.random.default_rng(0).normal(size=(2, 5, 4))
    np.testing.assert_allclose(kernel(x, y), pairwise.polynomial_kernel(x, y, degree=3, coef0=1), rtol=1e-12)


def test_shares_are_pseudo_values():
    excess = np.random.default_rng(1).normal(size=(6, 6))
    value, shares = u_statistic(excess)
    off = ~np.eye(6, dtype=bool)
    assert value == pytest.approx(excess[off].mean())
    kept = [np.delete(np.delete(excess, k, 0), k, 1) for k in range(6)]
    without = [part[~np.eye(5, dtype=bool)].mean() for part in kept]
    np.testing.assert_allclose(shares, 6 * value - 5 * np.array(without))
    assert shares.mean() == pytest.approx(value)


def test_is_zero_on_average_where_nothing_differs():
    """Clips are alike within and a generated clip is after a true one: the usual estimator would be far off."""
    rng = np.random.default_rng(2)
    values, naive = [], []
    for _ in range(200):
        centres = rng.normal(size=(12, 1, 4))
        truth = list(centres + 0.1 * rng.normal(size=(12, 5, 4)))
        generated = list(centres + 0.1 * rng.normal(size=(12, 5, 4)))
        values.append(kernel_distance(spooled(generated), spooled(truth), [str(k) for k in range(12)]).value)
        x, y = np.concatenate(generated), np.concatenate(truth)
        xx, yy = kernel(x, x), kernel(y, y)
        off = ~np.eye(len(x), dtype=bool)
        naive.append(xx[off].mean() + yy[off].mean() - 2 * kernel(x, y).mean())
    assert abs(np.mean(values)) < 3 * np.std(values) / np.sqrt(200)
    assert abs(np.mean(naive)) > 3 * np.std(naive) / np.sqrt(200)


def test_rises_with_the_difference():
    found = [
        kernel_distance(*map(spooled, world(3, shift=shift, stretch=1)), [str(k) for k in range(30)]).value
        for shift in (0.0, 0.3, 0.6)
    ]
    assert found[0] < found[1] < found[2]


def test_long_recordings_are_thinned():
    clips = [np.random.default_rng(k).normal(size=(ROWS, 2)) for k in range(4)]
    found = kernel_distance(spooled(clips), spooled(clips), list("abcd"))
    assert found.value == pytest.approx(0, abs=1e-9)


def test_refusals():
    generated, truth = world(4, clips=2)
    with pytest.raises(Undefined, match="2 clients are too few"):
        kernel_distance(spooled(generated), spooled(truth), ["a", "b"])
    with pytest.raises(ValueError, match="2 generated clips, 2 true ones and 1 clusters"):
        kernel_distance(spooled(generated), spooled(truth), ["a"])
    empty = Spool(2)
    for rows in (3, 3, 0):
        empty.append(np.zeros((rows, 2)))
    with pytest.raises(Undefined, match="1 clients have no sample"):
        kernel_distance(empty, empty, ["a", "b", "c"])

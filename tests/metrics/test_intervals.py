"""Interval of a mean clustered by client: estimand, counts and coverage."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import bootstrap

from privtalk.metrics.intervals import clustered_mean

values = st.lists(st.tuples(st.sampled_from("abcde"), st.one_of(st.none(), st.floats(-5, 5))), min_size=1)


def rng(seed=0):
    return np.random.default_rng(seed)


@given(values, st.randoms(use_true_random=False))
def test_mean_of_client_means_in_any_order(pairs, random):
    present = {name: [v for n, v in pairs if n == name and v is not None] for name, _ in pairs}
    means = [np.mean(v) for v in present.values() if v]
    estimate = clustered_mean([v for _, v in pairs], [n for n, _ in pairs], rng())
    random.shuffle(pairs)
    assert estimate == clustered_mean([v for _, v in pairs], [n for n, _ in pairs], rng())
    assert (estimate.n, estimate.clusters) == (sum(map(len, present.values())), len(means))
    if means:
        assert estimate.value == pytest.approx(np.mean(means), abs=1e-9)
        assert estimate.low is None or estimate.low - 1e-9 <= estimate.value <= estimate.high + 1e-9
    else:
        assert estimate.value is estimate.low is None
        assert estimate.missing == "no clip has a value"


def test_interval_is_scipys():
    draws = rng(3).normal(size=40)
    ours = clustered_mean(draws.tolist(), [str(i) for i in range(40)], rng(1), resamples=20_000)
    theirs = bootstrap(
        (draws,), np.mean, n_resamples=20_000, method="percentile", rng=rng(2)
    ).confidence_interval
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.01)


def test_interval_covers_where_clips_of_a_client_are_alike():
    draw, covered, runs = rng(4), 0, 300
    names = [str(i // 5) for i in range(200)]
    for _ in range(runs):
        clients = np.repeat(draw.normal(size=40), 5)
        estimate = clustered_mean(
            (clients + 0.1 * draw.normal(size=200)).tolist(), names, draw, resamples=400
        )
        covered += estimate.low <= 0 <= estimate.high
    assert 0.89 <= covered / runs <= 0.99


def test_one_client_has_no_interval():
    estimate = clustered_mean([1.0, 3.0], ["a", "a"], rng())
    assert (estimate.value, estimate.low, estimate.high, estimate.clusters) == (2, None, None, 1)


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="2 values and 1 cluster names"):
        clustered_mean([1.0, 2.0], ["a"], rng())
    with pytest.raises(ValueError, match="not finite"):
        clustered_mean([float("nan")], ["a"], rng())


def test_a_few_clusters_have_students_interval():
    """A bootstrap of two clients is their range, which holds the true mean half of the time."""
    found = clustered_mean([1.0, 3.0, 3.0], ["a", "b", "b"], np.random.default_rng(0))
    assert (found.value, found.n, found.clusters) == (2.0, 3, 2)
    assert (found.low, found.high) == pytest.approx((-10.706, 14.706), abs=1e-3)
    alone = clustered_mean([1.0], ["a"], np.random.default_rng(0))
    assert (alone.low, alone.high, alone.clusters) == (None, None, 1)


@pytest.mark.parametrize("clusters", [2, 3, 4])
def test_intervals_of_a_few_clusters_hold_as_often_as_they_say(clusters):
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(400):
        found = clustered_mean(rng.standard_normal(clusters).tolist(), list("abcd"[:clusters]), rng)
        held += found.low <= 0 <= found.high
    assert 0.92 < held / 400 < 0.98

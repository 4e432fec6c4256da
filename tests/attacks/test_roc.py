"""ROC analysis against independent oracles: scikit-learn, SciPy, the definition itself, and simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, norm
from sklearn.metrics import roc_auc_score
from sklearn.metrics import roc_curve as sklearn_curve

from privtalk.attacks.roc import auc, auc_interval, corners, newcombe, roc_curve
from privtalk.core.intervals import clopper_pearson

groups = st.lists(st.integers(0, 8), min_size=2, max_size=30)
"""Few distinct values, so that ties are frequent."""


def joined(members, nonmembers):
    return [1] * len(members) + [0] * len(nonmembers), [*members, *nonmembers]


@given(groups, groups)
def test_auc_is_scikit_learns_and_the_definition(members, nonmembers):
    labels, scores = joined(members, nonmembers)
    pairs = [(x > y) + (x == y) / 2 for x in members for y in nonmembers]
    assert auc(members, nonmembers) == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
    assert auc(members, nonmembers) == pytest.approx(np.mean(pairs), abs=1e-12)


@given(groups, groups)
def test_curve_is_scikit_learns(members, nonmembers):
    labels, scores = joined(members, nonmembers)
    fpr, tpr, thresholds = sklearn_curve(labels, scores, drop_intermediate=False)
    np.testing.assert_allclose(
        [(r.fpr, r.tpr) for r in roc_curve(members, nonmembers)], np.c_[fpr, tpr], atol=1e-12
    )
    np.testing.assert_array_equal([r.threshold for r in roc_curve(members, nonmembers)], thresholds)


@given(groups, groups)
def test_corners_keep_the_area(members, nonmembers):
    kept = corners(roc_curve(members, nonmembers))
    x, y = np.array(kept).T
    assert np.trapezoid(y, x) == pytest.approx(auc(members, nonmembers), abs=1e-12)
    assert kept[0] == (0, 0)
    assert kept[-1] == (1, 1)


@given(groups, groups)
def test_interval_holds_its_value_and_mirrors(members, nonmembers):
    interval, mirrored = auc_interval(members, nonmembers), auc_interval(nonmembers, members)
    assert 0 <= interval.low <= interval.value <= interval.high <= 1
    assert interval.low < interval.high
    assert (1 - mirrored.high, 1 - mirrored.low) == pytest.approx((interval.low, interval.high), abs=1e-6)


def test_delong_variance_is_the_slow_definition():
    rng = np.random.default_rng(3)
    x, y = rng.normal(0.8, 1, 30), rng.normal(0, 1, 45)
    wins = (x[:, None] > y).astype(float)
    error = np.sqrt(wins.mean(1).var(ddof=1) / 30 + wins.mean(0).var(ddof=1) / 45)
    value = wins.mean()
    logit = norm.ppf(0.975) * error / (value * (1 - value))
    expected = [1 / (1 + (1 / value - 1) * np.exp(sign * logit)) for sign in (1, -1)]
    interval = auc_interval(x, y)
    assert [interval.low, interval.high] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("shift", "spread"), [(0.0, 1.0), (1.0, 1.0), (0.5, 2.0)])
def test_interval_covers_the_true_auc(shift, spread):
    rng = np.random.default_rng(1)
    true = norm.cdf(shift / np.hypot(1, spread))
    covered = 0
    for _ in range(600):
        interval = auc_interval(rng.normal(shift, spread, 40), rng.normal(0, 1, 40))
        covered += interval.low <= true <= interval.high
    assert 0.925 <= covered / 600 <= 0.98


def test_all_tied_is_chance_and_not_certain():
    interval = auc_interval(np.zeros(50), np.zeros(50))
    assert interval.value == 0.5
    assert interval.low < 0.45
    assert interval.high > 0.55


def test_perfect_separation_is_not_certain():
    interval = auc_interval(np.ones(20), np.zeros(20))
    assert interval.value == interval.high == 1
    assert 0.8 < interval.low < 0.95


@given(st.floats(0, 1), st.integers(2, 300), st.integers(2, 300))
def test_newcombe_bounds_solve_their_equation(value, n, m):
    low, high = newcombe(value, n, m, 1.96)
    size = (n + m) / 2 - 1
    for theta in {low, high} - {0.0, 1.0}:
        q1, q2 = theta / (2 - theta), 2 * theta**2 / (1 + theta)
        hanley = (theta * (1 - theta) + size * (q1 - theta**2) + size * (q2 - theta**2)) / (n * m)
        assert abs(value - theta) == pytest.approx(1.96 * np.sqrt(max(hanley, 0)), abs=1e-4)


@given(st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_clopper_pearson_is_scipys(case):
    hits, trials = case
    expected = binomtest(hits, trials).proportion_ci(0.95, method="exact")
    interval = clopper_pearson(hits, trials)
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high), abs=1e-9)


@pytest.mark.parametrize("scores", [[], [1.0, float("nan")], [[1.0]]])
def test_bad_scores_are_named(scores):
    with pytest.raises(ValueError, match="scores of the non-members"):
        auc([1.0], scores)


def test_bad_counts_are_refused():
    with pytest.raises(ValueError, match="3 hits in 2 trials"):
        clopper_pearson(3, 2)

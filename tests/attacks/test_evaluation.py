"""Operating points: what is refused, what the threshold guarantees, and what a record accepts."""

from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, ks_2samp

from privtalk.attacks.evaluation import FPR_TARGETS, advantage, evaluate
from privtalk.attacks.roc import roc_curve
from privtalk.core.records import Estimate, OperatingPoint


@pytest.mark.parametrize(
    ("nonmembers", "known"), [(9, 0), (10, 1), (99, 1), (100, 2), (999, 2), (1000, 3)], ids=lambda v: str(v)
)
def test_small_rates_need_many_nonmembers(nonmembers, known):
    rng = np.random.default_rng(0)
    points = evaluate(rng.normal(1, 1, 20), rng.normal(0, 1, nonmembers)).points
    assert [point.fpr_target for point in points] == list(FPR_TARGETS)
    assert [point.tpr.missing is None for point in points] == [i < known for i in range(3)]
    for point in points[known:]:
        assert point.tpr.value is point.threshold is point.fpr_realised is None
        assert "non-members, there are" in point.tpr.missing


@given(
    st.lists(st.integers(0, 20), min_size=10, max_size=40),
    st.lists(st.integers(0, 20), min_size=10, max_size=40),
)
def test_point_realises_what_it_states(members, nonmembers):
    x, y = np.array(members), np.array(nonmembers)
    point = evaluate(x, y).points[0]
    threshold = np.inf if point.threshold is None else point.threshold
    assert point.fpr_realised == pytest.approx((y >= threshold).mean())
    assert point.fpr_realised <= 0.1
    assert point.tpr.value == pytest.approx((x >= threshold).mean())
    # No lower threshold keeps the false-positive rate.
    lower = [value for value in {*members, *nonmembers} if value < threshold]
    assert all((y >= value).mean() > 0.1 for value in lower)
    exact = binomtest(int((x >= threshold).sum()), len(x)).proportion_ci(method="exact")
    assert (point.tpr.low, point.tpr.high) == pytest.approx((exact.low, exact.high), abs=1e-9)


@pytest.mark.parametrize(
    ("called", "of", "target"), [(1, 100, 0.01), (7, 70, 0.1), (1, 1000, 0.001), (2, 200, 0.01)]
)
def test_a_rate_that_is_the_target_to_the_digit_does_not_exceed_it(called, of, target):
    """1 of 100 is 1 %, although 1 - 99/100 is a little more in floating point."""
    nonmembers = np.where(np.arange(of) < called, 2.0, 0.0)
    point = next(point for point in evaluate([2.0, 1.0], nonmembers).points if point.fpr_target == target)
    assert point.fpr_realised == target
    assert point.tpr.value == 1.0  # the lowest threshold is that of the member at 1


def test_advantage_is_the_one_sided_kolmogorov_smirnov_distance():
    rng = np.random.default_rng(5)
    x, y = rng.normal(0.7, 1, 60), rng.normal(0, 1, 80)
    result = advantage(roc_curve(x, y), 60, 80)
    assert result.value == pytest.approx(ks_2samp(x, y, alternative="less").statistic)
    assert result.low < result.value < result.high


def test_advantage_interval_covers_chance():
    rng = np.random.default_rng(6)
    held = [
        advantage(roc_curve(rng.normal(size=50), rng.normal(size=50)), 50, 50).low == 0 for _ in range(200)
    ]
    assert np.mean(held) > 0.95


def test_all_tied_scores_are_chance_everywhere():
    result = evaluate(np.zeros(30), np.zeros(1000))
    assert result.auc.value == 0.5
    assert result.advantage.value == 0
    assert result.roc == ((0, 0), (1, 1))
    assert [(p.fpr_realised, p.tpr.value, p.threshold) for p in result.points] == [(0, 0, None)] * 3


def test_a_record_takes_the_parts_as_they_are():
    result = evaluate(np.arange(12.0), np.arange(10.0))
    assert Estimate.model_validate(asdict(result.auc)).value == result.auc.value
    assert [OperatingPoint.model_validate(asdict(point)).fpr_target for point in result.points] == list(
        FPR_TARGETS
    )

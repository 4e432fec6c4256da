"""THEval's score: ground truth is 1, nothing is clipped, missing values stay out."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privtalk.metrics import metric
from privtalk.metrics.declaration import Undefined
from privtalk.metrics.theval import KINDS, PARTS, normalised, theval, theval_metric

truth = st.floats(0.01, 100) | st.floats(-100, -0.01)


@given(truth, st.floats(-3, 3))
def test_error_is_relative_to_the_truth_and_its_side_does_not_matter(value, error):
    assert normalised(value * (1 + error), value) == pytest.approx(1 - abs(error), abs=1e-9)
    assert normalised(value * (1 + error), value) == pytest.approx(normalised(value * (1 - error), value))


@given(st.dictionaries(st.sampled_from("abcdef"), truth, min_size=1))
def test_ground_truth_scores_one(truths):
    assert theval(truths, truths) == 1


def test_every_metric_counts_alike_whatever_its_unit():
    truths = {"small": 1e-3, "large": 1e3}
    assert theval({"small": 2e-3, "large": 1e3}, truths) == pytest.approx(0.5)
    assert theval({"small": 1e-3, "large": 2e3}, truths) == pytest.approx(0.5)


def test_far_off_is_below_zero():
    assert theval({"a": 5.0}, {"a": 1.0}) == -3
    assert theval_metric("talkhead").range == (-math.inf, 1.0)


def test_missing_values_are_left_out_and_never_zero():
    values = {"a": 0.5, "undefined": None, "still": 0.2, "unknown": 3.0}
    truths = {"a": 1.0, "undefined": 1.0, "still": 0.0, "unmeasured": 2.0}
    assert theval(values, truths) == normalised(0.5, 1.0) == 0.5


def test_parts_are_those_for_which_ground_truth_is_a_value_and_not_the_limit():
    declared = [metric(name) for name in PARTS]
    assert [part.direction for part in declared] == ["reference"] * 3 + ["higher", "lower"]
    assert "sync" in KINDS
    assert {part.evaluator for part in declared} - {None} == {theval_metric("talkhead").evaluator}


def test_nothing_to_compare_has_no_value():
    with pytest.raises(Undefined, match="no metric has both"):
        theval({"a": None, "b": 1.0}, {"a": 1.0, "b": 0.0})
    with pytest.raises(Undefined, match="is 0"):
        normalised(1.0, 0.0)

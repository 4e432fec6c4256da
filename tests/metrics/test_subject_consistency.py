"""Subject consistency against SciPy's cosines, VBench's clamp, and its limits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cosine

from privtalk.metrics.declaration import Undefined
from privtalk.metrics.subject_consistency import consistency, subject_consistency


def features(seed, count=8, dim=6):
    return np.random.default_rng(seed).normal(size=(count, dim)).astype(np.float32)


def by_the_frame(rows):
    rows = rows.astype(np.float64)
    pairs = [
        (max(0, 1 - cosine(rows[t], rows[0])), max(0, 1 - cosine(rows[t], rows[t - 1])))
        for t in range(1, len(rows))
    ]
    return np.mean([(first + previous) / 2 for first, previous in pairs])


@given(st.integers(0, 200), st.integers(2, 9))
def test_is_vbenchs_loop(seed, count):
    rows = features(seed, count)
    assert consistency(rows) == pytest.approx(by_the_frame(rows), abs=1e-9)


def test_negative_cosines_count_as_none():
    assert consistency(np.array([[1.0, 0.0], [-1.0, 0.0]])) == 0


@given(st.floats(0.01, 100))
def test_lengths_of_features_do_not_matter(scale):
    rows = features(0)
    assert consistency(rows * np.linspace(scale, 1, 8)[:, None]) == pytest.approx(consistency(rows), abs=1e-6)


def test_a_frozen_clip_scores_one_so_no_direction_is_claimed():
    assert consistency(np.repeat(features(0, 1), 5, axis=0)) == pytest.approx(1)
    declared = subject_consistency("talkhead")
    assert (declared.name, declared.direction) == ("subject_consistency[talkhead]", "reference")


def test_one_frame_and_empty_features_have_no_value():
    with pytest.raises(Undefined, match="one frame"):
        consistency(features(0, 1))
    with pytest.raises(Undefined, match="zero"):
        consistency(np.zeros((3, 4)))
    with pytest.raises(ValueError, match=r"must be \[T, D\]"):
        consistency(np.zeros(4))

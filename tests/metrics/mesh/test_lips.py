"""Lips and diversity: limits, and faults that must show."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from privtalk.metrics.declaration import Undefined
from privtalk.metrics.mesh import VisemeReader, closure, diversity, lip_gap, lip_shape

PAIR = np.array([[0, 1]])


def mouth(gaps):
    out = np.zeros((len(gaps), 3, 3))
    out[:, 0, 1] = gaps
    return out


def test_the_truth_shuts_its_lips_and_an_open_mouth_does_not():
    truth = mouth([5, 1, 0, 1, 5, 0.2, 5])
    said = np.array([False, True, True, True, False, True, False])
    assert closure(truth, truth, said, PAIR, 0.0) == 1.0
    assert closure(mouth([5] * 7), truth, said, PAIR, 1.0) == 0.0
    assert closure(mouth([5, 5, 0, 5, 5, 5, 5]), truth, said, PAIR, 1.0) == 0.5


def test_one_frame_of_contact_in_a_run_is_enough_and_none_in_another_run_helps():
    truth = mouth([0, 0, 9, 0, 0])
    said = np.array([True, True, False, True, True])
    assert closure(mouth([9, 0, 0, 9, 9]), truth, said, PAIR, 0.1) == 0.5


def test_lips_must_come_as_near_as_the_closest_true_moment_and_not_as_any():
    truth = mouth([3, 0, 3])
    said = np.ones(3, bool)
    assert closure(mouth([2, 2, 2]), truth, said, PAIR, 1.0) == 0.0
    assert closure(mouth([2, 1, 2]), truth, said, PAIR, 1.0) == 1.0


def test_where_nobody_says_p_b_or_m_nothing_is_told():
    with pytest.raises(Undefined, match="p, b or m"):
        closure(mouth([1, 2]), mouth([1, 2]), np.zeros(2, bool), PAIR, 1.0)


@given(st.floats(0, 10), st.floats(0, 10))
def test_a_wider_slack_never_finds_fewer_contacts(a, b):
    rng = np.random.default_rng(0)
    truth, made = mouth(rng.uniform(0, 5, 30)), mouth(rng.uniform(0, 9, 30))
    said = rng.random(30) < 0.5
    low, high = sorted((a, b))
    assert closure(made, truth, said, PAIR, low) <= closure(made, truth, said, PAIR, high)


def test_a_gap_is_a_distance():
    assert lip_gap(mouth([3.0]), PAIR).tolist() == [3.0]


def test_a_reader_reads_what_it_knows_and_chance_of_noise():
    rng = np.random.default_rng(0)
    said = rng.integers(0, 4, 800)
    shapes = np.eye(4)[said] @ rng.normal(size=(4, 6)) + 0.05 * rng.normal(size=(800, 6))
    reader = VisemeReader(shapes[:400], said[:400])
    assert reader.accuracy(shapes[400:], said[400:]) > 0.95
    assert reader.accuracy(rng.normal(size=(400, 6)), said[400:]) == pytest.approx(0.25, abs=0.1)
    half = np.where(np.arange(400) % 2, said[400:], -1)
    assert reader.accuracy(shapes[400:], half) > 0.95
    with pytest.raises(Undefined):
        reader.accuracy(shapes[:3], np.full(3, -1))


def test_lip_shapes_are_displacements_of_lips_alone():
    rest = np.arange(12.0).reshape(4, 3)
    moved = np.stack([rest, rest])
    moved[1, 2] += [1, 2, 3]
    moved[1, 0] += 9
    assert lip_shape(moved, rest, [2, 3]).tolist() == [[0] * 6, [1, 2, 3, 0, 0, 0]]


def test_diversity_is_the_mean_distance_of_pairs():
    samples = np.zeros((3, 2, 2, 3))
    samples[1, ..., 0] = 1
    samples[2, ..., 0] = 3
    assert diversity(samples, [0, 1]) == pytest.approx((1 + 3 + 2) / 3)
    assert diversity(samples[[0, 0]], [0]) == 0
    with pytest.raises(ValueError, match="at least two"):
        diversity(samples[:1], [0])

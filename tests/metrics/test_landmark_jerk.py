"""Landmark jerk: polynomials whose third difference is known, invariances and limits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from privtalk.metrics.declaration import Undefined
from privtalk.metrics.landmark_jerk import jerk, landmark_jerk


def face(count=12, seed=0):
    points = np.random.default_rng(seed).uniform(0, 3, (count, 68, 2))
    points[:, 36], points[:, 45] = (22, 24), (42, 24)
    return points


@given(st.lists(st.floats(-2, 2), min_size=4, max_size=4))
def test_a_cubic_motion_has_six_times_its_leading_factor(factors):
    time = np.arange(9.0)[:, None, None]
    motion = sum(factor * time**power for power, factor in enumerate(factors))
    points = face(1) + motion * np.array([0.6, 0.8])
    assert jerk(points) == pytest.approx(6 * abs(factors[3]) / 20, abs=1e-9)


def test_is_the_definition():
    p = face()
    third = p[3:] - 3 * p[2:-1] + 3 * p[1:-2] - p[:-3]
    assert jerk(p) == pytest.approx(np.sqrt((third**2).sum(-1)).mean() / 20, abs=1e-12)


@given(st.floats(0.5, 4), st.floats(-3, 3), st.floats(-50, 50))
def test_is_invariant_to_size_angle_place_and_the_direction_of_time(scale, angle, shift):
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = scale * face()[::-1] @ turn.T + shift
    assert jerk(moved) == pytest.approx(jerk(face()), rel=1e-9)


def test_a_frozen_face_scores_best_so_no_direction_is_claimed():
    assert jerk(np.repeat(face(1), 5, axis=0)) == 0
    declared = landmark_jerk("talkhead")
    assert (declared.direction, declared.worst, declared.base) == ("reference", None, "landmark_jerk")


def test_three_frames_have_no_value():
    with pytest.raises(Undefined, match="3 frames are too few"):
        jerk(face(3))

"""Mouth region and opening: geometry that must hold whatever the pose."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from privtalk.metrics.declaration import Undefined
from privtalk.metrics.regions import eye_distance, mouth_opening, mouth_region


def face(opening=4.0, count=5):
    """[T, 68, 2] with eyes 20 px apart and inner lips `opening` px apart."""
    points = np.zeros((count, 68, 2))
    points[:, :, 0] = 32
    points[:, 36], points[:, 45] = (22, 24), (42, 24)
    points[:, 48:68, 1] = 44
    points[:, 48], points[:, 54] = (26, 44), (38, 44)
    points[:, 61:64, 1], points[:, 65:68, 1] = 44 - opening / 2, 44 + opening / 2
    points[:, [61, 67], 0], points[:, [63, 65], 0] = 30, 34
    return points


@given(st.floats(0, 10), st.floats(0.5, 4), st.floats(-3, 3), st.floats(-50, 50))
def test_opening_is_invariant_to_size_angle_and_place(opening, scale, angle, shift):
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = scale * face(opening) @ turn.T + shift
    np.testing.assert_allclose(mouth_opening(moved), opening / 20, atol=1e-9)
    assert eye_distance(moved) == pytest.approx(20 * scale)


def test_region_holds_every_mouth_point_and_follows_the_mouth():
    points = face()
    points[2] += (3, -2)
    region = mouth_region(points, 64, 64)
    assert region.shape == (5, 64, 64)
    for mask, frame in zip(region, points, strict=True):
        columns, rows = (frame[48:68] - 1e-9).astype(int).T
        assert mask[rows, columns].all()
    np.testing.assert_array_equal(region[2], np.roll(region[0], (-2, 3), (0, 1)))
    assert region[0].any(0).sum() == 18


def test_a_mouth_outside_the_frame_has_no_region():
    points = face()
    points[3] += 100
    with pytest.raises(Undefined, match="outside"):
        mouth_region(points, 64, 64)


def test_coinciding_eyes_give_no_size():
    with pytest.raises(Undefined, match="coincide"):
        mouth_opening(np.zeros((3, 68, 2)))

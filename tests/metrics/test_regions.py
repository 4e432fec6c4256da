"""Mouth region and opening: geometry that must hold whatever the pose."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial import Delaunay

from privtalk.metrics.declaration import Undefined
from privtalk.metrics.regions import eye_distance, face_region, hull_spans, mouth_opening, mouth_region


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


def jaw(points):
    """The same face with an outline around it."""
    outline = {0: (10, 20), 4: (14, 50), 8: (32, 60), 12: (50, 50), 16: (54, 20)}
    for index, place in outline.items():
        points[:, index] = place
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


@given(st.integers(0, 10_000), st.floats(2, 40))
def test_face_is_every_pixel_whose_centre_lies_in_the_hull(seed, spread):
    points = np.random.default_rng(seed).normal(24, spread, (2, 68, 2)).astype(np.float32)
    region = face_region(points, 40, 48)
    y, x = np.mgrid[:40, :48] + 0.5
    centres = np.stack([x, y], axis=-1)
    for mask, frame in zip(region, points, strict=True):
        inside = Delaunay(frame.astype(np.float64)).find_simplex(centres) >= 0
        np.testing.assert_array_equal(mask, inside)


def test_face_has_the_area_of_its_hull_and_holds_the_mouth():
    angle = np.linspace(0, 2 * np.pi, 68, endpoint=False)
    circle = np.stack([128 + 100 * np.cos(angle), 128 + 100 * np.sin(angle)], axis=-1)[None]
    polygon = 68 / 2 * 100**2 * np.sin(2 * np.pi / 68)
    assert face_region(circle, 256, 256).sum() == pytest.approx(polygon, rel=1e-3)
    points = jaw(face())
    assert not (mouth_region(points, 64, 64) & ~face_region(points, 64, 64)).any()


@given(st.integers(-40, 40), st.integers(-40, 40))
def test_a_face_that_leaves_the_frame_keeps_its_part_inside(x, y):
    points = jaw(face(count=1))
    whole = np.pad(face_region(points, 64, 64)[0], 64)
    part = np.roll(whole, (y, x), (0, 1))[64:128, 64:128]
    moved = points + np.array([x, y])
    if part.any():
        np.testing.assert_array_equal(face_region(moved, 64, 64)[0], part)
    else:
        with pytest.raises(Undefined, match="face lies outside"):
            face_region(moved, 64, 64)


def test_points_on_one_line_have_no_face():
    points = np.zeros((1, 68, 2))
    points[0, :, 0] = np.linspace(0, 30, 68)
    with pytest.raises(Undefined, match="face lies outside"):
        face_region(points, 32, 32)
    assert (hull_spans(points[0], np.array([3.0])) == (np.inf, -np.inf)).all()

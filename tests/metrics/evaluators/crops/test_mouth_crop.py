"""The reader's crop: where it samples, and that the mouth's movement cannot move it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from privtalk.metrics.evaluators.crops.mouth_crop import COLUMNS, ROWS, crops, placement, standardised


def face(count=6, size=64):
    """[T, 68, 2] of a still face, eyes .3 of the frame apart."""
    points = np.random.default_rng(0).uniform(0.3, 0.7, (1, 68, 2)).repeat(count, 0)
    points[:, 36], points[:, 45] = (0.35, 0.4), (0.65, 0.4)
    points[:, 31:36] = (0.5, 0.55)
    points[:, 48], points[:, 54] = (0.42, 0.68), (0.58, 0.68)
    return size * points


def ramp(size, count=6):
    """Frames whose red is 2x and whose green is 3y at the middle of a pixel (x, y <= 64)."""
    middle = (np.arange(size) + 0.5) * 64 / size
    x, y = np.meshgrid(middle, middle)
    image = np.stack([2 * x, 3 * y, 0 * x], -1)
    return np.repeat(np.rint(image).astype(np.uint8)[None], count, 0)


def test_samples_lie_around_the_mouth_one_eye_distance_wide():
    """An upright crop of a ramp is a ramp: middle at the mouth, neighbours 1/28 eye distance apart."""
    crop = crops(ramp(64), placement(face()))[0]
    assert crop.shape == (ROWS, COLUMNS, 3)
    assert crop[..., 0].mean() == pytest.approx(2 * 32, abs=0.3)
    assert crop[..., 1].mean() == pytest.approx(3 * 0.68 * 64, abs=0.3)
    pitch = 0.3 * 64 / 28
    assert np.diff(crop[..., 0], axis=1).mean() == pytest.approx(2 * pitch, abs=0.02)
    assert np.diff(crop[..., 1], axis=0).mean() == pytest.approx(3 * pitch, abs=0.02)
    assert np.abs(np.diff(crop[..., 1], axis=1)).max() < 0.01


@given(st.floats(-0.6, 0.6))
def test_a_tilted_head_turns_the_crop(angle):
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    tilted = (face() - 32) @ turn.T + 32
    upright, turned = placement(face()), placement(tilted)
    np.testing.assert_allclose((upright.centre - 32) @ turn.T + 32, turned.centre, atol=1e-9)
    np.testing.assert_allclose(turned.axis, np.broadcast_to(turn[:, 0], (6, 2)), atol=1e-9)


@pytest.mark.parametrize("factor", [2, 4])
def test_resolution_does_not_change_the_crop(factor):
    small = crops(ramp(64), placement(face()))
    large = crops(ramp(64 * factor), placement(face(size=64 * factor)))
    np.testing.assert_allclose(large, small, atol=1.6)


def test_an_opening_mouth_does_not_move_the_crop():
    shut = face()
    speaking = shut.copy()
    jaw = 3 * np.abs(np.sin(np.arange(6)))[:, None]
    speaking[:, [57, 56, 58, 65, 66, 67], 1] += jaw
    speaking[:, 4:13, 1] += jaw
    for still, moved in zip(placement(shut), placement(speaking), strict=True):
        np.testing.assert_array_equal(still, moved)


def test_mouth_corners_shift_the_whole_clip_and_no_single_frame():
    points = face()
    points[2, [48, 54]] += 5
    for still, moved in zip(placement(face()), placement(points), strict=True):
        np.testing.assert_allclose(still, moved, atol=1e-12)


def test_a_nodding_head_takes_the_crop_along():
    points = face()
    points[3] += (2, -4)
    centre = placement(points).centre
    np.testing.assert_allclose(centre[3] - centre[0], (2, -4), atol=1e-9)


def test_a_face_at_the_edge_is_read_from_repeated_pixels():
    crop = crops(ramp(64), placement(face() + 30.0))
    assert np.isfinite(crop).all()
    assert crop[..., 0].max() == 127


def test_standardised_crops_ignore_light_and_a_flat_crop_is_zero():
    images = np.random.default_rng(0).uniform(50, 100, (4, ROWS, COLUMNS, 3)).astype(np.float32)
    np.testing.assert_allclose(standardised(images), standardised(1.5 * images + 20), atol=1e-4)
    np.testing.assert_allclose(standardised(images).std((1, 2, 3)), 1, atol=1e-5)
    assert not standardised(np.full((2, ROWS, COLUMNS, 3), 80, np.float32)).any()

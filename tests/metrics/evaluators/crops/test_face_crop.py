"""Crops of a face: their points go back and forth, they follow the eyes and nothing else."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privtalk.metrics.declaration import Undefined
from privtalk.metrics.evaluators.crops.face_crop import (
    FACE,
    Placement,
    face_crops,
    face_placement,
    sample,
    to_crop,
    to_frame,
)
from tests.metrics.evaluators.faces68 import face

numbers = st.floats(-200, 200)


def points(count=3, **how):
    return np.stack([face(**how)] * count)


def picture(size=96, count=3, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, size, size, 3), np.uint8)


@given(numbers, numbers, st.floats(-np.pi, np.pi), st.floats(0.05, 20), st.integers(0, 1000))
def test_points_go_to_the_frame_and_back(x, y, angle, pitch, seed):
    place = Placement(np.array([[x, y]]), np.array([[np.cos(angle), np.sin(angle)]]), np.array([pitch]))
    drawn = np.random.default_rng(seed).uniform(-40, 40, (1, 5, 2))
    there = to_frame(drawn, place, FACE.rows, FACE.columns)
    np.testing.assert_allclose(to_crop(there, place), drawn, atol=1e-8)
    np.testing.assert_allclose(
        np.linalg.norm(there[0, 0] - there[0, 1]),
        pitch * np.linalg.norm(drawn[0, 0] - drawn[0, 1]),
        rtol=1e-9,
    )


@given(st.floats(-0.5, 0.5), st.floats(15, 40))
@settings(max_examples=25, deadline=None)
def test_a_sample_is_the_pixel_that_its_point_names(angle, size):
    """On a ramp whose red is x and whose green is y, every sample tells where it was taken."""
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    landmarks = (points(1, centre=(0, 0), size=size) @ turn.T) + 100
    x, y = np.meshgrid(np.arange(200), np.arange(200))
    ramp = np.stack([x, y, 0 * x], -1).astype(np.uint8)[None]
    place = face_placement(landmarks)
    crop = sample(ramp, place, FACE.rows, FACE.columns)[0]
    across = np.arange(FACE.columns) - (FACE.columns - 1) / 2
    down = np.arange(FACE.rows) - (FACE.rows - 1) / 2
    grid = np.stack(np.meshgrid(across, down), -1).reshape(1, -1, 2)
    expected = to_frame(grid, place, FACE.rows, FACE.columns).reshape(FACE.rows, FACE.columns, 2)
    np.testing.assert_allclose(crop[..., :2] + 0.5, expected, atol=0.01)


@given(st.integers(-12, 12), st.integers(-12, 12))
@settings(max_examples=25, deadline=None)
def test_a_frame_that_moves_with_its_face_gives_the_same_crop(x, y):
    frames, landmarks = picture(120), points(centre=(60, 60), size=26)
    moved = np.roll(frames, (y, x), axis=(1, 2))
    np.testing.assert_allclose(
        face_crops(moved, landmarks + np.array([x, y])), face_crops(frames, landmarks), atol=1e-2
    )


@given(st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_nothing_but_the_outer_eye_corners_places_a_face(seed):
    landmarks = points()
    other = landmarks + np.random.default_rng(seed).normal(0, 5, landmarks.shape)
    other[:, [36, 45]] = landmarks[:, [36, 45]]
    for kept, found in zip(face_placement(landmarks), face_placement(other), strict=True):
        np.testing.assert_array_equal(kept, found)


def test_an_opening_mouth_does_not_move_the_crop():
    shut, wide = points(opening=0.0), points(opening=0.2)
    assert np.abs(shut - wide).max() > 3
    for still, moved in zip(face_placement(shut), face_placement(wide), strict=True):
        np.testing.assert_array_equal(still, moved)


def test_a_crop_reaches_from_brow_to_chin_and_from_ear_to_ear():
    place = face_placement(points(1))
    inside = to_crop(points(1), place)[0]
    assert np.abs(inside[:, 0]).max() < FACE.columns / 2
    assert np.abs(inside[:, 1]).max() < FACE.rows / 2
    eyes = inside[[36, 45]]
    np.testing.assert_allclose(eyes[1] - eyes[0], (1 / FACE.pitch, 0), atol=1e-9)
    np.testing.assert_allclose(eyes.mean(0), (0, -FACE.below / FACE.pitch), atol=1e-9)


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_detail_finer_than_the_samples_is_averaged_and_not_aliased(factor):
    size = 80 * factor
    board = 128 + 100 * (2 * (np.indices((size, size)).sum(0) % 2) - 1)
    frames = np.repeat(board[None, :, :, None], 3, -1).astype(np.uint8)
    # .6 of a schematic face lie between its outer eye corners
    landmarks = points(1, centre=(size / 2, size / 2), size=factor / FACE.pitch / 0.6)
    assert face_placement(landmarks).pitch == pytest.approx(factor)
    crop = face_crops(frames, landmarks)
    assert np.abs(crop - 128).max() <= 100 / factor**2 + 1


def test_faces_at_the_edge_are_read_from_repeated_pixels():
    crop = face_crops(picture(64), points(centre=(64, 70)))
    assert np.isfinite(crop).all()
    assert crop.min() >= 0
    assert crop.max() <= 255
    beyond = face_crops(picture(64), points(centre=(300, 300)))
    np.testing.assert_array_equal(beyond, np.broadcast_to(picture(64)[:, -1:, -1:], beyond.shape))


def test_eyes_that_coincide_have_no_crop():
    landmarks = points()
    landmarks[:, 45] = landmarks[:, 36]
    with pytest.raises(Undefined, match="eye corners coincide"):
        face_placement(landmarks)

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from privtalk.bench.corpus.video.crop import (
    EYE_MOUTH_HEIGHT,
    SIDE,
    extract,
    face_unit,
    features,
    frame_face,
    from_crop,
    to_crop,
)

FRONT = np.zeros((68, 2))
"""A face seen from the front, its unit 20 pixels, the middle between eyes and mouth at 0."""
FRONT[36:42], FRONT[42:48], FRONT[48], FRONT[54] = (-10, -10), (10, -10), (-7, 10), (7, 10)


def ramp() -> np.ndarray:
    """Red grows by two a pixel to the right, green by two a pixel down; 0 falls on the first pixel's centre."""
    picture = np.zeros((120, 120, 3), np.uint8)
    picture[..., 0] = 2 * np.arange(120)
    picture[..., 1] = 2 * np.arange(120)[:, None]
    return picture


TOOTH, STEEP = 30, 8
"""Pixels from one tooth to the next, and grey levels a pixel."""


def teeth() -> np.ndarray:
    """As `ramp`, steeper and over again: whole grey levels, to which crops are rounded twice, are an eighth of a pixel
    here. Two a pixel would let rounding alone pass for half of one."""
    picture = np.zeros((120, 120, 3), np.uint8)
    picture[..., 0] = STEEP * (np.arange(120) % TOOTH)
    picture[..., 1] = picture[..., 0].T
    return picture


@given(st.floats(50, 70), st.floats(50, 70), st.floats(20, 90), st.sampled_from([16, 32, 64]))
@example(x=50, y=50.0625, side=64.125, size=64)
def test_crop_shows_what_lies_there(x: float, y: float, side: float, size: int) -> None:
    crop = extract(teeth(), np.array([x, y]), side, size).astype(float)
    middles = np.arange(size) + 0.5
    there = from_crop(np.stack([middles, middles], -1), np.array([x, y]), side, size)
    reach = side / size / 2 + 1
    for shown, at in ((crop[size // 2, :, 0], there[:, 0]), (crop[:, size // 2, 1], there[:, 1])):
        expected = (at - 0.5) % TOOTH
        whole = (expected > reach) & (expected < TOOTH - 1 - reach) & (at > reach) & (at < 120 - reach)
        assert whole.any()
        assert np.abs(shown / STEEP - expected)[whole].max() < 0.2


def test_whole_picture_at_its_own_size_is_untouched() -> None:
    picture = np.random.default_rng(0).integers(0, 255, (32, 32, 3), np.uint8)
    assert np.array_equal(extract(picture, np.array([16.0, 16]), 32, 32), picture)


def test_shrinking_averages_and_does_not_alias() -> None:
    picture = np.zeros((128, 128, 3), np.uint8)
    picture[:, ::2] = 255
    assert np.abs(extract(picture, np.array([64.0, 64]), 128, 32).astype(int) - 127.5).max() <= 1


def test_outside_the_picture_its_edge_goes_on() -> None:
    crop = extract(ramp(), np.array([0.0, 50]), 60, 30)
    assert np.abs(crop[:, :14, 0].astype(int)).max() == 0


@given(st.floats(-50, 250), st.floats(-50, 250), st.floats(1, 300), st.sampled_from([64, 128, 256]))
def test_crop_coordinates_go_back_and_forth(x: float, y: float, side: float, size: int) -> None:
    points = np.array([[3.0, 4], [100, 20]])
    centre = np.array([x, y])
    there = to_crop(points, centre, side, size)
    assert np.allclose(from_crop(there, centre, side, size), points, atol=1e-6)


@given(st.floats(0, 1.2), st.floats(0, 1.2))
def test_unit_survives_turning_one_way(yaw: float, pitch: float) -> None:
    assert face_unit(features(FRONT * [np.cos(yaw), 1])) == pytest.approx(20)
    assert face_unit(features(FRONT * [1, np.cos(pitch)])) == pytest.approx(20)


def test_still_face_gets_a_still_frame_around_it() -> None:
    framing = frame_face(np.tile(FRONT + 100, (60, 1, 1)), 25)
    assert np.allclose(framing.sides, 20 * SIDE)
    assert np.allclose(framing.centres, framing.centres[0])
    assert framing.centres[0, 0] == pytest.approx(100)
    face = features(to_crop(FRONT + 100, framing.centres[0], framing.sides[0], 64))
    assert (face.left_eye - face.right_eye)[0] == pytest.approx(64 / SIDE)
    assert ((face.eyes + face.mouth) / 2)[1] == pytest.approx(64 * EYE_MOUTH_HEIGHT)


def test_jitter_and_outliers_do_not_shake_the_frame() -> None:
    rng = np.random.default_rng(0)
    points = FRONT + 100 + rng.normal(0, 1.0, (100, 68, 2))
    points[50] += 40
    framing = frame_face(points, 25)
    assert np.abs(np.diff(framing.centres, axis=0)).max() < 0.1
    assert np.abs(np.diff(framing.sides)).max() < 0.1
    assert np.abs(framing.centres[:, 0] - 100).max() < 1


def test_frame_follows_a_walking_face() -> None:
    points = FRONT + np.stack([np.linspace(50, 450, 200), np.full(200, 100.0)], -1)[:, None]
    framing = frame_face(points, 25)
    assert np.abs(framing.centres[40:160, 0] - np.linspace(50, 450, 200)[40:160]).max() < 1

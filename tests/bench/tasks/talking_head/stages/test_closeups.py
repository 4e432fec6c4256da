"""Close-ups: the same place of the same frame in every row, and the error where it is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from privtalk.bench.corpus.clip import Clip
from privtalk.bench.tasks.talking_head.stages.closeups import (
    SIDE,
    closeup,
    crop,
    error_map,
    write_closeup,
)
from tests.metrics.toys import face, noise, speech


def clip_of(frames, landmarks):
    return Clip(
        frames=frames,
        audio=speech(len(frames)),
        fps=25.0,
        landmarks=landmarks,
        identity="ann",
        utterance="hello",
    )


def opened(moment, frames=10, size=64):
    """Landmarks of a mouth that is widest open at a moment."""
    points = face(frames, size).astype(np.float32)
    points[:, 60:68, 1] = points[:, 60:64, 1].mean(1, keepdims=True)
    points[moment, 65:68, 1] += 0.2 * size
    return points


def test_the_frame_is_the_one_with_the_widest_mouth(tmp_path):
    """Every frame of its own grey: the picture is of one of them."""
    frames = np.stack([np.full((64, 64, 3), 20 * t, np.uint8) for t in range(10)])
    for moment in (0, 3, 9):
        picture = closeup(frames, clip_of(frames, opened(moment)))
        assert picture.shape == (3 * SIDE, SIDE, 3)
        assert set(np.unique(picture[: 2 * SIDE])) == {20 * moment}
        write_closeup(tmp_path / "near.png", frames, clip_of(frames, opened(moment)))
        with Image.open(tmp_path / "near.png") as image:
            assert np.array_equal(np.asarray(image), picture)


def test_eyes_and_mouth_are_where_the_true_landmarks_are():
    """A frame whose pixels say where they are: crops are centred on their points."""
    rows, columns = np.mgrid[0:64, 0:64].astype(np.uint8)
    frame = np.stack([rows, columns, rows], axis=-1)
    points = opened(0)[0]
    for own in (points[36:48], points[48:68]):
        part = crop(frame, own)
        middle = (own.min(0) + own.max(0)) / 2
        centre = part[..., 1].mean() + 0.5, part[..., 0].mean() + 0.5
        assert centre == pytest.approx(tuple(middle), abs=1.0)
        assert part[..., 1].min() <= own[:, 0].min()
        assert part[..., 1].max() >= own[:, 0].max() - 1


@given(st.floats(-40, 110), st.floats(-40, 110), st.floats(0, 200))
def test_a_crop_lies_in_the_frame_and_is_twice_as_wide_as_high(x, y, width):
    points = np.array([[x, y], [x + width, y + 3]], np.float32)
    part = crop(noise(0, 1, 64)[0], points)
    assert part.shape[1] == 2 * part.shape[0] >= 8
    assert part.shape[1] <= 64


def test_the_error_map_is_black_where_nothing_differs_and_lighter_where_more_does():
    true = np.full((2, 2, 3), 100, np.uint8)
    frame = true.copy()
    frame[0, 1], frame[1, 0], frame[1, 1] = 110, 60, 255
    light = error_map(frame, true).astype(int).sum(-1)
    assert light[0, 0] < light[0, 1] < light[1, 0] < light[1, 1]
    assert np.array_equal(error_map(frame, true), error_map(true, frame)), "either way round"


def test_the_truth_has_no_error():
    frames = noise(1, 10, 64)
    picture = closeup(frames, clip_of(frames, opened(2)))
    assert picture[2 * SIDE :].max() < 8
    other = closeup(noise(2, 10, 64), clip_of(frames, opened(2)))
    assert other[2 * SIDE :].max() > 100

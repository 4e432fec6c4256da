"""Jitter against its definition in floating point, and its limits."""

import numpy as np
import pytest

from privtalk.metrics.declaration import Undefined
from privtalk.metrics.jitter import jitter, jitter_error


def test_is_the_definition():
    frames = np.random.default_rng(0).integers(0, 256, (7, 8, 9, 3), dtype=np.uint8)
    unit = frames.astype(np.float64) / 255
    assert jitter(frames) == pytest.approx(np.abs(np.diff(unit, axis=0)).mean(), abs=1e-12)


def test_playing_backwards_changes_nothing():
    frames = np.random.default_rng(0).integers(0, 256, (7, 8, 9, 3), dtype=np.uint8)
    assert jitter(frames[::-1]) == pytest.approx(jitter(frames), abs=1e-12)


def test_a_frozen_face_has_no_jitter_and_the_full_error():
    frozen = np.full((4, 8, 8, 3), 9, np.uint8)
    assert jitter(frozen) == 0
    assert jitter_error(jitter(frozen), 0.02) == 1


def test_one_frame_and_a_still_truth_have_no_value():
    with pytest.raises(Undefined, match="one frame"):
        jitter(np.zeros((1, 8, 8, 3), np.uint8))
    with pytest.raises(Undefined, match="does not move"):
        jitter_error(0.1, 0.0)

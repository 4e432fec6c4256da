from __future__ import annotations

import numpy as np
import pytest

from privtalk.metrics import Undefined
from privtalk.metrics.evaluators.crops.face_box import face_boxes
from tests.metrics.evaluators.faces68 import face


def test_a_box_reaches_from_the_forehead_to_the_chin():
    boxes = face_boxes(face((50, 60), 40)[None])
    np.testing.assert_allclose(boxes.size, [[40, 52.8]])
    np.testing.assert_allclose(boxes.centre, [[50, 53.6]])
    np.testing.assert_allclose(boxes.side, [52.8])


def test_it_follows_the_face():
    clip = np.stack([face((30 + t, 40 - t), 20 + t) for t in range(30)])
    boxes = face_boxes(clip)
    steady = slice(6, -6)
    np.testing.assert_allclose(np.diff(boxes.centre[steady], axis=0)[:, 0], 1, atol=1e-9)
    np.testing.assert_allclose(boxes.side[steady], 1.32 * (20 + np.arange(30))[steady])


def test_the_movement_of_the_mouth_does_not_enter():
    still = np.stack([face()] * 20)
    talking = np.stack([face(opening=0.1 * (t % 2 == 0 and t < 8)) for t in range(20)])
    assert np.abs(talking - still).max() > 1
    np.testing.assert_array_equal(face_boxes(talking).centre, face_boxes(still).centre)
    np.testing.assert_array_equal(face_boxes(talking).size, face_boxes(still).size)


def test_one_lost_frame_does_not_move_it():
    clip = np.stack([face()] * 20)
    lost = clip.copy()
    lost[10] += 100
    np.testing.assert_allclose(face_boxes(lost).centre, face_boxes(clip).centre)


def test_it_needs_a_face():
    with pytest.raises(Undefined, match="upper face coincide"):
        face_boxes(np.zeros((3, 68, 2)))

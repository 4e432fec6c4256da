"""A landmark reader that learns where a bright dot is, and what its validation counts."""

import numpy as np
import pytest
import torch

from privtalk.metrics.evaluators.crops.face_crop import FACE, face_placement, to_crop
from privtalk.metrics.evaluators.fitting.landmark_fitting import (
    LandmarkConfig,
    LandmarkProblem,
    LandmarkValidation,
    moved,
    validate,
)
from privtalk.metrics.evaluators.talkhead.landmark_network import LandmarkNetwork, TalkheadLandmarks
from privtalk.metrics.evaluators.talkhead.storage import save_network
from tests.metrics.evaluators.faces68 import face
from tests.metrics.evaluators.problems import check_named_draws, losses, stream


def dots(count=24, margin=8):
    """Crops with a bright blob, and 68 points that are all where it is."""
    rng = np.random.default_rng(0)
    rows, columns = FACE.rows + margin, FACE.columns + margin
    at = rng.uniform(-14, 14, (count, 2))
    x, y = np.meshgrid(np.arange(columns) - (columns - 1) / 2, np.arange(rows) - (rows - 1) / 2)
    apart = (x - at[:, :1, None]) ** 2 + (y - at[:, 1:, None]) ** 2
    crops = np.repeat(40 + 200 * np.exp(-apart / 50)[..., None], 3, -1).astype(np.uint8)
    return crops, np.repeat(at[:, None], 68, 1).astype(np.float32)


def build(given):
    return LandmarkProblem(*dots(), LandmarkConfig(batch=16), given)


def test_draws_are_named():
    check_named_draws(build)


def test_a_few_steps_find_the_dot():
    found = losses(build(stream), 40)
    assert np.mean(found[-5:]) < 0.6 * np.mean(found[:5])


def test_the_mouth_weighs_as_told():
    """At equal errors everywhere, the mean of the weights is all that differs."""
    crops, points = dots()
    one, two = (
        LandmarkProblem(crops, points, LandmarkConfig(batch=16, mouth=weight), stream)
        for weight in (1.0, 0.0)
    )
    for problem in (one, two):
        torch.nn.init.zeros_(problem.network.points[-1].weight)
        torch.nn.init.zeros_(problem.network.points[-1].bias)
    with torch.no_grad():
        assert two.loss(0).item() == pytest.approx(48 / 68 * one.loss(0).item(), rel=1e-5)


def test_an_unmoved_crop_moves_no_point():
    points = torch.randn(2, 68, 2, generator=stream("points"))
    torch.testing.assert_close(moved(points, torch.eye(3)[:2].expand(2, 2, 3)), points)


def test_validation_is_in_eye_distances():
    exact = np.zeros((3, 68, 2))
    read = exact + np.array([3.0, 4.0])
    read[:, 48:] += (3.0, 4.0)
    found = validate(read, exact, np.array([10.0, 20.0, 40.0]))
    per_eye = np.mean([1 / 10, 1 / 20, 1 / 40])
    assert found == LandmarkValidation(
        pytest.approx((48 * 5 + 20 * 10) / 68 * per_eye), pytest.approx(10 * per_eye), 3
    )


def test_points_of_a_crop_are_given_in_the_frame(tmp_path):
    """A network that always answers the points of its crop's middle and one to the right of it."""
    network = LandmarkNetwork()
    last = network.points[-1]
    torch.nn.init.zeros_(last.weight)
    torch.nn.init.zeros_(last.bias)
    last.bias.data[0] = 1.0
    save_network(network, tmp_path / "points.safetensors", {})
    landmarks = np.stack([face(), face(centre=(30, 35))])
    frames = np.zeros((2, 64, 64, 3), np.uint8)
    found = TalkheadLandmarks(tmp_path / "points.safetensors")(frames, landmarks)
    assert found.shape == (2, 68, 2)
    place = face_placement(landmarks)
    np.testing.assert_allclose(found[:, 1], place.centre, atol=1e-4)
    np.testing.assert_allclose(to_crop(found, place)[:, 0], [(FACE.columns / 4, 0)] * 2, atol=1e-3)

"""Alignment and colours, on a network of the right shape that shows what it was given."""

from __future__ import annotations

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from privtalk.metrics.evaluators.published.arcface import ArcFace, five_points
from tests.metrics.evaluators.faces68 import face

TEMPLATE = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)
"""ArcFace's five points in 112 x 112, as published."""


def recogniser(path, size=112, outputs=1):
    """Flattens 8 x 8 means of its input [N, 3, size, size]."""
    cell = size // 8
    weights = numpy_helper.from_array(np.array([0, -1], np.int64), "shape")
    nodes = [
        helper.make_node(
            "AveragePool", ["input"], ["pooled"], kernel_shape=[cell, cell], strides=[cell, cell]
        ),
        *[helper.make_node("Reshape", ["pooled", "shape"], [f"output{n}"]) for n in range(outputs)],
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", 3, size, size])],
        [helper.make_tensor_value_info(f"output{n}", TensorProto.FLOAT, ["N", 192]) for n in range(outputs)],
        [weights],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))
    return path


@pytest.fixture
def network(tmp_path):
    return ArcFace(recogniser(tmp_path / "tiny.onnx"))


def picture(seed=0):
    coarse = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), np.uint8)
    return cv2.resize(coarse, (240, 240), interpolation=cv2.INTER_CUBIC)


def placed(points):
    """[T, 68, 2] whose five points are those given (as OpenCV counts)."""
    landmarks = face()[None].copy()
    for at, point in zip((slice(36, 42), slice(42, 48), 30, 48, 54), points + 0.5, strict=True):
        landmarks[0, at] = point
    return landmarks


def test_a_face_on_the_template_is_read_as_it_is(network):
    frame = picture()
    landmarks = placed(TEMPLATE)
    np.testing.assert_allclose(five_points(landmarks[0]), TEMPLATE, atol=1e-4)
    pixels = frame[:112, :112].astype(np.float64) / 127.5 - 1
    expected = pixels.reshape(8, 14, 8, 14, 3).mean((1, 3)).transpose(2, 0, 1).ravel()
    (vector,) = network(frame[None], landmarks)
    np.testing.assert_allclose(vector, expected / np.linalg.norm(expected), atol=0.01)


def test_a_turned_and_larger_face_is_read_alike(network):
    frame = picture()
    middle = TEMPLATE + 64
    turn = cv2.getRotationMatrix2D((120, 120), 20, 1.2)
    turned = cv2.warpAffine(frame, turn, (240, 240))
    moved = middle @ turn[:, :2].T + turn[:, 2]
    upright, aligned = network(frame[None], placed(middle)), network(turned[None], placed(moved))
    careless = network(turned[None], placed(middle))
    assert (upright * aligned).sum() > 0.99
    assert (upright * careless).sum() < 0.9


def test_vectors_are_of_unit_length_and_batches_do_not_matter(network, monkeypatch):
    frames = np.stack([picture(seed) for seed in range(5)])
    landmarks = np.repeat(placed(TEMPLATE), 5, 0)
    vectors = network(frames, landmarks)
    assert vectors.shape == (5, 192)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    monkeypatch.setattr("privtalk.metrics.evaluators.published.arcface.BATCH", 2)
    np.testing.assert_allclose(network(frames, landmarks), vectors, atol=1e-6)


def test_other_networks_are_one_line(tmp_path):
    with pytest.raises(ValueError, match=r"small\.onnx: insightface does not know it as a face recogniser"):
        ArcFace(recogniser(tmp_path / "small.onnx", 64))
    (tmp_path / "text.onnx").write_text("no network")
    with pytest.raises(ValueError, match=r"text\.onnx: no ONNX network of insightface \(\w+\)") as refused:
        ArcFace(tmp_path / "text.onnx")
    assert "\n" not in str(refused.value)

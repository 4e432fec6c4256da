"""Where points land in the picture, on a tiny network; and the shared PFLD on its own terms where it is there."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from privtalk.metrics.evaluators.crops.face_box import face_boxes
from privtalk.metrics.evaluators.published.onnx_landmarks import MARGIN, OnnxLandmarks
from tests.metrics.evaluators.faces68 import face


def tiny(path, size=112, outputs=136):
    """All points at (mean red, mean blue) of the crop."""
    pick = np.zeros((3, outputs), np.float32)
    pick[0, 0::2] = pick[2, 1::2] = 1
    nodes = [
        helper.make_node("GlobalAveragePool", ["input"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["flat"]),
        helper.make_node("MatMul", ["flat", "pick"], ["output"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, size, size])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, outputs])],
        [numpy_helper.from_array(pick, "pick")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))
    return path


def test_points_are_told_in_pixels_of_the_frame(tmp_path):
    frames = np.zeros((3, 64, 64, 3), np.uint8)
    frames[..., 0], frames[..., 2] = 51, 204
    clip = np.stack([face((30 + t, 34), 20) for t in range(3)])
    boxes = face_boxes(clip)
    found = OnnxLandmarks(tiny(tmp_path / "tiny.onnx"))(frames, clip)
    assert found.shape == (3, 68, 2)
    corner = boxes.centre - MARGIN * boxes.side[:, None] / 2
    expected = corner + MARGIN * boxes.side[:, None] * (0.2, 0.8)
    np.testing.assert_allclose(found, np.repeat(expected[:, None], 68, 1), atol=2e-3)


@pytest.mark.parametrize(("size", "outputs"), [(96, 136), (112, 196)])
def test_networks_of_another_interface_are_one_line(tmp_path, size, outputs):
    with pytest.raises(ValueError, match=r"odd\.onnx: no ONNX network from a 112 px face to 68 points$"):
        OnnxLandmarks(tiny(tmp_path / "odd.onnx", size, outputs))


def test_other_files_are_one_line(tmp_path):
    (tmp_path / "text.onnx").write_text("no network")
    with pytest.raises(ValueError, match=r"text\.onnx: no ONNX network"):
        OnnxLandmarks(tmp_path / "text.onnx")


def test_pfld_finds_the_features_of_a_rendered_face():
    shared = os.environ.get("PRIVTALK_SHARED")
    weights = Path(shared or "", "models", "pfld68.onnx")
    if not shared or not weights.is_file():
        pytest.skip("PRIVTALK_SHARED points to no folder with models/pfld68.onnx")
    clip = rendered()
    reader = OnnxLandmarks(weights)
    found = reader(clip.frames, clip.landmarks)
    eyes = np.linalg.norm(clip.landmarks[:, 45] - clip.landmarks[:, 36], axis=-1).mean()
    error = np.linalg.norm(found - clip.landmarks, axis=-1).mean(0) / eyes
    assert error[36:48].mean() < 0.1, "eyes"
    assert error[48:].mean() < 0.15, "mouth"
    assert error[17:].mean() < 0.15, "all but the jaw"


def rendered():
    """A clip of the embedded corpus at 128 px."""
    from privtalk.bench.corpus.rendered.embedded import character, film

    return film(character(0, "public", 3), "train", 0, 12, 128)

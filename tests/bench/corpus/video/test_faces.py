from __future__ import annotations

import sys
import types
from pathlib import Path

import numpy as np
import pytest

from privtalk.bench.corpus.video import faces
from privtalk.bench.corpus.video.crop import extract
from privtalk.bench.corpus.video.decoding import read_frames
from privtalk.bench.corpus.video.faces import (
    FaceWeightsError,
    find_weights,
    load_detector,
    load_landmarker,
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty weights folder, no environment variables, and nothing from pip."""
    monkeypatch.setattr(faces.face_parts, "part_path", lambda role, name: None)
    monkeypatch.delenv("PRIVTALK_DETECTOR", raising=False)
    monkeypatch.delenv("PRIVTALK_LANDMARKS", raising=False)
    monkeypatch.setattr(faces, "weights_folder", lambda: tmp_path)
    return tmp_path


def touch(path: Path) -> Path:
    path.write_bytes(b"not a network")
    return path


def test_option_comes_before_variable_and_variable_before_folder(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path_factory.mktemp("weights")
    option, variable = touch(elsewhere / "option.onnx"), touch(elsewhere / "variable.onnx")
    kept = touch(folder / "face_yunet_2023.onnx")
    assert find_weights("detector") == kept
    monkeypatch.setenv("PRIVTALK_DETECTOR", str(variable))
    assert find_weights("detector") == variable
    assert find_weights("detector", option) == option


@pytest.mark.parametrize("role", ["detector", "landmarks"])
def test_absent_weights_name_the_option_the_variable_and_the_folder(folder: Path, role: faces.Role) -> None:
    with pytest.raises(FaceWeightsError) as caught:
        find_weights(role)
    assert f"{role} weights are missing: python3 -m pip install 'privtalk-bench[faces]'" in str(caught.value)
    for way_out in (f"--{role} PATH", f"PRIVTALK_{role.upper()}", str(folder)):
        assert way_out in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(FaceWeightsError, match=rf"no file .*gone\.onnx; set --{role}"):
        find_weights(role, folder / "gone.onnx")


@pytest.mark.parametrize("role", ["detector", "landmarks"])
def test_a_part_comes_last_unless_it_is_named(
    folder: Path, role: faces.Role, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = touch(folder / "part.dat")
    with pytest.raises(FaceWeightsError, match=rf"--{role} dlib is not installed: python3 -m pip install"):
        find_weights(role, Path("dlib"))
    monkeypatch.setattr(faces.face_parts, "part_path", lambda role, name: part if name == "dlib" else None)
    assert find_weights(role) == part
    kept = touch(folder / "yunet_pfld.onnx")
    assert find_weights(role) == kept, "preparation is to be as fast as before"
    assert find_weights(role, Path("dlib")) == part
    monkeypatch.setenv(f"PRIVTALK_{role.upper()}", "dlib")
    assert find_weights(role) == part
    with pytest.raises(FaceWeightsError, match=r"no file dlob; set .*, or name dlib"):
        find_weights(role, Path("dlob"))


def test_files_that_are_no_networks_are_named(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = touch(tmp_path / "yunet.onnx")
    with pytest.raises(FaceWeightsError, match=r"--detector .*yunet\.onnx"):
        load_detector(path)
    with pytest.raises(FaceWeightsError, match=r"--landmarks .*yunet\.onnx"):
        load_landmarker(path)


def test_scrfd_without_insightface_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "insightface", None)
    with pytest.raises(FaceWeightsError, match=r"pip install 'privtalk-bench\[faces\]'"):
        load_detector(touch(tmp_path / "det_10g.onnx"))


def test_scrfd_boxes_are_corners_and_its_input_is_bgr(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[np.ndarray] = []

    class Network:
        def prepare(self, ctx_id: int, input_size: tuple[int, int], det_thresh: float) -> None:
            assert det_thresh == 0.7

        def detect(self, picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            seen.append(picture)
            return np.array([[10.0, 20, 40, 60, 0.9]]), np.arange(10.0).reshape(1, 5, 2)

    module = types.ModuleType("insightface")
    module.model_zoo = types.SimpleNamespace(get_model=lambda path: Network())  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "insightface", module)
    red = np.zeros((80, 80, 3), np.uint8)
    red[..., 0] = 255
    (face,) = load_detector(touch(tmp_path / "det_10g.onnx"), 0.7)(red)
    assert face.box.tolist() == [10, 20, 30, 40]
    assert face.score == 0.9
    assert seen[0][0, 0].tolist() == [0, 0, 255]


# With the shared models


def test_landmarks_of_a_real_face_lie_where_a_face_has_them(yunet: Path, pfld: Path, radio10: Path) -> None:
    picture = next(read_frames(radio10, 25))
    (face,) = load_detector(yunet)(picture)
    assert face.score > 0.8
    points = load_landmarker(pfld)(picture, face.box)
    x, y, width, height = face.box
    assert (points > [x - 0.1 * width, y - 0.1 * height]).all()
    assert (points < [x + 1.1 * width, y + 1.1 * height]).all()
    assert points[8, 1] > points[57, 1] > points[33, 1] > points[27, 1] > points[19, 1]
    assert points[36, 0] < points[27, 0] < points[45, 0]


@pytest.mark.parametrize("shift", [-15, 15])
def test_landmarks_hardly_depend_on_the_box(yunet: Path, pfld: Path, radio10: Path, shift: float) -> None:
    picture = next(read_frames(radio10, 25))
    (face,) = load_detector(yunet)(picture)
    locate = load_landmarker(pfld)
    moved = locate(picture, face.box + np.array([shift, shift, 0, 0])) - locate(picture, face.box)
    assert np.abs(moved).mean() < 0.15 * abs(shift)


def test_nothing_is_found_where_there_is_no_face(yunet: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (400, 500, 3), np.uint8)
    assert load_detector(yunet)(noise) == []


def test_small_face_in_a_large_picture_is_found_on_the_second_look(yunet: Path, radio10: Path) -> None:
    picture = next(read_frames(radio10, 25))
    small = extract(picture, np.array([256.0, 256]), 512, 64)
    large = np.full((1080, 1920, 3), 90, np.uint8)
    large[500:564, 900:964] = small
    found = load_detector(yunet)(large)
    assert len(found) == 1
    assert 900 < found[0].box[0] < 964


def test_opencv_runs_the_landmark_network_as_onnxruntime_does(pfld: Path, radio10: Path) -> None:
    runtime = pytest.importorskip("onnxruntime")
    picture = next(read_frames(radio10, 25))
    box = np.array([163.0, 89, 223, 309])
    centre, side = box[:2] + box[2:] / 2, 1.1 * 309
    crop = extract(picture, centre, side, 112)
    session = runtime.InferenceSession(str(pfld), providers=["CPUExecutionProvider"])
    tensor = np.ascontiguousarray(crop.transpose(2, 0, 1)[None], np.float32) / 255
    expected = session.run(None, {"input": tensor})[0].reshape(68, 2) * side + centre - side / 2
    assert np.allclose(load_landmarker(pfld)(picture, box), expected, atol=1e-3)

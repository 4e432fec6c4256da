"""Face parts from pip: where they are found, that they see rendered and real faces, and in which boxes they answer."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from privtalk.bench.corpus.rendered import studio
from privtalk.bench.corpus.video import face_parts
from privtalk.bench.corpus.video.decoding import read_frames
from privtalk.bench.corpus.video.face_parts import part_path
from privtalk.bench.corpus.video.faces import (
    FaceWeightsError,
    find_weights,
    load_detector,
    load_landmarker,
)
from privtalk.core.files import file_hash
from privtalk.metrics.weights import CATALOGUE, store

NEEDED = "needs the extra [faces]: dlib-bin and face-recognition-models"


@pytest.fixture
def parts() -> None:
    pytest.importorskip("dlib", reason=NEEDED)
    if part_path("landmarks", "dlib") is None:
        pytest.skip(NEEDED)


@pytest.fixture(scope="module")
def person() -> tuple[np.ndarray, np.ndarray]:
    """Frames and landmarks of a rendered person, 256 px in a room of 512."""
    file = studio.Sittings(role="heldout", first=3, people=1, sittings=1, frames=4, size=256)
    (shown,) = studio._sit(file, 3)
    wide = np.pad(shown["frames"], ((0, 0), (120, 136), (90, 166), (0, 0)), mode="edge")
    return wide, shown["landmarks"] + np.float32((90, 120))


@pytest.mark.usefixtures("parts")
def test_parts_are_the_catalogues_weights_and_no_package_of_weights_is_imported() -> None:
    assert file_hash(part_path("landmarks", "dlib")) == CATALOGUE["dlib-68"].sha256
    assert file_hash(part_path("detector", "dlib-cnn")) == CATALOGUE["dlib-cnn"].sha256
    assert part_path("detector", "dlib").name.startswith("_dlib_pybind11")
    assert "face_recognition_models" not in sys.modules
    assert part_path("landmarks", "dlib-cnn") is None


def test_without_their_packages_there_are_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(face_parts, "_module", lambda name: None)
    assert {part_path(role, name) for role, names in face_parts.PARTS.items() for name in names} == {None}
    monkeypatch.setattr(face_parts, "_module", lambda name: tmp_path / "_dlib_pybind11.so")
    monkeypatch.setattr(face_parts.packages, "locate", lambda packaged: None)
    assert part_path("landmarks", "dlib") is None
    assert part_path("detector", "dlib") == tmp_path / "_dlib_pybind11.so"


def test_a_package_that_vanished_is_a_line_with_the_way_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "dlib", None)
    monkeypatch.delitem(sys.modules, "privtalk.metrics.evaluators.published.dlib_faces", raising=False)
    for load, path in (
        (load_detector, tmp_path / "_dlib_pybind11.so"),
        (load_landmarker, tmp_path / "68.dat"),
    ):
        with pytest.raises(
            FaceWeightsError, match=r"needs dlib: python3 -m pip install 'privtalk-bench\[faces\]'"
        ):
            load(path)


@pytest.mark.usefixtures("parts")
def test_damaged_weights_are_a_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    odd = tmp_path / "odd.dat"
    odd.write_bytes(b"no model")
    with pytest.raises(FaceWeightsError, match=r"--detector .*odd\.dat: not a CNN detector of dlib"):
        load_detector(odd)
    with pytest.raises(FaceWeightsError, match=r"--landmarks .*odd\.dat: no shape predictor of dlib"):
        load_landmarker(odd)
    for module in (face_parts.packages, store):
        monkeypatch.setattr(module, "locate", lambda packaged: odd)
    with pytest.raises(FaceWeightsError, match=r"odd\.dat: damaged"):
        find_weights("landmarks", Path("dlib"))


@pytest.mark.usefixtures("parts")
@pytest.mark.parametrize("name", ["dlib", "dlib-cnn"])
def test_a_rendered_face_is_found_where_it_is(person: tuple[np.ndarray, np.ndarray], name: str) -> None:
    frames, landmarks = person
    detect = load_detector(find_weights("detector", Path(name)))
    (face,) = detect(frames[0])
    low, high = landmarks[0].min(0), landmarks[0].max(0)
    centre, height = face.box[:2] + face.box[2:] / 2, face.box[3]
    assert np.abs(centre - (low + high) / 2).max() < 0.25 * (high - low).max()
    assert 1.0 < height / (high[1] - low[1]) < 1.7, "forehead to chin is more than brows to chin"
    assert 0.5 < face.score < 1
    noise = np.random.default_rng(0).integers(0, 255, (200, 250, 3), np.uint8)
    assert detect(noise) == []


@pytest.mark.usefixtures("parts")
def test_a_higher_score_leaves_out_what_is_less_sure(person: tuple[np.ndarray, np.ndarray]) -> None:
    path = find_weights("detector", Path("dlib"))
    (face,) = load_detector(path)(person[0][0])
    assert load_detector(path, face.score - 0.01)(person[0][0])
    assert not load_detector(path, face.score + 0.01)(person[0][0])


@pytest.mark.usefixtures("parts")
def test_a_small_face_in_a_large_picture_is_found_on_the_second_look(
    person: tuple[np.ndarray, np.ndarray],
) -> None:
    large = np.full((900, 1600, 3), 90, np.uint8)
    large[300:556, 700:956] = person[0][0, 120:376, 90:346]
    (face,) = load_detector(find_weights("detector", Path("dlib")))(large)
    assert 700 < face.box[0] < face.box[0] + face.box[2] < 956


@pytest.mark.usefixtures("parts")
def test_points_lie_on_the_exact_ones(person: tuple[np.ndarray, np.ndarray]) -> None:
    frames, landmarks = person
    detect, locate = (
        load_detector(find_weights("detector", Path("dlib"))),
        load_landmarker(find_weights("landmarks", Path("dlib"))),
    )
    for frame, exact in zip(frames, landmarks, strict=True):
        (face,) = detect(frame)
        error = np.linalg.norm(locate(frame, face.box) - exact, axis=-1).mean()
        assert error < 0.12 * np.linalg.norm(exact[45] - exact[36])


@pytest.mark.usefixtures("parts")
def test_parts_and_networks_agree_on_a_real_face(yunet: Path, pfld: Path, radio10: Path) -> None:
    picture = next(read_frames(radio10, 25))
    (known,) = load_detector(yunet)(picture)
    (found,) = load_detector(find_weights("detector", Path("dlib")))(picture)
    assert np.abs(found.box - known.box).max() < 0.2 * known.box[3]
    ours = load_landmarker(find_weights("landmarks", Path("dlib")))
    theirs = load_landmarker(pfld)(picture, known.box)
    eyes = np.linalg.norm(theirs[45] - theirs[36])
    for box in (known.box, found.box):
        assert np.linalg.norm(ours(picture, box) - theirs, axis=-1).mean() < 0.08 * eyes

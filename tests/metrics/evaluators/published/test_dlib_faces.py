"""dlib's recogniser and points, on rendered people whose faces, places and identities are exactly known."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from privtalk.bench.corpus.rendered import studio
from privtalk.metrics.evaluators.fitting.identity_fitting import area
from privtalk.metrics.regions import eye_distance
from privtalk.metrics.weights import packaged

pytest.importorskip("dlib", reason="needs the extra [faces]: dlib-bin")
if packaged("dlib") is None:
    pytest.skip("needs the extra [faces]: face-recognition-models", allow_module_level=True)

from privtalk.metrics.evaluators.published.dlib_faces import DlibIdentity, DlibLandmarks

PEOPLE, FRAMES = 6, 2


@pytest.fixture(scope="module")
def sittings():
    """Two sittings of two frames of each person, 128 px."""
    file = studio.Sittings(role="heldout", first=0, people=PEOPLE, sittings=2, frames=FRAMES, size=128)
    parts = [part for index in range(PEOPLE) for part in studio._sit(file, index)]
    return [(part["frames"], part["landmarks"]) for part in parts]


@pytest.fixture(scope="module")
def recogniser():
    return DlibIdentity(packaged("dlib").path)


@pytest.fixture(scope="module")
def points():
    return DlibLandmarks(packaged("dlib-68").path)


def test_people_are_told_apart_by_distance(sittings, recogniser):
    descriptors = np.stack([recogniser(*sitting).mean(0) for sitting in sittings])
    assert descriptors.shape == (2 * PEOPLE, 128)
    apart = np.linalg.norm(descriptors[:, None] - descriptors[None], axis=-1)
    person = np.arange(2 * PEOPLE) // 2
    upper = np.triu(np.ones_like(apart, bool), 1)
    same = person[:, None] == person[None]
    assert area(-apart[upper & same], -apart[upper & ~same]) > 0.95


def test_a_descriptor_does_not_depend_on_where_the_face_is_or_on_its_company(sittings, recogniser):
    frames, landmarks = sittings[0]
    alone = np.concatenate([recogniser(frames[k : k + 1], landmarks[k : k + 1]) for k in range(FRAMES)])
    moved = np.pad(frames, ((0, 0), (40, 8), (24, 24), (0, 0)), mode="edge")
    there = recogniser(moved, landmarks + np.float32((24, 40)))
    assert np.linalg.norm(recogniser(frames, landmarks) - alone, axis=1).max() < 0.1
    assert np.linalg.norm(recogniser(frames, landmarks) - there, axis=1).max() < 0.05


def test_threads_get_what_one_gets(sittings, recogniser):
    expected = [recogniser(*sitting) for sitting in sittings[:4]]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda sitting: recogniser(*sitting), sittings[:4]))
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_points_are_near_the_exact_ones_and_follow_the_picture(sittings, points):
    errors = []
    for frames, landmarks in sittings:
        found = points(frames, landmarks)
        errors.append(np.linalg.norm(found - landmarks, axis=-1).mean() / eye_distance(landmarks))
    assert np.mean(errors) < 0.1
    frames, landmarks = sittings[0]
    moved = np.pad(frames, ((0, 0), (40, 8), (24, 24), (0, 0)), mode="edge")
    there = points(moved, landmarks + np.float32((24, 40)))
    assert np.abs(there - points(frames, landmarks) - (24, 40)).max() < 1.5


def test_faces_are_told_from_their_absence(sittings, points):
    for frames, landmarks in sittings:
        assert points.shows_face(frames, landmarks)
    frames, landmarks = sittings[0]
    noise = np.random.default_rng(0).integers(0, 256, frames.shape, np.uint8)
    for nobody in (noise, np.full_like(frames, 128), np.ascontiguousarray(frames[:, ::-1])):
        assert not points.shows_face(nobody, landmarks)


def test_other_files_are_one_line(tmp_path):
    (tmp_path / "odd.dat").write_bytes(b"no model")
    with pytest.raises(ValueError, match=r"odd\.dat: no face recogniser of dlib$"):
        DlibIdentity(tmp_path / "odd.dat")
    with pytest.raises(ValueError, match=r"odd\.dat: no shape predictor of dlib$"):
        DlibLandmarks(tmp_path / "odd.dat")


def test_a_predictor_of_five_points_is_no_reader_of_sixty_eight():
    five = packaged("dlib-68").path.with_name("shape_predictor_5_face_landmarks.dat")
    with pytest.raises(ValueError, match=r"no shape predictor of 68 points$"):
        DlibLandmarks(five)

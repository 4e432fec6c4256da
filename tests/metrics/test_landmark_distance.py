"""Landmark distances against their definition, invariances, and what alignment forgives."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.distance import cdist

from privtalk.metrics.declaration import Undefined
from privtalk.metrics.landmark_distance import (
    aligned_landmark_distance,
    face_landmark_distance,
    frame_distances,
    landmark_distance,
    lmd,
    lmd_aligned,
    lmd_face,
    lmd_px,
    normalised,
)


def face(seed, count=30):
    """A speaking face: eyes 20 px apart, 68 points that move smoothly."""
    rng = np.random.default_rng(seed)
    places = np.random.default_rng(99).uniform(20, 44, (68, 2))
    points = places + 5 * gaussian_filter1d(rng.normal(size=(count, 68, 2)), 1.5, axis=0)
    points[:, 36], points[:, 45] = (22, 24), (42, 24)
    return points


@pytest.fixture(scope="module", autouse=True)
def _compiled_beforehand():
    """Compiling takes longer than an example may."""
    aligned_landmark_distance(face(0), face(1))


def rigid(generated, truth):
    return normalised(landmark_distance(generated, truth), truth)


def test_is_the_definition_frame_by_frame():
    a, b = face(0), face(1)
    mouths = [(x[48:] - x[48:].mean(0), y[48:] - y[48:].mean(0)) for x, y in zip(a, b, strict=True)]
    expected = np.mean([np.diag(cdist(x, y)).mean() for x, y in mouths])
    assert landmark_distance(a, b) == pytest.approx(expected, abs=1e-12)
    everywhere = np.mean([np.diag(cdist(x, y)).mean() for x, y in zip(a, b, strict=True)])
    assert face_landmark_distance(a, b) == pytest.approx(everywhere, abs=1e-12)


@given(st.floats(-20, 20), st.floats(-20, 20))
def test_moving_the_mouth_changes_only_the_distance_of_the_face(x, y):
    a, b = face(0), face(1)
    shift = np.array([x, y])
    moved = a + shift
    assert landmark_distance(moved, b) == pytest.approx(landmark_distance(a, b), abs=1e-9)
    assert face_landmark_distance(b + shift, b) == pytest.approx(np.hypot(x, y), abs=1e-9)


@given(st.floats(0.5, 8))
def test_normalised_distances_compare_between_sizes_and_pixels_do_not(scale):
    a, b = face(0), face(1)
    assert landmark_distance(scale * a, scale * b) == pytest.approx(scale * landmark_distance(a, b))
    assert rigid(scale * a, scale * b) == pytest.approx(rigid(a, b), rel=1e-9)
    assert aligned_landmark_distance(scale * a, scale * b) == pytest.approx(
        aligned_landmark_distance(a, b), rel=1e-9
    )


def test_the_true_face_gives_the_size():
    a, b = face(0), face(1)
    b[:, 45] += (20, 0)
    assert normalised(landmark_distance(a, b), b) == pytest.approx(landmark_distance(a, b) / 40)


def test_distances_of_all_pairs_are_those_of_single_frames():
    a, b = face(0, 4), face(1, 4)
    pairs = [[landmark_distance(a[[t]], b[[u]]) for u in range(4)] for t in range(4)]
    np.testing.assert_allclose(frame_distances(a, b), pairs, atol=1e-12)


@given(st.integers(0, 50), st.integers(51, 99))
def test_aligned_is_rigid_at_band_zero_and_never_above_it(a, b):
    generated, truth = face(a), face(b)
    assert aligned_landmark_distance(generated, truth, band=0) == pytest.approx(rigid(generated, truth))
    assert aligned_landmark_distance(generated, truth, gamma=0) <= rigid(generated, truth) + 1e-12


def test_a_harmless_delay_is_forgiven_and_a_frozen_face_is_not():
    long = face(2, 43)
    truth, late, frozen = long[3:], long[:-3], np.repeat(long[3:4], 40, axis=0)
    assert aligned_landmark_distance(late, truth) < 0.25 * rigid(late, truth)
    assert aligned_landmark_distance(frozen, truth) > 0.7 * rigid(frozen, truth)


def test_declarations_name_the_network_and_the_unit():
    assert [make("talkhead").name for make in (lmd, lmd_px, lmd_face, lmd_aligned)] == [
        "lmd[talkhead]",
        "lmd_px[talkhead]",
        "lmd_face[talkhead]",
        "lmd_aligned[talkhead]",
    ]
    assert (lmd("a").unit, lmd_px("a").unit, lmd("a").direction) == ("eye distances", "px", "lower")


@pytest.mark.parametrize("measure", [landmark_distance, face_landmark_distance, aligned_landmark_distance])
def test_nothing_is_resampled(measure):
    with pytest.raises(ValueError, match="29 generated and 30 true frames"):
        measure(face(0, 29), face(1, 30))
    with pytest.raises(ValueError, match=r"true landmarks are \[30, 20, 2\]"):
        measure(face(0), face(1)[:, 48:])


def test_coinciding_eyes_give_no_size():
    with pytest.raises(Undefined, match="coincide"):
        normalised(1.0, np.zeros((3, 68, 2)))

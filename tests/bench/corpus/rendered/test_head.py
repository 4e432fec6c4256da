"""The head: named vertices, and articulators that do what their names say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privtalk.bench.corpus.performance import ARTICULATORS, Performance
from privtalk.bench.corpus.rendered import face_mesh, head
from privtalk.bench.corpus.rendered.expression import jaw_weights
from privtalk.bench.corpus.rendered.face_mesh import HEAD_HEIGHT
from privtalk.bench.corpus.rendered.identity import warp
from privtalk.bench.corpus.rendered.look import Look, sample_look
from privtalk.bench.corpus.rendered.palette import WEIGHTS
from privtalk.core.seeds import numpy_stream


def still(count: int = 1, **channels: np.ndarray | float) -> Performance:
    """A performance at rest but for some articulators, or blink, brows, gaze."""
    mouth = np.zeros((count, len(ARTICULATORS)), dtype=np.float32)
    rest = {"blink": 2, "brows": 2, "gaze": 2, "pose": 6}
    arrays = {name: np.zeros((count, n), dtype=np.float32) for name, n in rest.items()}
    for name, value in channels.items():
        if name in ARTICULATORS:
            mouth[:, ARTICULATORS.index(name)] = value
        else:
            arrays[name][:] = value
    return Performance(visemes=np.zeros((count, 15), dtype=np.float32), articulators=mouth, **arrays)


def person(index: int = 0) -> Look:
    return sample_look(numpy_stream(0, "test", index), "broad")


def points(performance: Performance, look: Look | None = None) -> np.ndarray:
    return head.vertices(look or person(), performance)[:, head.LANDMARK_VERTICES]


def opening(landmarks: np.ndarray) -> np.ndarray:
    pairs = ((62, 66), (61, 67), (63, 65))
    return np.mean([np.linalg.norm(landmarks[:, a] - landmarks[:, b], axis=-1) for a, b in pairs], axis=0)


def test_template_is_a_mesh_without_loose_or_folded_parts() -> None:
    mesh = face_mesh.template()
    assert np.isfinite(mesh.points).all()
    assert set(np.unique(mesh.faces)) == set(range(len(mesh.points)))
    edges = np.sort(mesh.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    assert np.unique(edges, axis=0, return_counts=True)[1].max() == 2


def test_template_is_symmetric() -> None:
    mesh = face_mesh.template()
    mirrored = mesh.points * [-1, 1, 1]
    order, other = (np.lexsort(np.round(p, 6).T) for p in (mesh.points, mirrored))
    assert np.allclose(mesh.points[order], mirrored[other], atol=1e-5)


def test_vertices_have_one_topology_and_are_in_head_heights() -> None:
    a, b = (head.vertices(person(i), still()) for i in range(2))
    assert a.shape == b.shape
    assert a.dtype == np.float32
    skin = a[0, : head.SKIN_VERTICES]
    above_chin = skin[:, 1].max() - skin[head.LANDMARK_VERTICES[8], 1]
    assert 0.85 < above_chin < 1.15


def test_no_shape_is_the_template() -> None:
    mesh = face_mesh.template()
    assert np.array_equal(warp(mesh.points, dict.fromkeys(person().shape, 0.0)), mesh.points)


def test_landmarks_are_68_distinct_vertices_in_ibug_order() -> None:
    ids = head.LANDMARK_VERTICES
    assert len(set(ids.tolist())) == 68
    p = points(still())[0]
    spans = ((0, 17), (17, 27))
    mirror = [i for low, high in spans for i in range(high - 1, low - 1, -1)] + [
        27,
        28,
        29,
        30,
        35,
        34,
        33,
        32,
        31,
    ]
    mirror += [45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40]
    mirror += [54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65]
    assert np.allclose(p, p[mirror] * [-1, 1, 1], atol=1e-4)
    x, y = p[:, 0], p[:, 1]
    assert (np.diff(x[:17]) > 0).all()
    assert (np.diff(x[17:27]) > 0).all()
    assert (np.diff(y[27:31]) < 0).all()
    assert y[8] < y[57] < y[51] < y[33] < y[30] < y[39] < y[21]
    assert x[36] < x[39] < x[42] < x[45]


def test_regions_hold_what_they_name() -> None:
    assert set(head.LANDMARK_VERTICES[48:]) <= set(head.LIP_VERTICES)
    assert set(head.EYE_FOREHEAD_VERTICES) < set(head.UPPER_FACE_VERTICES)
    assert not set(head.LIP_VERTICES) & set(head.UPPER_FACE_VERTICES)
    assert set(head.LANDMARK_VERTICES[36:48]) <= set(head.EYE_FOREHEAD_VERTICES)


def test_lips_at_rest_touch() -> None:
    assert opening(points(still())).item() == pytest.approx(0, abs=1e-4)


@settings(max_examples=12, deadline=None)
@given(index=st.integers(0, 200), width=st.floats(-1, 1), rounding=st.floats(0, 1))
def test_mouth_opening_grows_with_the_jaw(index: int, width: float, rounding: float) -> None:
    jaw = np.linspace(0, 1, 7)
    gaps = opening(points(still(7, jaw=jaw, width=width, round=rounding), person(index)))
    assert (np.diff(gaps) > 0).all()
    assert gaps[-1] > 0.04


@settings(max_examples=8, deadline=None)
@given(index=st.integers(0, 200), jaw=st.floats(0, 0.8))
def test_press_closes_the_lips(index: int, jaw: float) -> None:
    gap = opening(points(still(1, jaw=jaw, press=1.0), person(index))).item()
    assert gap < 0.008
    assert gap <= opening(points(still(1, jaw=jaw), person(index))).item() + 0.004


def test_width_and_rounding_move_the_corners() -> None:
    def reach(**channels: float) -> float:
        p = points(still(1, **channels))[0]
        return float(p[54, 0] - p[48, 0])

    assert reach(width=1) > reach() * 1.1
    assert reach(width=-1) < reach() * 0.9
    assert reach(round=1) < reach() * 0.85


def test_rounding_protrudes_and_tuck_withdraws_the_lower_lip() -> None:
    depth = {name: points(still(1, **{name: 1.0}))[0, 57, 2] for name in ("round", "tuck")}
    rest = points(still())[0, 57, 2]
    assert depth["round"] > rest > depth["tuck"]


def test_speech_leaves_the_upper_face_and_the_skull_alone() -> None:
    rest, open_ = (head.vertices(person(), still(1, jaw=jaw))[0] for jaw in (0.0, 1.0))
    assert np.abs(open_ - rest)[head.EYE_FOREHEAD_VERTICES].max() < 1e-3
    weights = jaw_weights()
    assert weights.jaw.min() >= 0
    assert weights.jaw.max() == pytest.approx(1)


def test_blink_closes_each_eye() -> None:
    p = points(still(3, blink=np.array([[0, 0], [1, 0], [0, 1]])))
    right = np.linalg.norm(p[:, 37] - p[:, 41], axis=-1)
    left = np.linalg.norm(p[:, 44] - p[:, 46], axis=-1)
    assert right[1] < 0.2 * right[0]
    assert left[2] < 0.2 * left[0]
    assert right[2] == pytest.approx(right[0])


def test_lids_slide_over_the_eyeball() -> None:
    look = person(1)
    built = head.build(look)
    for blink in (0.0, 0.3, 0.6, 1.0):
        moved = head.animate(built, still(1, blink=blink))[0]
        lids = moved[head.LANDMARK_VERTICES[[37, 38, 40, 41]]]
        distance = np.linalg.norm(lids - built.eyes[0, :3], axis=1)
        assert (distance >= built.eyes[0, 3]).all()


def test_brows_rise() -> None:
    p = points(still(2, brows=np.array([[-1, -1], [1, 1]])))
    assert (p[1, 17:27, 1] > p[0, 17:27, 1]).all()


def test_gaze_turns_the_pupils_and_nothing_else() -> None:
    built = head.build(person())
    ahead, aside = (head.animate(built, still(1, gaze=np.array([g, 0.0])))[0] for g in (0.0, 0.3))
    first, _ = built.spans["eye_left"]
    assert aside[first, 0] > ahead[first, 0] + 0.2
    assert np.array_equal(aside[: head.SKIN_VERTICES], ahead[: head.SKIN_VERTICES])


def test_same_generator_same_look_and_every_kind_is_drawn() -> None:
    assert person(5) == person(5)
    assert person(5) != person(6)
    seen = [sample_look(numpy_stream(1, i), "broad").attributes() for i in range(400)]
    for kind in ("beard", "glasses", "light", "camera", "background", "skin"):
        assert {s[kind] for s in seen} == set(WEIGHTS["broad"][kind])


def test_the_broad_world_holds_what_the_public_lacks() -> None:
    worlds = {w: [sample_look(numpy_stream(2, i), w).attributes() for i in range(300)] for w in WEIGHTS}
    share = {
        w: {k: np.mean([p[k] != "none" for p in people]) for k in ("beard", "glasses")}
        for w, people in worlds.items()
    }
    for kind in ("beard", "glasses"):
        assert share["broad"][kind] > 2 * share["public"][kind]
    lights = {w: {p["light"] for p in people} for w, people in worlds.items()}
    assert lights["public"] == {"frontal", "soft_left", "soft_right"}
    assert {"hard_left", "warm", "cold"} < lights["broad"]


def test_head_height_is_the_unit() -> None:
    built = head.build(person())
    assert np.allclose(
        head.animate(built, still())[0] / HEAD_HEIGHT, head.vertices(person(), still())[0], atol=1e-6
    )

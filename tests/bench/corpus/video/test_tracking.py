from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from privtalk.bench.corpus.video.faces import Face
from privtalk.bench.corpus.video.tracking import is_cut, link, overlap, thumbnail


def face(x: float, y: float = 50, size: float = 40, score: float = 0.9) -> Face:
    return Face(np.array([x, y, size, size]), score)


def test_two_people_are_two_tracks() -> None:
    tracks = link([([face(20 + t), face(200 - t, size=60)], False) for t in range(30)], 25)
    assert [len(track) for track in tracks] == [30, 30]
    large, small = sorted(tracks, key=lambda track: -track.weight)
    assert np.allclose(large.boxes[:, 0], 200 - np.arange(30))
    assert np.allclose(small.boxes[:, 0], 20 + np.arange(30))


def test_lasting_face_outweighs_a_brief_larger_one() -> None:
    frames = [([face(20)] + ([face(200, size=80)] if t < 10 else []), False) for t in range(50)]
    best = max(link(frames, 25), key=lambda track: track.weight)
    assert (best.start, len(best), best.boxes[0, 0]) == (0, 50, 20)


def test_short_hole_is_bridged_on_a_straight_line() -> None:
    frames = [([] if 10 <= t < 18 else [face(20 + t)], False) for t in range(30)]
    (track,) = link(frames, 25)
    assert np.allclose(track.boxes[:, 0], 20 + np.arange(30))
    assert track.seen.sum() == 22
    assert not track.seen[10:18].any()


def test_long_hole_and_cut_end_a_track() -> None:
    hole = [([] if 10 <= t < 30 else [face(20)], False) for t in range(40)]
    assert [(track.start, len(track)) for track in link(hole, 25)] == [(0, 10), (30, 10)]
    cut = [([face(20)], t == 15) for t in range(40)]
    assert [(track.start, len(track)) for track in link(cut, 25)] == [(0, 15), (15, 25)]


def test_no_faces_no_tracks() -> None:
    assert link([([], False)] * 5, 25) == []


boxes = st.tuples(*[st.floats(0, 100)] * 2, *[st.floats(1, 50)] * 2).map(np.array)


@given(boxes, boxes)
def test_overlap_is_a_share_and_symmetric(a: np.ndarray, b: np.ndarray) -> None:
    assert 0 <= overlap(a, b) <= 1 + 1e-9
    assert np.isclose(overlap(a, b), overlap(b, a))
    assert np.isclose(overlap(a, a), 1)


def test_cut_is_a_change_of_picture_and_not_of_detail() -> None:
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 255, (64, 64, 3), np.uint8)
    noisy = np.clip(picture + rng.normal(0, 10, picture.shape), 0, 255).astype(np.uint8)
    dark, light = np.full_like(picture, 20), np.full_like(picture, 200)
    assert not is_cut(None, thumbnail(picture))
    assert not is_cut(thumbnail(picture), thumbnail(noisy))
    assert is_cut(thumbnail(dark), thumbnail(light))

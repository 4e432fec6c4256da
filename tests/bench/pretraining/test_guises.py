"""Guises of people: mirrored and recoloured, with landmarks where they belong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from privtalk.bench.corpus.clip import Clip
from privtalk.bench.corpus.rendered.embedded import character, film
from privtalk.bench.pretraining.guises import MIRRORED, guise, mirrored


@pytest.fixture(scope="module")
def clip() -> Clip:
    return film(character(0, "clients", 0), "train", 0, 70, 64)


def test_a_mirror_twice_is_the_clip(clip):
    again = mirrored(mirrored(clip))
    np.testing.assert_array_equal(again.frames, clip.frames)
    np.testing.assert_allclose(again.landmarks, clip.landmarks, atol=1e-4)


def test_every_point_is_one_of_the_mirrored_faces():
    assert sorted(MIRRORED) == list(range(68))


def test_points_keep_their_side_and_their_part(clip):
    """The right eye (36 to 41) is left of the other in the picture, before and after; lips run the same way round."""
    for face in (clip.landmarks, mirrored(clip).landmarks):
        assert (face[:, 36:42, 0].mean(1) < face[:, 42:48, 0].mean(1)).all()
        assert (face[:, 48, 0] < face[:, 54, 0]).all()
        assert (face[:, 17:22, 0].mean(1) < face[:, 22:27, 0].mean(1)).all()
        assert (face[:, 51, 1] < face[:, 57, 1]).all()
        assert (face[:, 61:64, 1].mean(1) <= face[:, 65:68, 1].mean(1) + 0.5).all()


def test_a_point_lies_on_the_same_spot_of_the_face(clip):
    other = mirrored(clip)
    for point in (0, 8, 19, 30, 39, 48, 62):
        x, y = clip.landmarks[0, point].round().astype(int)
        u, v = other.landmarks[0, MIRRORED.index(point)].round().astype(int)
        np.testing.assert_array_equal(clip.frames[0, y, x], other.frames[0, v, u])


def test_guises_are_further_people_in_one_colour(clip):
    assert guise(clip, 0) is clip
    first, again, second = guise(clip, 1), guise(clip, 1), guise(clip, 2)
    assert len({clip.identity, first.identity, second.identity}) == 3
    np.testing.assert_array_equal(first.frames, again.frames)
    assert np.abs(second.frames.astype(int) - clip.frames).mean() > 2
    frozen = replace(clip, frames=np.repeat(clip.frames[:1], clip.length, axis=0))
    shown = guise(frozen, 2).frames
    assert np.abs(shown.astype(int) - shown[:1]).max() <= 1, "rounding alone tells frames apart"

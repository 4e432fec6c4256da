"""Sync from embeddings: known shifts, chance, and no confidence out of nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from privtalk.metrics.declaration import Undefined
from privtalk.metrics.lip_sync import certain_offset, lip_sync, shift_distances


def embeddings(windows, seed=0, dim=32):
    points = np.random.default_rng(seed).normal(size=(windows, dim))
    return points / np.linalg.norm(points, axis=1, keepdims=True)


@given(st.integers(-10, 10))
def test_a_known_shift_is_found(shift):
    heard = embeddings(80)
    seen = heard[20:60]  # seen[t] = heard[t + 20]
    found = lip_sync(seen, heard[20 - shift : 60 - shift])
    assert found.offset == shift
    assert found.distance == pytest.approx(0, abs=1e-7)
    assert found.windows == 20


def test_distances_are_the_definition():
    video, audio = embeddings(30, 1), embeddings(30, 2)
    found = shift_distances(video, audio, 4)
    for place, shift in enumerate(range(-4, 5)):
        expected = np.mean([np.linalg.norm(video[t] - audio[t + shift]) for t in range(4, 26)])
        assert found[place] == pytest.approx(expected)


def test_short_clips_of_anything_have_no_more_confidence_than_long_ones_give_by_chance():
    """The reference pads the sound with zeros: .85 at 15 frames and .07 at 500 for unrelated features."""
    confidence = [
        np.mean([lip_sync(embeddings(n, 2 * k), embeddings(n, 2 * k + 1)).confidence for k in range(40)])
        for n in (20, 40, 200)
    ]
    assert confidence[0] < 0.2
    assert confidence[0] > confidence[1] > confidence[2]


def test_too_few_windows_have_no_value():
    with pytest.raises(Undefined, match="19 windows are too few for sync"):
        lip_sync(embeddings(19), embeddings(19))
    assert lip_sync(embeddings(20), embeddings(20)).windows == 10


def test_an_offset_at_the_edge_is_not_certain():
    heard = embeddings(60)
    found = lip_sync(heard[:40], heard[10:50])
    assert found.offset == -10
    with pytest.raises(Undefined, match="edge"):
        certain_offset(found)
    assert certain_offset(lip_sync(heard, heard)) == 0


def test_embeddings_that_do_not_belong_together_are_refused():
    with pytest.raises(ValueError, match="must be alike"):
        lip_sync(embeddings(30), embeddings(29))

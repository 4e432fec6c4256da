"""Audio control: a ratio with each clip's influence on it, and the slope that least squares finds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from privtalk.metrics.declaration import Undefined
from privtalk.metrics.protection.audio_control import audio_control, response

CLIPS = st.integers(1, 12)


@st.composite
def responses(draw):
    """Responses of protected portraits, whatever they are, and of clean ones, which speak."""
    count = draw(CLIPS)
    protected = draw(arrays(np.float64, count, elements=st.floats(-10, 10)))
    clean = draw(arrays(np.float64, count, elements=st.floats(0.01, 10)))
    return protected, clean


@given(responses())
def test_the_value_is_the_ratio_and_the_mean_of_its_shares(both):
    protected, clean = both
    found = audio_control(protected, clean)
    assert found.value == pytest.approx(sum(protected) / sum(clean))
    assert len(found.shares) == len(clean)
    assert np.mean(found.shares) == pytest.approx(found.value, abs=1e-9)


@given(responses(), st.floats(-3, 3))
def test_clips_that_agree_have_no_spread(both, kept):
    _, clean = both
    found = audio_control(kept * clean, clean)
    np.testing.assert_allclose(found.shares, kept, atol=1e-9)


def pseudo_values(protected, clean):
    """[N] n t - (n - 1) t without the clip: the jackknife's."""
    count, whole = len(clean), protected.sum() / clean.sum()
    without = (protected.sum() - protected) / (clean.sum() - clean)
    return count * whole - (count - 1) * without


@given(st.integers(0, 1000))
def test_influence_is_what_leaving_a_clip_out_changes_to_first_order(seed):
    """The two differ by terms of 1 / n: with every clip 16 times, by a sixteenth."""
    draw = np.random.default_rng(seed)
    clean, protected = draw.uniform(0.5, 1.5, 12), draw.normal(0.3, 0.5, 12)
    far = []
    for times in (1, 16):
        clips = np.tile(protected, times), np.tile(clean, times)
        far.append(np.abs(np.array(audio_control(*clips).shares) - pseudo_values(*clips)).max())
    assert far[1] < far[0] / 10
    assert far[1] < 0.02 * np.ptp(pseudo_values(protected, clean))


@pytest.mark.parametrize("clean", [[0.0, 0.0], [1.0, -1.0], [0.5, -2.0], [float("nan"), 1.0]])
def test_there_is_no_value_where_speech_does_not_move_the_clean_mouth(clean):
    with pytest.raises(Undefined, match="does not control the clean"):
        audio_control(np.ones(2), np.array(clean))


OPENINGS = arrays(np.float64, (3, 7), elements=st.floats(-1, 1))


@given(OPENINGS, OPENINGS, OPENINGS, OPENINGS)
def test_responses_are_what_least_squares_through_the_origin_is_made_of(first, second, true, other):
    true[0, 0] = other[0, 0] + 1  # something moves
    made, meant = (first - second).ravel(), (true - other).ravel()
    slope = np.linalg.lstsq(meant[:, None], made, rcond=None)[0][0]
    whole = response(true, other, true, other).sum()
    assert response(first, second, true, other).sum() / whole == pytest.approx(slope, abs=1e-9)
    assert audio_control(response(first, second, true, other), response(true, other, true, other)).value == (
        pytest.approx(slope, abs=1e-9)
    )


@given(OPENINGS, OPENINGS, st.floats(-2, 2), st.floats(-1, 1))
def test_a_mouth_that_follows_by_half_keeps_half_wherever_it_rests(true, other, kept, rest):
    true[0, 0] = other[0, 0] + 1
    clean = response(true, other, true, other)
    half = response(kept * true + rest, kept * other + rest, true, other)
    assert audio_control(half, clean).value == pytest.approx(kept, abs=1e-9)


def test_movement_that_both_speeches_have_is_no_response():
    true, other = np.random.default_rng(0).normal(size=(2, 3, 7))
    ruin = 5 * np.random.default_rng(1).normal(size=(3, 7))
    assert response(ruin, ruin, true, other).tolist() == [0, 0, 0]
    np.testing.assert_allclose(
        response(true + ruin, other + ruin, true, other), response(true, other, true, other)
    )


@pytest.mark.parametrize("place", range(4))
def test_openings_of_other_frames_are_refused(place):
    given = [np.zeros((2, 5)) for _ in range(4)]
    given[place] = np.zeros((2, 4))
    with pytest.raises(ValueError, match=r"give one a clip and frame"):
        response(*given)

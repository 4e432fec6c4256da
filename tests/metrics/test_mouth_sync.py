"""Sync of opening curves against SciPy, planted shifts, and everything that must stay undefined."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter1d
from scipy.stats import pearsonr

from privtalk.metrics.declaration import Undefined
from privtalk.metrics.mouth_sync import (
    FLAT,
    MAX_SHIFT,
    aligned_opening_error,
    mouth_opening_error,
    mouth_sync,
    mouth_sync_offset,
    shift_correlations,
)


def curve(seed, length=60):
    """Opening of a speaking mouth: smooth, positive, no two stretches alike."""
    noise = np.random.default_rng(seed).normal(size=length + 40)
    return np.maximum(0.08 + 0.15 * gaussian_filter1d(noise, 1.2)[20:-20], 0)


@pytest.fixture(scope="module", autouse=True)
def _compiled_beforehand():
    """Compiling takes longer than an example may."""
    aligned_opening_error(curve(0), curve(1))


def test_sync_is_pearsons():
    a, b = curve(0), curve(1)
    assert mouth_sync(a, b) == pytest.approx(pearsonr(a, b).statistic, abs=1e-12)


@given(st.integers(-MAX_SHIFT + 1, MAX_SHIFT - 1), st.integers(0, 50))
def test_a_planted_delay_is_found(delay, seed):
    long = curve(seed, 80)
    truth, late = long[10:70], long[10 - delay : 70 - delay]
    assert mouth_sync_offset(late, truth) == delay
    assert mouth_sync_offset(truth, late) == -delay


def test_shifts_compare_overlapping_frames_only():
    a, b = curve(0), curve(1)
    scores = shift_correlations(a, b)
    assert scores[MAX_SHIFT] == pytest.approx(pearsonr(a, b).statistic)
    assert scores[MAX_SHIFT + 3] == pytest.approx(pearsonr(a[3:], b[:-3]).statistic)
    assert scores[MAX_SHIFT - 8] == pytest.approx(pearsonr(a[:-8], b[8:]).statistic)


@given(st.floats(0.2, 5), st.floats(-1, 1))
def test_sync_ignores_gain_and_offset_and_the_error_does_not(gain, offset):
    truth = curve(0)
    assert mouth_sync(gain * truth + offset, truth) == pytest.approx(1, abs=1e-9)
    assert mouth_opening_error(truth + offset, truth) == pytest.approx(abs(offset), abs=1e-12)


@pytest.mark.parametrize("measure", [mouth_sync, mouth_sync_offset])
@pytest.mark.parametrize(
    ("generated", "truth", "reason"),
    [
        (np.full(60, 0.1), curve(0), "generated mouth does not move"),
        (curve(0), np.full(60, 0.1), "true mouth does not move"),
        (0.1 + 0.5 * FLAT * np.sign(curve(1) - 0.08), curve(0), "generated mouth does not move"),
        (curve(0, 11), curve(1, 11), "11 frames are too few"),
    ],
)
def test_frozen_mouths_and_short_clips_have_no_value(measure, generated, truth, reason):
    with pytest.raises(Undefined, match=reason):
        measure(generated, truth)


def test_the_offset_needs_more_frames_than_the_correlation():
    assert -1 <= mouth_sync(curve(0, 19), curve(1, 19)) <= 1
    with pytest.raises(Undefined, match="at least 20"):
        mouth_sync_offset(curve(0, 19), curve(1, 19))


def test_a_best_shift_at_the_edge_is_not_trusted():
    long = curve(3, 100)
    with pytest.raises(Undefined, match="at the edge"):
        mouth_sync_offset(long[20:80], long[28:88])
    with pytest.raises(Undefined, match="at the edge"):
        mouth_sync_offset(long[28:88], long[20:80])


@given(st.integers(0, 50), st.integers(0, 50))
def test_aligned_error_is_the_rigid_one_at_band_zero_and_never_above_it(a, b):
    generated, truth = curve(a), curve(b)
    rigid = mouth_opening_error(generated, truth)
    assert aligned_opening_error(generated, truth, band=0) == pytest.approx(rigid, rel=1e-12)
    assert aligned_opening_error(generated, truth, gamma=0) <= rigid + 1e-12


def test_a_harmless_delay_is_forgiven_and_a_frozen_mouth_is_not():
    long = curve(3, 80)
    truth, late, frozen = long[10:70], long[7:67], np.full(60, long.mean())
    assert aligned_opening_error(late, truth) < 0.3 * mouth_opening_error(late, truth)
    assert aligned_opening_error(frozen, truth) > 0.7 * mouth_opening_error(frozen, truth)


def test_a_delay_beyond_the_band_is_forgiven_in_part_only():
    long = curve(3, 80)
    errors = [aligned_opening_error(long[10 - d : 70 - d], long[10:70]) for d in (0, 3, 5, 9)]
    assert errors[0] < 0.002 < errors[3]
    assert errors[1] < errors[2] < errors[3]


def test_nothing_is_resampled():
    with pytest.raises(ValueError, match="59 generated and 60 true frames"):
        aligned_opening_error(curve(0)[1:], curve(0))

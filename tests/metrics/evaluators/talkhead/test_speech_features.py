"""Log-mel windows: tones in their bins, clicks at their times, silence below."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import stft

from privtalk.metrics.evaluators.talkhead.speech_features import (
    BINS,
    FLOOR,
    HIGH_HZ,
    LOW_HZ,
    RATE,
    SAMPLE_RATE,
    log_mel,
    mel_filters,
    mel_windows,
)


def mel(hertz):
    return 2595 * np.log10(1 + hertz / 700)


def tone(hertz, seconds=0.6, level=0.5):
    return (level * np.sin(2 * np.pi * hertz * np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE)).astype(
        np.float32
    )


def click(at, seconds):
    """[S] one loud sample at a time in seconds."""
    audio = np.zeros(round(seconds * SAMPLE_RATE), np.float32)
    audio[round(at * SAMPLE_RATE)] = 1
    return audio


@given(st.floats(200, 7000))
@settings(max_examples=40, deadline=None)
def test_a_tone_peaks_in_the_bin_whose_middle_is_nearest(hertz):
    middles = np.linspace(mel(LOW_HZ), mel(HIGH_HZ), BINS + 2)[1:-1]
    heard = log_mel(tone(hertz))[20:40].mean(0)
    width = middles[1] - middles[0]
    assert abs(middles[int(np.argmax(heard))] - mel(hertz)) < 0.75 * width


def test_power_is_that_of_the_spectrum_through_triangles():
    audio = np.random.default_rng(0).normal(0, 0.1, SAMPLE_RATE).astype(np.float32)
    _, times, spectrum = stft(audio, fs=SAMPLE_RATE, nperseg=400, noverlap=240, nfft=512)
    hertz = np.linspace(0, SAMPLE_RATE / 2, 257)
    edges = 700 * (10 ** (np.linspace(mel(LOW_HZ), mel(HIGH_HZ), BINS + 2) / 2595) - 1)
    found = log_mel(audio)
    assert len(found) == len(times)
    np.testing.assert_allclose(times, np.arange(len(times)) / RATE)
    for k in (0, 13, BINS - 1):
        triangle = np.interp(hertz, edges[k : k + 3], [0, 1, 0], left=0, right=0)
        expected = np.log(triangle @ np.abs(spectrum) ** 2 + FLOOR)
        np.testing.assert_allclose(found[:, k], expected, atol=1e-3)


def test_filters_cover_the_range_and_nothing_else():
    filters = mel_filters()
    hertz = np.linspace(0, SAMPLE_RATE / 2, 257)
    assert filters.shape == (BINS, 257)
    assert (filters >= 0).all()
    assert filters.max() <= 1
    assert (filters.sum(1) > 0.5).all()
    assert not filters[:, (hertz < LOW_HZ) | (hertz > HIGH_HZ)].any()


def test_silence_is_the_floor():
    np.testing.assert_allclose(log_mel(np.zeros(SAMPLE_RATE, np.float32)), np.log(FLOOR), rtol=1e-5)


def test_twice_the_level_is_four_times_the_power():
    found = log_mel(tone(1000, level=0.4)) - log_mel(tone(1000, level=0.2))
    loudest = log_mel(tone(1000)).mean(0).argmax()
    assert found[20:40, loudest] == pytest.approx(np.log(4), abs=1e-3)


@pytest.mark.parametrize(("span", "length"), [(5, 32), (1, 16), (5, 20)])
@pytest.mark.parametrize("fps", [25.0, 50.0])
def test_a_click_shows_up_in_the_middle_of_the_window_whose_middle_it_is(span, length, fps):
    frames = 40
    for window in (0, 7, frames - span):
        at = (window + span / 2) / fps
        windows = mel_windows(click(at, frames / fps), frames, fps, span, length)
        assert windows.shape == (frames - span + 1, length, BINS)
        energy = np.exp(windows[window]).sum(1)
        middle = (energy * np.arange(length)).sum() / energy.sum()
        # a window has an even number of mel frames: its middle is the start of the later one of the two
        assert middle == pytest.approx(length // 2, abs=0.55)


def test_windows_are_the_mel_frames_around_their_time():
    audio = np.random.default_rng(1).normal(0, 0.1, 30 * 640).astype(np.float32)
    whole = log_mel(audio)
    windows = mel_windows(audio, 30, 25.0, 5, 32)
    for window in (3, 10, 22):
        first = 4 * window + 10 - 16
        np.testing.assert_array_equal(windows[window], whole[first : first + 32])


def test_beyond_the_ends_there_is_silence():
    windows = mel_windows(np.full(10 * 640, 0.1, np.float32), 10, 25.0, 5, 32)
    assert windows[0, :6] == pytest.approx(np.log(FLOOR), rel=1e-6)
    assert windows[-1, -4:] == pytest.approx(np.log(FLOOR), rel=1e-6)
    assert windows.dtype == np.float32

from __future__ import annotations

import numpy as np
import pytest
import torch

from privtalk.methods.backbone.audio import (
    FLOOR_DB,
    RANGE_DB,
    SAMPLE_RATE,
    AudioEncoder,
    frame_windows,
    log_mel,
    mel_filters,
    neighbourhood,
)
from privtalk.methods.backbone.config import AudioConfig

CONFIG = AudioConfig()


def sine(hertz: float, seconds: float = 0.5) -> np.ndarray:
    return np.sin(2 * np.pi * hertz * np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE).astype(
        np.float32
    )


@pytest.mark.parametrize("hertz", [300.0, 1000.0, 4000.0])
def test_a_sine_is_loudest_in_the_filter_around_it(hertz: float) -> None:
    mel = log_mel(sine(hertz), CONFIG)[10:-10]
    centres = mel_filters(CONFIG.mel_bins).argmax(1) * SAMPLE_RATE / 512
    loudest = mel.mean(0).argmax()
    assert abs(loudest - np.abs(centres - hertz).argmin()) <= 1


def test_full_scale_is_one_and_silence_is_zero() -> None:
    assert log_mel(sine(1000.0), CONFIG)[10:-10].max() == pytest.approx(1.0, abs=0.08)
    assert log_mel(np.zeros(8000, np.float32), CONFIG) == pytest.approx(0.0, abs=1e-6)


def test_a_tenth_of_the_amplitude_is_twenty_decibels_less() -> None:
    difference = log_mel(sine(1000.0), CONFIG).max() - log_mel(0.1 * sine(1000.0), CONFIG).max()
    assert difference * RANGE_DB == pytest.approx(20.0, abs=0.1)
    assert FLOOR_DB + RANGE_DB == 0


def test_a_click_lands_in_the_window_of_its_frame() -> None:
    audio = np.zeros(SAMPLE_RATE, np.float32)
    audio[round(0.5 * SAMPLE_RATE)] = 1.0  # frame 12 spans 0.48 .. 0.52 s
    windows = frame_windows(log_mel(audio, CONFIG), 25, 25.0, CONFIG)
    energy = windows.sum(-1)
    assert energy[12].argmax() == CONFIG.window // 2
    assert energy[0].max() == pytest.approx(0.0, abs=1e-5)


def test_beyond_the_ends_there_is_silence() -> None:
    windows = frame_windows(np.ones((100, 4), np.float32), 25, 25.0, AudioConfig(mel_bins=4))
    assert windows[0, :4].max() == 0
    assert windows[12].min() == 1


def test_neighbourhood_is_centred_and_clamped() -> None:
    near = neighbourhood(20, 8)
    assert near[10].tolist() == list(range(6, 14))
    assert near[0].tolist() == [0, 0, 0, 0, 0, 1, 2, 3]
    assert near[19].max() == 19


def test_equal_windows_are_smoothed_to_themselves() -> None:
    encoder = AudioEncoder(CONFIG)
    window = torch.rand(1, 1, CONFIG.window, CONFIG.mel_bins)
    once, often = encoder(window), encoder(window.expand(1, 8, -1, -1))
    torch.testing.assert_close(once, often)

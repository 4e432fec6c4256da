"""Log-mel windows of speech, one a window of video frames.

S samples at 16 kHz; L mel frames a window, M mel bins.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.signal import stft

from privtalk.metrics.evaluators.protocols import SAMPLE_RATE

RATE = 100
"""Mel frames a second."""
BINS = 32
WINDOW = 400
"""Samples of an analysis window (25 ms)."""
FFT = 512
LOW_HZ, HIGH_HZ = 55.0, 7600.0
FLOOR = 1e-8
"""Power added, 80 dB below full scale."""


@lru_cache(maxsize=1)
def mel_filters() -> NDArray[np.float32]:
    """[M, FFT / 2 + 1] triangles, equally spaced on the HTK mel scale, each with a peak of 1."""
    low, high = (2595.0 * np.log10(1 + hertz / 700) for hertz in (LOW_HZ, HIGH_HZ))
    points = 700 * (10 ** (np.linspace(low, high, BINS + 2) / 2595) - 1)
    grid = np.linspace(0, SAMPLE_RATE / 2, FFT // 2 + 1)
    rising = (grid - points[:-2, None]) / np.diff(points)[:-1, None]
    falling = (points[2:, None] - grid) / np.diff(points)[1:, None]
    return np.clip(np.minimum(rising, falling), 0, None).astype(np.float32)


def log_mel(audio: NDArray[np.float32]) -> NDArray[np.float32]:
    """[frames, M] natural logarithms of mel power of `audio` [S]; frame i is centred at i / 100 s."""
    hop = SAMPLE_RATE // RATE
    _, _, spectrum = stft(
        audio, nperseg=WINDOW, noverlap=WINDOW - hop, nfft=FFT, boundary="zeros", padded=True
    )
    power = mel_filters() @ np.abs(spectrum.astype(np.complex64)) ** 2
    return np.log(power.T + np.float32(FLOOR)).astype(np.float32)


def mel_windows(
    audio: NDArray[np.float32], frames: int, fps: float, span: int, length: int
) -> NDArray[np.float32]:
    """[W, L, M] the `length` mel frames around the middle of every `span` video frames, W = frames - span + 1.

    Beyond the ends of the recording there is silence; windows of video lie inside it.
    """
    mel = log_mel(audio)
    middles = (np.arange(frames - span + 1) + span / 2) / fps
    first = np.round(middles * RATE).astype(int) - length // 2
    rows = first[:, None] + np.arange(length)
    padded = np.pad(mel, ((length, length), (0, 0)), constant_values=np.log(FLOOR))
    return np.ascontiguousarray(padded[np.clip(rows + length, 0, len(padded) - 1)])

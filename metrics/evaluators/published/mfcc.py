"""Mel-frequency cepstra as `python_speech_features.mfcc` computes them by default, which SyncNet was trained on.

16 kHz, rectangular windows of 25 ms every 10 ms (the last one padded with silence), pre-emphasis .97, a
512-point spectrum, 26 triangles from 0 to 8 kHz, 13 liftered cepstra of which the zeroth is the log of the
window's energy. S samples, N windows.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct

RATE = 16_000
LENGTH, STEP = 400, 160
"""The length of a window and the step between windows, in samples."""
SPECTRUM = 512
FILTERS, CEPSTRA, LIFTER = 26, 13, 22
EMPHASIS = 0.97

Floats = NDArray[np.float64]


def mfcc(samples: NDArray[np.floating] | NDArray[np.integer]) -> Floats:
    """[N, 13] of samples [S] in the units of 16-bit audio (-32768..32767); N = 1 + ceil((S - 400) / 160)."""
    signal = samples.astype(np.float64)
    spectrum = np.abs(
        np.fft.rfft(_windows(np.append(signal[0], signal[1:] - EMPHASIS * signal[:-1])), SPECTRUM)
    )
    power = spectrum**2 / SPECTRUM
    bands = power @ filterbank().T
    cepstra: Floats = dct(np.log(_positive(bands)), type=2, axis=1, norm="ortho")[:, :CEPSTRA]
    cepstra *= 1 + LIFTER / 2 * np.sin(np.pi * np.arange(CEPSTRA) / LIFTER)
    cepstra[:, 0] = np.log(_positive(power.sum(1)))
    return cepstra


def _windows(signal: Floats) -> Floats:
    """[N, 400], the signal padded with zeros to whole windows."""
    count = 1 + max(0, -(-(len(signal) - LENGTH) // STEP))
    padded = np.pad(signal, (0, (count - 1) * STEP + LENGTH - len(signal)))
    return np.lib.stride_tricks.sliding_window_view(padded, LENGTH)[::STEP]


def _positive(values: Floats) -> Floats:
    """Zeros, whose logarithm is infinite, as the smallest step from one."""
    return np.where(values == 0, np.finfo(float).eps, values)


@cache
def filterbank() -> Floats:
    """[26, 257] triangles whose corners are evenly spaced in mels and lie on whole bins."""
    highest = 2595 * np.log10(1 + RATE / 2 / 700)
    hertz = 700 * (10 ** (np.linspace(0, highest, FILTERS + 2) / 2595) - 1)
    corners = np.floor((SPECTRUM + 1) * hertz / RATE)
    low, middle, high = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    bins = np.arange(SPECTRUM // 2 + 1)
    rising = np.where((bins >= low) & (bins < middle), (bins - low) / np.maximum(middle - low, 1), 0)
    falling = np.where((bins >= middle) & (bins < high), (high - bins) / np.maximum(high - middle, 1), 0)
    bank: Floats = rising + falling
    return bank

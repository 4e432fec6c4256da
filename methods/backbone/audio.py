"""Audio conditioning: log-mel windows, their encoder, and DiffTalk's learned temporal smoothing.

Shapes: T frames, Wn = neighbouring windows, L mel frames a window, M mel bins, D width.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.signal import stft
from torch import Tensor, nn

from privtalk.methods.backbone.config import AudioConfig

SAMPLE_RATE = 16_000
FFT = 512
LOW_HZ, HIGH_HZ = 55.0, 7600.0
FLOOR_DB, RANGE_DB = -80.0, 80.0
SPEECH_MEAN, SPEECH_SPREAD = 0.45, 0.2
"""The mean and deviation of log-mel speech, about; the encoder's input is standardised by them."""
CENTRING = 1.0
"""Initial fall of the attention per window of distance: without it the mouth starts with a third of a second's blur."""


def mel_filters(bins: int) -> NDArray[np.float32]:
    """Triangular filters [bins, FFT / 2 + 1], equally spaced on the HTK mel scale, each with a peak of 1."""

    def mel(hz: float) -> float:
        return 2595.0 * np.log10(1 + hz / 700)

    points = 700 * (10 ** (np.linspace(mel(LOW_HZ), mel(HIGH_HZ), bins + 2) / 2595) - 1)
    grid = np.linspace(0, SAMPLE_RATE / 2, FFT // 2 + 1)
    rising = (grid - points[:-2, None]) / np.diff(points)[:-1, None]
    falling = (points[2:, None] - grid) / np.diff(points)[1:, None]
    return np.clip(np.minimum(rising, falling), 0, None).astype(np.float32)


def log_mel(audio: NDArray[np.float32], config: AudioConfig) -> NDArray[np.float32]:
    """Log-mel spectrogram [frames, M] in about [0, 1] of `audio` [S] at 16 kHz; frame i is centred at i / mel_rate s.

    0 is `FLOOR_DB` below a full-scale sine, 1 is full scale.
    """
    hop = SAMPLE_RATE // config.mel_rate
    padded = np.pad(audio, (0, hop))
    _, _, spectrum = stft(padded, nperseg=400, noverlap=400 - hop, nfft=FFT, boundary="zeros", padded=True)
    power = mel_filters(config.mel_bins) @ np.abs(spectrum.astype(np.complex64)) ** 2
    decibels = 10 * np.log10(power.T * 4 + 10 ** (FLOOR_DB / 10))
    return np.asarray((decibels - FLOOR_DB) / RANGE_DB, dtype=np.float32)


def frame_windows(
    mel: NDArray[np.float32], frames: int, fps: float, config: AudioConfig
) -> NDArray[np.float32]:
    """Window of moments around the middle of each frame, [T, L, M]; silence beyond the ends."""
    centres = np.round((np.arange(frames) + 0.5) / fps * config.rate).astype(int)
    offsets = np.arange(config.window) - config.window // 2
    rows = centres[:, None] + offsets[None, :]
    inside = (rows >= 0) & (rows < len(mel))
    return mel[np.clip(rows, 0, len(mel) - 1)] * inside[..., None].astype(np.float32)


def neighbourhood(frames: int, neighbours: int) -> NDArray[np.int64]:
    """Index [T, Wn] of the windows that frame t is smoothed over, clamped at the ends.

    >>> neighbourhood(3, 2).tolist()
    [[0, 0], [0, 1], [1, 2]]
    """
    offsets = np.arange(neighbours) - neighbours // 2
    return np.clip(np.arange(frames)[:, None] + offsets[None, :], 0, frames - 1)


class AudioEncoder(nn.Module):
    """Window encoder (1-D convolutions over time) and attention over the neighbouring windows."""

    def __init__(self, config: AudioConfig) -> None:
        super().__init__()
        width = config.width
        mel = config.listener is None
        self.mean, self.spread = (SPEECH_MEAN, SPEECH_SPREAD) if mel else (0.0, 1.0)
        self.convolutions = nn.Sequential(
            nn.Conv1d(config.bins, 64, 3, stride=2, padding=1),
            nn.SiLU(),
            nn.Conv1d(64, width, 3, stride=2, padding=1),
            nn.SiLU(),
            nn.Conv1d(width, width, 3, stride=2, padding=1),
            nn.SiLU(),
        )
        self.project = nn.Linear(width * config.window // 8, width)
        distance = (torch.arange(config.neighbours) - config.neighbours // 2).abs()
        self.position = nn.Parameter(-CENTRING * distance.float())
        self.smoothing = nn.Sequential(
            nn.Conv1d(width, 32, 3, padding=1), nn.SiLU(), nn.Conv1d(32, 1, 3, padding=1)
        )

    def forward(self, windows: Tensor) -> Tensor:
        """Smoothed audio features [N, D] of frames whose neighbouring windows are `windows` [N, Wn, L, M]."""
        n, neighbours = windows.shape[:2]
        standard = (windows.flatten(0, 1) - self.mean) / self.spread
        hidden = self.convolutions(standard.transpose(1, 2))
        features = self.project(hidden.flatten(1)).unflatten(0, (n, neighbours))
        attention = self.smoothing(features.transpose(1, 2)) + self.position
        weights = torch.softmax(attention, dim=-1)
        return torch.einsum("nkw,nwd->nd", weights, features)

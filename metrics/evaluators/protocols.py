"""The interfaces of the networks that read frames for metrics.

T frames [T, H, W, 3] are uint8 RGB; landmarks [T, 68, 2] are those of the true clip, which the generated one was
driven by; audio [S] is float32 mono at 16 kHz. Every network is a pure function of its arguments.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Frames = NDArray[np.uint8]
Landmarks = NDArray[np.floating]
Audio = NDArray[np.float32]
Floats = NDArray[np.float32]

SAMPLE_RATE = 16_000
"""Audio samples a second."""


class PerceptualDistance(NamedTuple):
    """How far apart two clips are, frame by frame."""

    whole: Floats
    """[T]."""
    map: Floats
    """[T, H, W] the same by place, for means over regions."""


class PerceptualNetwork(Protocol):
    """LPIPS-like distance; 0 for equal frames."""

    def __call__(self, generated: Frames, truth: Frames) -> PerceptualDistance: ...


class FrameEmbedder(Protocol):
    """Features of whole frames, for Fréchet and kernel distances."""

    dim: int

    def __call__(self, frames: Frames) -> Floats:
        """[T, dim]."""
        ...


class VideoEmbedder(Protocol):
    """Features of windows of frames."""

    dim: int
    window: int
    """Frames of a window."""

    def __call__(self, frames: Frames) -> Floats:
        """[n, dim] of the n windows that fit; none for a clip shorter than a window."""
        ...


class FaceEmbedder(Protocol):
    """Who a face is."""

    def __call__(self, frames: Frames, landmarks: Landmarks) -> Floats:
        """[T, D] unit vectors; of `identity_distance`, vectors of any length."""
        ...


class LandmarkReader(Protocol):
    """A reader of the 68 iBUG points of a generated face."""

    def __call__(self, frames: Frames, landmarks: Landmarks) -> NDArray[np.float64]:
        """[T, 68, 2] pixels; `landmarks` say where to look (upper face only), not where the mouth is."""
        ...


class SyncNetwork(Protocol):
    """A shared space of mouth movements and sounds; W = T - window + 1 windows of video frames."""

    window: int
    """Frames of a window."""

    def video(self, frames: Frames, landmarks: Landmarks) -> Floats:
        """[W, D]."""
        ...

    def audio(self, audio: Audio, frames: int, fps: float) -> Floats:
        """[W, D]: row w belongs to the same time as row w of `video`."""
        ...

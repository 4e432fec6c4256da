"""The damage that is done to true frames before they are scored as if they had been generated.

Frames are [T, H, W, 3] uint8. Every draw comes from a stream named after the clip, never from the metric.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, shift

from privtalk.core.seeds import numpy_stream

Frames = NDArray[np.uint8]
Kind = Literal[
    "blur", "noise", "compression", "colour", "shift", "redraw", "truth", "shuffled", "frozen", "fast"
]

LADDERS: dict[Kind, tuple[float, ...]] = {
    "blur": (0.4, 0.6, 0.9, 1.3, 2.0),
    "noise": (2.0, 4.0, 8.0, 14.0, 24.0),
    "compression": (95.0, 80.0, 55.0, 30.0, 12.0),
    "colour": (0.03, 0.06, 0.12, 0.2, 0.32),
    "shift": (0.5, 1.0, 1.5, 2.0, 3.0),
}
"""Five levels of each, the mildest first."""
UNITS: dict[str, str] = {
    "blur": "σ, px at 64 px",
    "noise": "σ, grey levels",
    "compression": "JPEG quality",
    "colour": "change of gain of red and blue",
    "shift": "px at 64 px, to the right",
}
TIMES: tuple[Kind, ...] = ("truth", "shuffled", "frozen", "fast")
"""The kinds of damage that are done to time."""
REFERENCE_SIDE = 64
"""Pixels a side that levels in pixels are stated for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DistortionLevel:
    """A distortion at a level; `level` numbers the re-draw for `redraw` and means nothing for what time suffers."""

    kind: Kind
    level: float = 0.0

    @property
    def name(self) -> str:
        """
        >>> DistortionLevel(kind="blur", level=0.4).name, DistortionLevel(kind="frozen").name
        ('blur 0.4', 'frozen')
        """
        return self.kind if self.kind in TIMES else f"{self.kind} {self.level:g}"


def ladder() -> list[DistortionLevel]:
    """Every distortion at every level."""
    return [DistortionLevel(kind=kind, level=level) for kind, levels in LADDERS.items() for level in levels]


def distorted(frames: Frames, condition: DistortionLevel, count: int, clip: str, seed: int = 0) -> Frames:
    """`count` frames of a clip after a distortion; frames: at least `count`, twice as many for `fast`.

    The same clip and condition give the same frames, whoever asks.
    """
    rng = numpy_stream(seed, "validation", condition.kind, str(condition.level), clip)
    if condition.kind in TIMES:
        return _retimed(frames, condition.kind, count, rng)
    return DISTORTIONS[condition.kind](frames[:count], condition.level, rng)


def _retimed(frames: Frames, kind: str, count: int, rng: np.random.Generator) -> Frames:
    if kind == "fast" and len(frames) < 2 * count - 1:
        raise ValueError(f"{len(frames)} frames are too few for {count} at double speed; film {2 * count}")
    chosen = {
        "truth": np.arange(count),
        "shuffled": rng.permutation(count),
        "frozen": np.zeros(count, int),
        "fast": 2 * np.arange(count),
    }
    return frames[chosen[kind]]


def blurred(frames: Frames, sigma: float, rng: np.random.Generator | None = None) -> Frames:
    """A Gaussian blur of each frame."""
    wide = sigma * frames.shape[1] / REFERENCE_SIDE
    return _bytes(gaussian_filter(frames.astype(np.float32), (0, wide, wide, 0)))


def noisy(frames: Frames, sigma: float, rng: np.random.Generator) -> Frames:
    """Independent Gaussian noise on every value."""
    return _bytes(
        frames.astype(np.float32) + np.float32(sigma) * rng.standard_normal(frames.shape, dtype=np.float32)
    )


def compressed(frames: Frames, quality: float, rng: np.random.Generator | None = None) -> Frames:
    """Every frame as a JPEG of its own."""
    return np.stack([_jpeg(frame, round(quality)) for frame in frames])


def tinted(frames: Frames, change: float, rng: np.random.Generator | None = None) -> Frames:
    """More red and less blue.

    >>> tinted(np.full((1, 1, 1, 3), 100, np.uint8), 0.1).ravel().tolist()
    [110, 100, 90]
    """
    return _bytes(frames.astype(np.float32) * np.array([1 + change, 1, 1 - change], np.float32))


def moved(frames: Frames, pixels: float, rng: np.random.Generator | None = None) -> Frames:
    """Everything to the right, linearly interpolated; the edge is repeated."""
    across = pixels * frames.shape[1] / REFERENCE_SIDE
    return _bytes(shift(frames.astype(np.float32), (0, 0, across, 0), order=1, mode="nearest"))


def redrawn(frames: Frames, number: float, rng: np.random.Generator) -> Frames:
    """A clip of a system of fixed quality: blur, noise, misplacement and compression drawn anew for the clip."""
    softened = blurred(frames, rng.uniform(0.3, 0.9))
    placed = moved(softened, rng.uniform(-0.5, 0.5))
    return compressed(noisy(placed, rng.uniform(1, 5), rng), rng.uniform(50, 90))


DISTORTIONS: dict[str, Callable[[Frames, float, np.random.Generator], Frames]] = {
    "blur": blurred,
    "noise": noisy,
    "compression": compressed,
    "colour": tinted,
    "shift": moved,
    "redraw": redrawn,
}


def _jpeg(frame: Frames, quality: int) -> Frames:
    from PIL import Image

    held = io.BytesIO()
    Image.fromarray(frame).save(held, format="JPEG", quality=quality)
    return np.asarray(Image.open(held).convert("RGB"))


def _bytes(values: NDArray[np.floating]) -> Frames:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)

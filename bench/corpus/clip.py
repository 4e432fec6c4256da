"""The clip: what the corpus hands to everything else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16_000
FPS = 25.0

MASK_LABELS = ("background", "body", "skin", "eyes", "lips", "mouth", "hair", "beard", "glasses")
"""Values of `RenderedTruth.masks`, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedTruth:
    """The truth that only a rendered clip knows exactly. T frames, frame t shows the time (t + 0.5) / fps."""

    visemes: NDArray[np.float32]
    """[T, 15] weight of each viseme (`performance.VISEMES`), 0..1."""
    articulators: NDArray[np.float32]
    """[T, 6] mouth controls (`performance.ARTICULATORS`)."""
    pose: NDArray[np.float32]
    """[T, 6] yaw, pitch, roll (radians), then x, y, z translation in head heights."""
    blink: NDArray[np.float32]
    """[T, 2] right and left eyelid, 0 open, 1 closed."""
    brows: NDArray[np.float32]
    """[T, 2] right and left brow, -1 lowered, 1 raised."""
    gaze: NDArray[np.float32]
    """[T, 2] horizontal and vertical gaze relative to the head, radians."""
    masks: NDArray[np.uint8]
    """[T, H, W] index into `MASK_LABELS`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """One utterance of one person. T frames of H x W pixels, S audio samples."""

    frames: NDArray[np.uint8]
    """[T, H, W, 3] RGB."""
    audio: NDArray[np.float32]
    """[S] mono, -1..1, at `SAMPLE_RATE`; S = round(T * SAMPLE_RATE / fps)."""
    fps: float
    landmarks: NDArray[np.float32]
    """[T, 68, 2] iBUG points (x, y) in pixels; (0, 0) is the top-left corner of the top-left pixel."""
    identity: str
    utterance: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    truth: RenderedTruth | None = None

    @property
    def length(self) -> int:
        """Number of frames."""
        return len(self.frames)

    @property
    def size(self) -> int:
        """Height (= width) of a frame in pixels."""
        return self.frames.shape[1]


def pack(clip: Clip) -> tuple[dict[str, NDArray[Any]], str]:
    """A clip as arrays by name, and the rest as JSON."""
    arrays: dict[str, NDArray[Any]] = {
        "frames": clip.frames,
        "audio": clip.audio,
        "landmarks": clip.landmarks,
    }
    if clip.truth is not None:
        arrays |= {f"truth.{field.name}": getattr(clip.truth, field.name) for field in fields(RenderedTruth)}
    note = {
        "fps": clip.fps,
        "identity": clip.identity,
        "utterance": clip.utterance,
        "attributes": dict(clip.attributes),
    }
    return arrays, json.dumps(note)


def unpack(arrays: dict[str, NDArray[Any]], note: str) -> Clip:
    """The inverse of `pack`."""
    known = {name.partition(".")[2]: array for name, array in arrays.items() if name.startswith("truth.")}
    return Clip(
        frames=arrays["frames"],
        audio=arrays["audio"].astype(np.float32, copy=False),
        landmarks=arrays["landmarks"],
        truth=RenderedTruth(**known) if known else None,
        **json.loads(note),
    )

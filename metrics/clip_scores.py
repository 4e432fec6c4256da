"""All metrics of one generated clip against the true one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from privtalk.metrics.declaration import Undefined
from privtalk.metrics.jitter import jitter, jitter_error
from privtalk.metrics.mouth_sync import mouth_opening_error, mouth_sync, mouth_sync_offset
from privtalk.metrics.psnr import psnr
from privtalk.metrics.regions import mouth_opening, mouth_region
from privtalk.metrics.registry import METRICS
from privtalk.metrics.ssim import ssim, ssim_map

Frames = NDArray[np.uint8]
Landmarks = NDArray[np.floating]


class Reader(Protocol):
    """Reads mouth openings from pixels (`evaluators.mouth_opening.MouthReader`)."""

    def __call__(self, frames: Frames, landmarks: Landmarks) -> NDArray[np.float64]:
        """[T] opening in eye distances of frames [T, H, W, 3], placed by upper-face landmarks only."""
        ...


@dataclass(frozen=True, kw_only=True)
class ClipScores:
    """Scores of one clip."""

    scores: Mapping[str, float | None]
    """Every metric of the registry, in its order; None where it has no value for this clip."""
    missing: Mapping[str, str]
    """Metric -> reason, for each None above."""
    truth: Mapping[str, float]
    """The true clip's own value of the `reference` metrics."""


def score_clip(
    generated: Frames, truth: Frames, landmarks: Landmarks, reader: Reader | None = None, name: str = "clip"
) -> ClipScores:
    """Score a generated clip [T, H, W, 3] uint8 against the true one, whose landmarks are [T, 68, 2].

    Raises `ValueError`, naming the clip and the rule, for arrays that do not belong together. A metric that
    the content leaves undefined (a frozen mouth, a single frame) is None, with its reason.
    """
    check_clip(generated, truth, landmarks, name)
    height, width = truth.shape[1:3]
    similarity = cache(lambda: ssim_map(generated, truth))
    region = cache(lambda: mouth_region(_finite(landmarks), height, width))
    read = cache(lambda: _read(reader, generated, _finite(landmarks)))
    exact = cache(lambda: mouth_opening(_finite(landmarks)))
    true_jitter, own_jitter = cache(lambda: jitter(truth)), cache(lambda: jitter(generated))
    values: dict[str, Callable[[], float]] = {
        "psnr": lambda: psnr(generated, truth),
        "psnr_mouth": lambda: psnr(generated, truth, region()),
        "ssim": lambda: ssim(similarity()),
        "ssim_mouth": lambda: ssim(similarity(), region()),
        "jitter": own_jitter,
        "jitter_error": lambda: jitter_error(own_jitter(), true_jitter()),
        "mouth_sync": lambda: mouth_sync(_moving(generated, read()), exact()),
        "mouth_sync_offset": lambda: mouth_sync_offset(_moving(generated, read()), exact()),
        "mouth_opening_error": lambda: mouth_opening_error(read(), exact()),
    }
    return _collect(values, true_jitter)


def check_clip(generated: Frames, truth: Frames, landmarks: Landmarks, name: str) -> None:
    """Raise `ValueError` unless the three arrays describe the same frames."""
    for label, frames in (("generated", generated), ("true", truth)):
        if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[-1] != 3:
            raise ValueError(
                f"{name}: {label} frames are {frames.dtype} {list(frames.shape)}, must be uint8 [T, H, W, 3]"
            )
    if generated.shape != truth.shape:
        raise ValueError(
            f"{name}: generated frames {list(generated.shape)} and true frames {list(truth.shape)} must have "
            "the same length and size (nothing is resampled)"
        )
    if not truth.size:
        raise ValueError(f"{name}: the clip is empty; at least one frame is needed")
    if landmarks.shape != (len(truth), 68, 2) or landmarks.dtype.kind != "f":
        raise ValueError(
            f"{name}: landmarks are {landmarks.dtype} {list(landmarks.shape)}, "
            f"must be float [{len(truth)}, 68, 2]"
        )


def _collect(values: Mapping[str, Callable[[], float]], true_jitter: Callable[[], float]) -> ClipScores:
    scores: dict[str, float | None] = {}
    missing: dict[str, str] = {}
    for name in METRICS:
        try:
            scores[name] = float(values[name]())
        except Undefined as reason:
            scores[name], missing[name] = None, str(reason)
    truth = {"mouth_sync_offset": 0.0} | ({"jitter": true_jitter()} if scores["jitter"] is not None else {})
    return ClipScores(scores=scores, missing=missing, truth=truth)


def _finite(landmarks: Landmarks) -> Landmarks:
    if not np.isfinite(landmarks).all():
        raise Undefined("the landmarks are not finite")
    return landmarks


def _read(reader: Reader | None, frames: Frames, landmarks: Landmarks) -> NDArray[np.float64]:
    if reader is None:
        raise Undefined("no mouth reader was given")
    return reader(frames, landmarks)


def _moving(generated: Frames, opening: NDArray[np.float64]) -> NDArray[np.float64]:
    """The opening, unless the frames stand still: what the reader saw then was the moving crop."""
    if len(generated) > 1 and (generated == generated[0]).all():
        raise Undefined("the generated frames do not move")
    return opening

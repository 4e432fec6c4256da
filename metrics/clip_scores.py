"""All metrics of one generated clip against the true one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from privtalk.metrics.declaration import Undefined
from privtalk.metrics.evaluators.protocols import SAMPLE_RATE
from privtalk.metrics.readings import ClipPair, Reading
from privtalk.metrics.scorers import SCORERS, Scorer

Frames = NDArray[np.uint8]

LOUDEST = 2.0
"""Magnitude from which samples are taken for those of another scale; resampling overshoots -1..1 by less."""


@dataclass(frozen=True, kw_only=True)
class ClipScores:
    """Scores of one clip."""

    scores: Mapping[str, float | None]
    """Every metric of a clip, in the registry's order; None where it has no value for this clip."""
    missing: Mapping[str, str]
    """Metric -> reason, for each None above."""
    truth: Mapping[str, float]
    """The true clip's own value, where it is not trivially perfect."""


def score_clip(pair: ClipPair, name: str = "clip") -> ClipScores:
    """Score a generated clip beside the true one.

    Raises `ValueError`, naming the clip and the rule, for arrays that do not belong together. A metric that
    the content leaves undefined (a frozen mouth, a single frame, no network) is None, with its reason.
    """
    check_clip(pair, name)
    scores: dict[str, float | None] = {}
    missing: dict[str, str] = {}
    truth: dict[str, float] = {}
    for metric, scorer in SCORERS.items():
        try:
            with _named(metric, name):
                scores[metric] = _finite(float(scorer.value(pair)), metric, name)
            with _named(metric, f"{name} (ground truth)"):
                truth |= _truth(scorer, pair, name)
        except Undefined as reason:
            scores[metric], missing[metric] = None, str(reason)
    return ClipScores(scores=scores, missing=missing, truth=truth)


@contextmanager
def _named(metric: str, name: str) -> Iterator[None]:
    """A block in which a function's complaint about its arrays gets the clip and the metric that it is about."""
    try:
        yield
    except ValueError as error:
        if str(error).startswith(f"{name}: "):
            raise
        raise ValueError(f"{name}: {metric}: {error}") from error


def check_clip(pair: ClipPair, name: str) -> None:
    """Raise `ValueError` unless both clips' arrays describe the same frames at the same times."""
    generated, truth = pair.generated, pair.truth
    for label, reading in (("generated", generated), ("true", truth)):
        _check_frames(reading.frames, f"{name}: {label} frames")
    if generated.frames.shape != truth.frames.shape:
        raise ValueError(
            f"{name}: generated frames {list(generated.frames.shape)} and true frames "
            f"{list(truth.frames.shape)} must have the same length and size (nothing is resampled)"
        )
    if not truth.frames.size:
        raise ValueError(f"{name}: the clip is empty; at least one frame is needed")
    if generated.fps != truth.fps:
        raise ValueError(
            f"{name}: {generated.fps:g} generated and {truth.fps:g} true frames a second must be the same "
            "(nothing is resampled)"
        )
    for label, reading in (("generated", generated), ("true", truth)):
        _check_landmarks(reading, f"{name}: {label} clip's landmarks")
        _check_audio(reading, f"{name}: {label} clip's audio")


def _check_frames(frames: Frames, what: str) -> None:
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[-1] != 3:
        raise ValueError(f"{what} are {frames.dtype} {list(frames.shape)}, must be uint8 [T, H, W, 3]")


def _check_landmarks(reading: Reading, what: str) -> None:
    landmarks, count = reading.landmarks, len(reading.frames)
    if landmarks.shape != (count, 68, 2) or landmarks.dtype.kind != "f":
        raise ValueError(
            f"{what} are {landmarks.dtype} {list(landmarks.shape)}, must be float [{count}, 68, 2]"
        )


def _check_audio(reading: Reading, what: str) -> None:
    """Whether the sound, if there is any, is as long as the frames (to less than one) and of the usual scale."""
    audio, count = reading.audio, len(reading.frames)
    if audio is None:
        return
    if audio.dtype != np.float32 or audio.ndim != 1:
        raise ValueError(f"{what} is {audio.dtype} {list(audio.shape)}, must be float32 [S]")
    if not 0 < reading.fps < np.inf:
        raise ValueError(f"{what} goes with {reading.fps:g} frames a second, which must be positive")
    if abs(len(audio) / SAMPLE_RATE * reading.fps - count) >= 1:
        raise ValueError(
            f"{what} has {len(audio)} samples; {count} frames at {reading.fps:g} a second take "
            f"{round(count * SAMPLE_RATE / reading.fps)} at {SAMPLE_RATE} Hz (nothing is resampled)"
        )
    if not np.isfinite(audio).all():
        raise ValueError(f"{what} holds NaN or infinite samples")
    if audio.size and np.abs(audio).max() > LOUDEST:
        raise ValueError(f"{what} reaches {np.abs(audio).max():g}; samples must lie within -1..1")


def _truth(scorer: Scorer, pair: ClipPair, name: str) -> dict[str, float]:
    """Ground truth's own value by name; none where it has none."""
    if scorer.truth is None:
        return {}
    try:
        value = float(scorer.truth(pair))
    except Undefined:
        return {}
    return {scorer.metric.name: _finite(value, scorer.metric.name, f"{name} (ground truth)")}


def _finite(value: float, metric: str, name: str) -> float:
    if not np.isfinite(value):
        raise ValueError(f"{name}: {metric} is {value}; a score must be finite or undefined")
    return value

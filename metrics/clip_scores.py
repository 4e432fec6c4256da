"""All metrics of one generated clip against the true one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from privtalk.metrics.declaration import Undefined
from privtalk.metrics.readings import Pair
from privtalk.metrics.scorers import SCORERS, Scorer

Frames = NDArray[np.uint8]
Landmarks = NDArray[np.floating]


@dataclass(frozen=True, kw_only=True)
class ClipScores:
    """Scores of one clip."""

    scores: Mapping[str, float | None]
    """Every metric of a clip, in the registry's order; None where it has no value for this clip."""
    missing: Mapping[str, str]
    """Metric -> reason, for each None above."""
    truth: Mapping[str, float]
    """The true clip's own value, where it is not trivially perfect."""


def score_clip(pair: Pair, name: str = "clip") -> ClipScores:
    """Score a generated clip beside the true one.

    Raises `ValueError`, naming the clip and the rule, for arrays that do not belong together. A metric that
    the content leaves undefined (a frozen mouth, a single frame, no network) is None, with its reason.
    """
    check_clip(pair.generated.frames, pair.truth.frames, pair.truth.landmarks, name)
    scores: dict[str, float | None] = {}
    missing: dict[str, str] = {}
    truth: dict[str, float] = {}
    for metric, scorer in SCORERS.items():
        try:
            scores[metric] = _finite(float(scorer.value(pair)), metric, name)
            truth |= _truth(scorer, pair)
        except Undefined as reason:
            scores[metric], missing[metric] = None, str(reason)
    return ClipScores(scores=scores, missing=missing, truth=truth)


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


def _truth(scorer: Scorer, pair: Pair) -> dict[str, float]:
    """Ground truth's own value by name; none where it has none."""
    if scorer.truth is None:
        return {}
    try:
        return {scorer.metric.name: float(scorer.truth(pair))}
    except Undefined:
        return {}


def _finite(value: float, metric: str, name: str) -> float:
    if not np.isfinite(value):
        raise ValueError(f"{name}: {metric} is {value}; a score must be finite or undefined")
    return value

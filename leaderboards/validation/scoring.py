"""Scores of the same clips under a condition, by every metric.

N clips, one a person, so that clips are independent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from privtalk.bench.corpus.clip import Clip
from privtalk.bench.execution.task import Report
from privtalk.leaderboards.validation.distortions import DistortionLevel, distorted
from privtalk.metrics import METRICS, ClipPair, Reading, score_clip
from privtalk.metrics.distributions import Distributions
from privtalk.metrics.evaluators.bundle import Evaluators

KEPT = 256
"""Readings of true clips that a process keeps: every condition is scored against the same ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """Clips under a condition."""

    condition: DistortionLevel
    values: Mapping[str, NDArray[np.float64]]
    """Metric -> [N], NaN where it has no value; a set's metric: each clip's share, absent without a value."""
    sets: Mapping[str, float]
    """Set's metric -> value."""
    missing: Mapping[str, str]
    """Metric -> why no clip has a value."""

    def mean(self, name: str) -> float | None:
        """The mean of a metric: over the clips that have a value, or of the set."""
        if name in self.sets:
            return self.sets[name]
        values = self.values.get(name)
        if values is None or np.isnan(values).all():
            return None
        return float(np.nanmean(values))


def score(
    clips: Sequence[Clip],
    condition: DistortionLevel,
    count: int,
    evaluators: Evaluators,
    report: Report = lambda stage, done, total: None,
) -> Scored:
    """`count` frames of each clip, distorted, against the same frames as they are."""
    gathered = Distributions()
    columns: dict[str, list[float]] = {name: [] for name, metric in METRICS.items() if metric.level == "clip"}
    reasons: dict[str, str] = {}
    for number, clip in enumerate(clips):
        report("scoring", number, len(clips))
        truth = _true(clip, count, evaluators)
        frames = distorted(clip.frames, condition, count, f"{clip.identity} {clip.utterance}")
        pair = ClipPair(Reading(frames, truth.landmarks, evaluators, audio=truth.audio, fps=clip.fps), truth)
        found = score_clip(pair, clip.identity)
        gathered.update(pair, f"{number:04d}")
        reasons |= found.missing
        for name, value in found.scores.items():
            columns[name].append(np.nan if value is None else value)
    sets, absent = gathered.compute()
    values = {name: np.array(column) for name, column in columns.items()}
    shares = {name: np.array(found.shares) for name, found in sets.items()}
    never = {name: why for name, why in reasons.items() if np.isnan(values[name]).all()}
    return Scored(
        condition=condition,
        values=values | shares,
        sets={name: found.value for name, found in sets.items()},
        missing=never | dict(absent),
    )


_TRUE: dict[tuple[int, str, str, int], tuple[Evaluators, Reading]] = {}


def _true(clip: Clip, count: int, evaluators: Evaluators) -> Reading:
    """The first frames of a true clip, kept for the next condition of this process."""
    key = (id(evaluators), clip.identity, clip.utterance, count)
    if key not in _TRUE:
        if len(_TRUE) >= KEPT:
            _TRUE.clear()
        samples = round(count * len(clip.audio) / clip.length)
        reading = Reading(
            clip.frames[:count], clip.landmarks[:count], evaluators, audio=clip.audio[:samples], fps=clip.fps
        )
        _TRUE[key] = (evaluators, reading)  # the evaluators are kept, so that their id stays theirs
    return _TRUE[key][1]

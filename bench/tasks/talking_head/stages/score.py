"""Scores of generated clips, and their means with intervals over clients."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
from torch import Tensor

from privtalk.bench.corpus.clip import Clip
from privtalk.bench.corpus.spec import EMBEDDED
from privtalk.bench.tasks.talking_head.stages.generate import Stage
from privtalk.core.records import Estimate, Sample, Score
from privtalk.core.seeds import numpy_stream
from privtalk.metrics import METRICS, ClipPair, ClipScores, Reading, score_clip
from privtalk.metrics.distributions import Distributions
from privtalk.metrics.evaluators.bundle import InstalledEvaluators
from privtalk.metrics.frechet import SetScore
from privtalk.metrics.intervals import clustered_mean

KEPT = 2**28
"""Bytes of readings of true clips that a process keeps: every row of a run is scored against the same ones."""
READ = 4
"""Bytes that are read from a byte of frames, about (most of them optical flow)."""


class Judge:
    """Scores a row clip by clip; what it keeps does not grow with the clips but for their scores."""

    def __init__(self, stage: Stage, corpus: str) -> None:
        self.stage = stage
        self.evaluators = evaluators(corpus)
        self.distributions = Distributions()
        self.scored: list[ClipScores] = []

    def update(self, frames: Tensor) -> None:
        """The next clips [n, T, H, W, 3] uint8 of the stage."""
        for shown in frames:
            k = len(self.scored)
            truth = true_reading(self.stage.truth[k], self.evaluators)
            made = Reading(shown.numpy(), truth.landmarks, self.evaluators, audio=truth.audio, fps=truth.fps)
            pair = ClipPair(made, truth)
            self.scored.append(score_clip(pair, self.stage.scene.names[k]))
            self.distributions.update(pair, self.stage.clients[k])

    def verdict(self) -> Verdict:
        """Everything so far."""
        sets, missing = self.distributions.compute()
        return Verdict(self.stage, self.scored, sets, missing)


class Verdict:
    """All scores of a row."""

    def __init__(
        self,
        stage: Stage,
        scored: Sequence[ClipScores],
        sets: Mapping[str, SetScore],
        missing: Mapping[str, str],
    ) -> None:
        self.stage, self.scored, self.sets, self.missing = stage, scored, sets, missing

    def values(self, name: str) -> list[float | None]:
        """[N] a metric of each clip; of a set's metric its share."""
        if METRICS[name].level == "clip":
            return [scores.scores[name] for scores in self.scored]
        return list(self.sets[name].shares) if name in self.sets else [None] * len(self.scored)

    def samples(self) -> list[Sample]:
        """Per-clip scores as a record keeps them."""
        columns = {name: self.values(name) for name in METRICS}
        owners = zip(self.stage.clients, self.stage.clips, strict=True)
        return [
            Sample(client=client, clip=clip, scores={name: column[k] for name, column in columns.items()})
            for k, (client, clip) in enumerate(owners)
        ]

    def summary(self, seed: int) -> dict[str, Score]:
        """Every metric's mean over clients with its interval; a metric without any value says why."""
        return {name: self._score(name, seed) for name in METRICS}

    def _score(self, name: str, seed: int) -> Score:
        metric = METRICS[name]
        mean = clustered_mean(self.values(name), self.stage.clients, numpy_stream(seed, "interval", name))
        estimate = Estimate(**vars(mean))
        if estimate.value is None:
            estimate = estimate.model_copy(update={"missing": self._reason(name)})
        truths = [scores.truth[name] for scores in self.scored if name in scores.truth]
        return Score(
            estimate=estimate,
            unit=metric.unit,
            direction=metric.direction,
            ground_truth=float(np.mean(truths)) if truths else None,
            family=metric.family,
            about=metric.about,
            level=metric.level,
        )

    def _reason(self, name: str) -> str:
        """The commonest reason."""
        reasons = [scores.missing[name] for scores in self.scored if name in scores.missing]
        if name in self.missing:
            return self.missing[name]
        return max(sorted(set(reasons)), key=reasons.count) if reasons else "no clip has a value"


@lru_cache(maxsize=1)
def evaluators(corpus: str) -> InstalledEvaluators:
    """The networks that a corpus is scored with; the embedded ones know rendered faces alone."""
    return InstalledEvaluators(embedded=corpus == EMBEDDED)


_TRUE: OrderedDict[str, Reading] = OrderedDict()


def true_reading(clip: Clip, using: InstalledEvaluators) -> Reading:
    """A true clip's reading, kept for the next row of this process."""
    key = hashlib.blake2b(clip.frames.tobytes() + clip.audio.tobytes()).hexdigest()
    reading = _TRUE.pop(key, None)
    if reading is None or reading.evaluators is not using:
        reading = Reading(clip.frames, clip.landmarks, using, audio=clip.audio, fps=clip.fps)
    _TRUE[key] = reading
    while len(_TRUE) > 1 and READ * sum(kept.frames.nbytes for kept in _TRUE.values()) > KEPT:
        _TRUE.popitem(last=False)
    return reading

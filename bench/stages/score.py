"""Scores of generated clips, and their means with intervals over clients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
from torch import Tensor

from privtalk.bench.records import Estimate, Sample, Score
from privtalk.bench.seeds import numpy_stream
from privtalk.bench.spec import EMBEDDED
from privtalk.bench.stages.generate import Stage
from privtalk.metrics import METRICS, ClipScores, Reader, score_clip
from privtalk.metrics.intervals import clustered_mean


def score_clips(frames: Tensor, stage: Stage, first: int, reader: Reader | None) -> list[ClipScores]:
    """Scores of generated frames [n, T, H, W, 3], which are the stage's clips from `first` on."""
    return [
        score_clip(
            shown.numpy(),
            stage.truth[k].frames,
            stage.truth[k].landmarks,
            reader=reader,
            name=stage.scene.names[k],
        )
        for k, shown in enumerate(frames, start=first)
    ]


def samples(scored: Sequence[ClipScores], stage: Stage) -> list[Sample]:
    """Per-clip scores as a record keeps them."""
    return [
        Sample(client=client, clip=clip, scores=dict(scores.scores))
        for client, clip, scores in zip(stage.clients, stage.clips, scored, strict=True)
    ]


def summarise(scored: Sequence[ClipScores], stage: Stage, seed: int) -> dict[str, Score]:
    """Every metric's mean over clients with its interval; a metric without any value says why."""
    return {name: _summary(name, scored, stage.clients, seed) for name in METRICS}


def _summary(name: str, scored: Sequence[ClipScores], clients: Sequence[str], seed: int) -> Score:
    metric = METRICS[name]
    mean = clustered_mean([s.scores[name] for s in scored], clients, numpy_stream(seed, "interval", name))
    estimate = Estimate(**vars(mean))
    if estimate.value is None:
        estimate = estimate.model_copy(update={"missing": _reason([s.missing for s in scored], name)})
    truths = [s.truth[name] for s in scored if name in s.truth]
    return Score(
        estimate=estimate,
        unit=metric.unit,
        direction=metric.direction,
        ground_truth=float(np.mean(truths)) if truths else None,
    )


def _reason(missing: Sequence[Mapping[str, str]], name: str) -> str:
    """The commonest reason."""
    reasons = [reasons[name] for reasons in missing if name in reasons]
    return max(sorted(set(reasons)), key=reasons.count) if reasons else "no clip has a value"


@lru_cache(maxsize=1)
def mouth_reader(corpus: str) -> Reader | None:
    """The reader of mouth openings that was fitted on a corpus; None, which the metrics then say, where there is none.

    The embedded one knows rendered faces alone, so recorded ones are not read with it.
    """
    from privtalk.metrics.evaluators.mouth_opening import WEIGHTS, MouthReader

    return MouthReader.load() if corpus == EMBEDDED and WEIGHTS.exists() else None

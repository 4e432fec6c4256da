"""Portraits animated by an attacker, and scored beside the clean portraits' animation."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from privtalk.attacks.purification.attacker import AttackedPortraits, PortraitAttacker
from privtalk.bench.corpus.spec import EMBEDDED
from privtalk.bench.media import spread
from privtalk.bench.tasks.portrait_protection.cast import Cast
from privtalk.core.records import Estimate, Sample, Score
from privtalk.core.seeds import numpy_stream, torch_stream
from privtalk.methods.backbone.backbone import Backbone
from privtalk.metrics.evaluators.bundle import InstalledEvaluators
from privtalk.metrics.intervals import clustered_mean
from privtalk.metrics.protection.registry import PROTECTION_METRICS
from privtalk.metrics.protection.scoring import AnimatedPortrait, ProtectionScores

CLIP = "test-00"
"""The name of everybody's driving clip."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Animation:
    """N portraits animated twice."""

    photos: Tensor
    """uint8 [N, H, W, 3] the portraits that were animated, before an attacker touched them."""
    own: Tensor
    """uint8 [N, F, H, W, 3] with their own speech."""
    other: Tensor
    """The same with another's speech, nothing else changed."""

    def at(self, frames: NDArray[np.int64] | None) -> Animation:
        """The same at some frames."""
        if frames is None:
            return self
        index = torch.from_numpy(frames)
        return Animation(photos=self.photos, own=self.own[:, index], other=self.other[:, index])

    def each(self) -> list[AnimatedPortrait]:
        """Every owner's, as metrics read it."""
        return [
            AnimatedPortrait(portrait=photo.numpy(), frames=own.numpy(), other=other.numpy())
            for photo, own, other in zip(self.photos, self.own, self.other, strict=True)
        ]


def chosen_frames(length: int, count: int) -> NDArray[np.int64]:
    """Returns the frames that attackers animate, evenly spread.

    >>> chosen_frames(10, 4).tolist()
    [0, 3, 6, 9]
    """
    return np.asarray(spread(length, count), dtype=np.int64)


def animate(
    attacker: PortraitAttacker,
    backbone: Backbone,
    portraits: AttackedPortraits,
    cast: Cast,
    seed: int,
    frames: NDArray[np.int64] | None,
) -> Animation:
    """Returns what an attacker makes of published portraits, at some frames of the driving clips."""
    generators = [torch_stream(seed, "attacker", attacker.name, name) for name in cast.people]
    index = torch.arange(cast.audio.shape[1]) if frames is None else torch.from_numpy(frames)
    cut = AttackedPortraits(
        photos=attacker.purify(portraits, backbone, generators),
        landmarks=portraits.landmarks,
        audio=portraits.audio[:, index],
        moved=portraits.moved[:, index],
        noise=portraits.noise,
        steps=portraits.steps,
        budget=portraits.budget,
    )
    return Animation(
        photos=portraits.photos,
        own=attacker.animate(backbone, cut),
        other=attacker.animate(backbone, cut.saying(cast.other[:, index])),
    )


def score(
    made: Animation,
    clean: Sequence[AnimatedPortrait],
    cast: Cast,
    frames: NDArray[np.int64] | None,
    corpus: str,
    only: Collection[str] = tuple(PROTECTION_METRICS),
) -> ProtectionScores:
    """Returns the scores of every owner's clip, beside the clean portraits' at the same frames.

    The embedded networks, the mouth reader among them, know the embedded corpus alone.
    """
    scores = ProtectionScores(evaluators(corpus == EMBEDDED), only)
    for k, (own, true) in enumerate(zip(made.each(), clean, strict=True)):
        scores.update(own, true, cast.driving(k, frames))
    return scores


@lru_cache(maxsize=2)
def evaluators(embedded: bool) -> InstalledEvaluators:
    """The networks that score, and read mouths."""
    return InstalledEvaluators(embedded=embedded)


def summary(
    scores: ProtectionScores, cast: Cast, seed: int, at: dict[str, str]
) -> tuple[dict[str, Score], list[Sample]]:
    """Returns every metric's mean over owners with its interval, and the samples."""
    columns = scores.compute()
    metrics = {name: _score(name, columns[name], cast.people, seed, scores.missing) for name in scores.only}
    samples = [
        Sample(client=owner, clip=CLIP, at=at, scores={name: columns[name][k] for name in scores.only})
        for k, owner in enumerate(cast.people)
    ]
    return metrics, samples


def _score(
    name: str, values: Sequence[float | None], owners: Sequence[str], seed: int, missing: dict[str, str]
) -> Score:
    metric = PROTECTION_METRICS[name]
    mean = clustered_mean(values, owners, numpy_stream(seed, "interval", name))
    estimate = Estimate(**vars(mean))
    if estimate.value is None:
        estimate = estimate.model_copy(update={"missing": missing.get(name, "no clip has a value")})
    return Score(
        estimate=estimate,
        unit=metric.unit,
        direction=metric.direction,
        family=metric.family,
        about=metric.about,
        level=metric.level,
    )

"""Portraits animated by an attacker, and scored beside the clean portraits' animation."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from privtalk.attacks.purification.attacker import AttackedPortraits, PortraitAttacker
from privtalk.bench.corpus.spec import EMBEDDED
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
    """uint8 [N, F, H, W, 3] with their own speech, at some frames or at all."""
    other: Tensor
    """uint8 [N, K, H, W, 3] with another's speech, nothing else changed, at the telling frames."""
    at: NDArray[np.int64]
    """[N, K] the telling frames."""

    @property
    def telling(self) -> Animation:
        """A whole animation without the frames that have one speech alone."""
        every = torch.arange(len(self.at))[:, None]
        return replace(self, own=self.own[every, torch.from_numpy(self.at)])

    def each(self) -> list[AnimatedPortrait]:
        """Every owner's, as metrics read it."""
        return [
            AnimatedPortrait(portrait=photo.numpy(), frames=own.numpy(), other=other.numpy(), at=at)
            for photo, own, other, at in zip(self.photos, self.own, self.other, self.at, strict=True)
        ]


class CleanAnimations(NamedTuple):
    """The clean portraits' animations, as metrics read them: kept for all rows, so that each is read once."""

    whole: Sequence[AnimatedPortrait]
    """At all frames."""
    telling: Sequence[AnimatedPortrait]
    """At the telling ones alone."""

    @classmethod
    def of(cls, animation: Animation) -> CleanAnimations:
        """Both, of a whole animation."""
        return cls(animation.each(), animation.telling.each())


def animate(
    attacker: PortraitAttacker,
    backbone: Backbone,
    portraits: AttackedPortraits,
    cast: Cast,
    seed: int,
    telling: NDArray[np.int64],
    *,
    whole: bool = False,
) -> Animation:
    """Returns what an attacker makes of published portraits: with both speeches at the telling frames [N, K], and with
    `whole` at all frames with the portraits' own.
    """
    generators = attacker_streams(seed, attacker.name, cast.people)
    purified = attacker.prepared(portraits, backbone, generators)
    frames = torch.from_numpy(telling)
    return Animation(
        photos=portraits.photos,
        own=attacker.animate(backbone, purified if whole else purified.at(frames)),
        other=attacker.animate(backbone, purified.saying(cast.other).at(frames)),
        at=telling,
    )


def attacker_streams(seed: int, attacker: str, people: Sequence[str]) -> list[torch.Generator]:
    """Returns the generators of what is random of each portrait before an attacker."""
    return [torch_stream(seed, "attacker", attacker, name) for name in people]


def score(
    made: Animation,
    clean: CleanAnimations,
    cast: Cast,
    corpus: str,
    only: Collection[str] = tuple(PROTECTION_METRICS),
) -> ProtectionScores:
    """Returns the scores of every owner's clip, beside the clean portraits' at the same frames.

    The embedded networks, the mouth reader among them, know the embedded corpus alone.
    """
    scores = ProtectionScores(evaluators(corpus == EMBEDDED), only)
    shown = made.each()
    for k, own in enumerate(shown):
        clip = cast.driving(k)
        true = clean.whole[k] if own.whole(clip) else clean.telling[k]
        scores.update(own, true, clip, clean.whole[k])
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

"""Is a backbone good enough to build on? Measured on held-out people of the broader world."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby

import numpy as np
import torch
from numpy.typing import NDArray

from privtalk.bench.corpus.clip import Clip
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.backbone.conditioning import Batch
from privtalk.metrics import ClipPair, Reading, score_clip
from privtalk.metrics.evaluators.bundle import Evaluators

STEPS = 8
"""DDIM steps of the samples."""

KEPT = ("psnr", "psnr_mouth", "ssim", "mouth_sync")


def validate(
    backbone: Backbone, clips: Sequence[Clip], stream: Callable[..., torch.Generator], evaluators: Evaluators
) -> dict[str, float]:
    """Mean scores over people of the rows `autoencoder`, `static` and `zero_shot`, as ``row/metric``.

    Of each person the first clip gives the portrait (its first frame) and the second is spoken. `gain/psnr` is
    zero_shot over static, in dB. A metric without a value for a clip is left out of its mean.
    """
    found: dict[str, list[float]] = {}
    for portrait, spoken in pairs(clips):
        for row, frames in rows(backbone, portrait, spoken, stream(spoken.identity)).items():
            truth = Reading(spoken.frames, spoken.landmarks, evaluators)
            made = Reading(frames, spoken.landmarks, evaluators)
            scores = score_clip(ClipPair(made, truth), spoken.identity).scores
            for metric in KEPT:
                if (value := scores[metric]) is not None:
                    found.setdefault(f"{row}/{metric}", []).append(value)
    means = {name: float(np.mean(values)) for name, values in sorted(found.items())}
    return means | {"gain/psnr": means["zero_shot/psnr"] - means["static/psnr"]}


def pairs(clips: Sequence[Clip]) -> Iterator[tuple[Clip, Clip]]:
    """The first two clips of each person."""
    for _, own in groupby(clips, key=lambda clip: clip.identity):
        first, second, *_ = own
        yield first, second


def rows(
    backbone: Backbone, portrait: Clip, spoken: Clip, generator: torch.Generator
) -> dict[str, NDArray[np.uint8]]:
    """Frames [T, H, W, 3] by row."""
    own = backbone.features(portrait.frames[:1], portrait.audio, portrait.landmarks[:1], portrait.fps)
    heard = backbone.features(spoken.frames, spoken.audio, spoken.landmarks, spoken.fps)
    batch = Batch(
        latents=heard.latents[None],
        audio=heard.audio[None],
        landmarks=heard.landmarks[None],
        reference=own.latents[:1],
        reference_landmarks=own.landmarks[:1],
    )
    noise = torch.randn(1, 1, *backbone.latent_shape, generator=generator)
    made = backbone.generate(batch, noise.to(backbone.device), STEPS)[0]
    return {
        "truth": spoken.frames,
        "autoencoder": backbone.decode(heard.latents).cpu().numpy(),
        "static": np.repeat(portrait.frames[:1], spoken.length, axis=0),
        "zero_shot": backbone.decode(made).cpu().numpy(),
    }

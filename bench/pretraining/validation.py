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
from privtalk.metrics.distributions import Distributions
from privtalk.metrics.evaluators.bundle import Evaluators

STEPS = 4
"""DDIM steps of the samples."""

KEPT = (
    "psnr",
    "psnr_mouth",
    "ssim",
    "mouth_sync",
    "lpips[talkhead]",
    "identity[talkhead]",
    "fid[talkhead]",
    "fvd[talkhead]",
)


def validate(
    backbone: Backbone, clips: Sequence[Clip], stream: Callable[..., torch.Generator], evaluators: Evaluators
) -> dict[str, float]:
    """Mean scores over people of the rows `autoencoder`, `static` and `zero_shot`, as ``row/metric``.

    Of each person the first clip gives the portrait (its first frame) and the second is spoken. `gain/psnr` is
    zero_shot over static, in dB; `synchrony/auc` says how well the backbone's own encoder of lips and speech tells a
    mouth's own sound from that of another moment. What has no value for a clip is left out of its mean.
    """
    found: dict[str, list[float]] = {}
    sets: dict[str, Distributions] = {}
    for portrait, spoken in pairs(clips):
        truth = Reading(spoken.frames, spoken.landmarks, evaluators)
        for row, frames in rows(backbone, portrait, spoken, stream(spoken.identity)).items():
            pair = ClipPair(Reading(frames, spoken.landmarks, evaluators), truth)
            scores = score_clip(pair, spoken.identity).scores
            sets.setdefault(row, Distributions()).update(pair, spoken.identity)
            for metric in KEPT:
                if (value := scores.get(metric)) is not None:
                    found.setdefault(f"{row}/{metric}", []).append(value)
        found.setdefault("synchrony/auc", []).append(told_in_step(backbone, spoken))
    for row, gathered in sets.items():
        values, _ = gathered.compute()
        found |= {f"{row}/{name}": [score.value] for name, score in values.items() if name in KEPT}
    means = {name: float(np.mean(values)) for name, values in sorted(found.items())}
    return means | {"gain/psnr": means["zero_shot/psnr"] - means["static/psnr"]}


def told_in_step(backbone: Backbone, clip: Clip) -> float:
    """Chance that a frame's lips lie nearer to their own sound than to that of another frame of the clip.

    Frames less than a fifth of a second apart are not compared: they sound alike.
    """
    heard = backbone.features(clip.frames, clip.audio, clip.landmarks, clip.fps)
    with torch.no_grad():
        near = backbone.lips(heard.latents, heard.landmarks) @ backbone.speech(heard.audio).T
    frame = torch.arange(len(near))
    apart = (frame[:, None] - frame[None, :]).abs() >= clip.fps / 5
    own = near.diagonal()[:, None]
    wins = (own > near).float() + 0.5 * (own == near).float()
    return float(wins[apart.to(wins.device)].mean())


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

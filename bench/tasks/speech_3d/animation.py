"""Rows -> motion: what a network, a floor or a ceiling makes of the test speech. N clips, T frames, C channels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from privtalk.bench.tasks.speech_3d.footage import MeshCorpus, MeshSet, Part
from privtalk.bench.tasks.speech_3d.lessons import heard
from privtalk.bench.tasks.speech_3d.settings import Speech3dCell
from privtalk.core.seeds import torch_stream
from privtalk.methods.speech_3d.method import SpeechToMotion

Codes = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Animated:
    """The animations of a part's clips."""

    codes: Codes
    """[N, T, C]."""
    samples: tuple[Codes, ...] = ()
    """Further animations of the same speech, [N, T, C] each; none of rows that draw nothing."""
    linear: bool = False
    """Whether vertices are made by the rig's linear basis in place of the rig."""


def animate(
    cell: Speech3dCell, corpus: MeshCorpus, network: SpeechToMotion | None, part: Part
) -> Animated | None:
    """Returns what a row makes of a part's speech; None for a mean of takes where the corpus has one take of each."""
    if network is None:
        return _reference(cell, corpus, part)
    count = cell.evaluation.samples if network.drawn else 1
    made = [_made(cell, corpus, network, part, take) for take in range(count)]
    return Animated(codes=made[0], samples=tuple(made[1:]))


def _made(cell: Speech3dCell, corpus: MeshCorpus, network: SpeechToMotion, part: Part, take: int) -> Codes:
    clips = heard(cell, part)
    noise = noise_of(cell, corpus, part, take)
    with torch.no_grad():
        codes = network.animate(clips.speech, noise, cell.steps)
    return np.asarray(corpus.scale.codes(codes).numpy(), dtype=np.float32)


def noise_of(cell: Speech3dCell, corpus: MeshCorpus, part: Part, take: int) -> Tensor:
    """Returns the noise [N, T, C] that all rows of a seed start from, clip by clip."""
    clips = corpus.parts[part]
    shape = clips.codes.shape[1:]
    return torch.stack(
        [
            torch.randn(shape, generator=torch_stream(cell.seed, "speech_3d", part, place, "noise", take))
            for place in range(len(clips))
        ]
    )


def _of_another(clips: MeshSet) -> Codes:
    """The motion [N, T, C] of the next clip that another person speaks."""
    count = len(clips)
    nexts = [
        next((j % count for j in range(k + 1, k + count) if clips.people[j % count] != clips.people[k]), k)
        for k in range(count)
    ]
    return clips.codes[nexts]


def _reference(cell: Speech3dCell, corpus: MeshCorpus, part: Part) -> Animated | None:
    clips = corpus.parts[part]
    if cell.method == "held_template":
        return Animated(codes=np.zeros_like(clips.codes))
    if cell.method == "mean_motion":
        return Animated(codes=np.broadcast_to(corpus.scale.mean.numpy(), clips.codes.shape).copy())
    if cell.method == "other_sentence":
        return Animated(codes=_of_another(clips))
    if cell.method == "linear_reconstruction":
        return Animated(codes=clips.codes, linear=True)
    assert cell.method == "conditional_mean"
    return Animated(codes=clips.others.mean(1)) if clips.others.shape[1] else None

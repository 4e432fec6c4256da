"""The sync term of PrivFedTalk (arXiv 2604.08037): predicted lips must be those that the sound asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, cast

import torch
from torch import Tensor

if TYPE_CHECKING:
    from privtalk.methods.federation.local import LocalStep


class LipSpeechEncoder(Protocol):
    """The backbone's own embedding of lips and of speech in one space."""

    def lips(self, latents: Tensor, landmarks: Tensor) -> Tensor:
        """Unit vectors [N, E] of latents [N, C, h, w] with landmarks [N, 78]."""

    def speech(self, audio: Tensor) -> Tensor:
        """Unit vectors [N, E] of audio features [N, D]."""


def sync_distance(lips: Tensor, speech: Tensor) -> Tensor:
    """[N] mean over frames of 1 - cos, in [0, 2]; unit vectors [N, F, E] both."""
    return (1 - (lips * speech).sum(-1)).mean(1)


def sync(step: LocalStep, predicted: Tensor) -> Tensor:
    """[N] distance of the lips in predicted latents [N, F, C, h, w] to the sound of their frames."""
    encoder, batch = cast(LipSpeechEncoder, step.backbone), step.draw.batch
    shape = predicted.shape[:2]
    lips = encoder.lips(predicted.flatten(0, 1), batch.landmarks.flatten(0, 1)).unflatten(0, shape)
    with torch.no_grad():
        speech = encoder.speech(batch.audio.flatten(0, 1)).unflatten(0, shape)
    return sync_distance(lips, speech)

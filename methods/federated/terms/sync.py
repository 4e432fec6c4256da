"""The sync term of PrivFedTalk (arXiv 2604.08037): predicted lips must be those that the sound asks for."""

from __future__ import annotations

import torch
from torch import Tensor

from privtalk.methods.federation.local import LocalStep


def sync_distance(lips: Tensor, speech: Tensor) -> Tensor:
    """[N] mean over frames of 1 - cos, in [0, 2]; unit vectors [N, F, E] both."""
    return (1 - (lips * speech).sum(-1)).mean(1)


def sync(step: LocalStep, predicted: Tensor) -> Tensor:
    """[N] distance of the lips in predicted latents [N, F, C, h, w] to the sound of their frames."""
    backbone, batch, shape = step.backbone, step.draw.batch, predicted.shape[:2]
    lips = backbone.lips(predicted.flatten(0, 1), batch.landmarks.flatten(0, 1)).unflatten(0, shape)
    with torch.no_grad():
        speech = backbone.speech(batch.audio.flatten(0, 1)).unflatten(0, shape)
    return sync_distance(lips, speech)

"""SelfTalk (MM 2023), small: what is shown must be readable. Shapes: N clips, T frames, C motion channels."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from privtalk.core.frozen import Frozen
from privtalk.methods.speech_3d.config import SpeechNetwork
from privtalk.methods.speech_3d.data import UNKNOWN, MotionClips, MotionScale, Speech
from privtalk.methods.speech_3d.layers import AttentionBlock, TemporalBlock, distance_bias
from privtalk.methods.speech_3d.method import MotionShape, SpeechToMotion, motion_losses

READ, LATENT = 0.05, 0.02
"""Weights of reading visemes off the motion, and of the reader's features against the speech's."""


class LipReader(nn.Module):
    """MotionClips codes -> features like those of the speech, and visemes."""

    def __init__(self, channels: int, network: SpeechNetwork, visemes: int) -> None:
        super().__init__()
        self.enter = nn.Linear(channels, network.width)
        self.blocks = nn.ModuleList([TemporalBlock(network.width, dilation) for dilation in (1, 2)])
        self.features = nn.Linear(network.width, network.content)
        self.visemes = nn.Linear(network.content, visemes)

    def forward(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """[N, T, C] -> features [N, T, D] and scores of visemes [N, T, K]."""
        x = self.enter(codes)
        for block in self.blocks:
            x = block(x)
        features = self.features(x)
        return features, self.visemes(features)


class SelfTalk(SpeechToMotion):
    """Transformer from speech to motion, held by a lip reader that must find in the motion what was said.

    The published reader learns a transcript through CTC against a frozen recogniser; here the visemes are exact.
    """

    name = "selftalk"
    about = "SelfTalk, small: a lip reader in training, no style"
    source = "SelfTalk, MM 2023: structure after its released code, exact visemes in place of CTC"

    def __init__(self, shape: MotionShape, network: SpeechNetwork, options: Frozen) -> None:
        super().__init__(shape, network, options)
        self.enter = nn.Linear(network.content, network.width)
        self.blocks = nn.ModuleList([AttentionBlock(network.width, network.heads) for _ in range(2)])
        self.norm = nn.LayerNorm(network.width)
        self.leave = nn.Linear(network.width, shape.channels)
        self.reader = LipReader(shape.channels, network, shape.visemes)

    def animate(self, speech: Speech, noise: Tensor, steps: int) -> Tensor:
        x, bias = self.enter(speech.content), distance_bias(speech.frames, self.network.heads)
        for block in self.blocks:
            x = block(x, bias)
        made: Tensor = self.leave(self.norm(x))
        return made

    def losses(
        self, batch: MotionClips, scale: MotionScale, generator: torch.Generator
    ) -> Mapping[str, Tensor]:
        """The weighted squared error, and what the reader makes of the predicted motion."""
        predicted = self.animate(batch.speech, batch.codes, 1)
        features, scores = self.reader(predicted)
        read = nn.functional.cross_entropy(
            scores.transpose(1, 2), batch.visemes, ignore_index=UNKNOWN, reduction="sum"
        )
        known = (batch.visemes != UNKNOWN).sum().clamp(min=1)
        return {
            **motion_losses(predicted, batch, scale),
            "read": READ * read / known,
            "latent": LATENT * (features - batch.speech.content).square().mean(),
        }

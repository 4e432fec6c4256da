"""UniTalker (ECCV 2024), small: temporal convolutions, an identity that may be nobody's, a head of few components."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from privtalk.core.frozen import Frozen
from privtalk.methods.speech_3d.config import SpeechNetwork
from privtalk.methods.speech_3d.data import UNKNOWN, MotionClips, MotionScale, Speech
from privtalk.methods.speech_3d.layers import TemporalBlock
from privtalk.methods.speech_3d.method import MotionShape, SpeechToMotion, motion_losses

PIVOT = 0.1
"""Chance that a clip in training is spoken by the pivot, an identity that all share."""
COMPONENTS = 16


class UniTalker(SpeechToMotion):
    """Three blocks of temporal convolutions on speech and identity, then components of motion.

    Strangers are spoken by the pivot identity, which heard everybody.
    """

    name = "unitalker"
    about = "UniTalker, small: temporal convolutions and a pivot identity, told who speaks"
    source = "UniTalker, ECCV 2024: structure after its released code"
    given_speaker = True

    def __init__(self, shape: MotionShape, network: SpeechNetwork, options: Frozen) -> None:
        super().__init__(shape, network, options)
        width = network.width
        self.identity = nn.Embedding(shape.speakers + 1, network.embedding)
        self.enter = nn.Linear(network.content + network.embedding, width)
        self.blocks = nn.ModuleList([TemporalBlock(width, dilation) for dilation in (1, 2, 4)])
        self.norm = nn.LayerNorm(width)
        self.components = nn.Linear(width, COMPONENTS)
        self.leave = nn.Linear(COMPONENTS, shape.channels)

    def animate(self, speech: Speech, noise: Tensor, steps: int) -> Tensor:
        return self._spoken(speech, speech.speaker)

    def losses(
        self, batch: MotionClips, scale: MotionScale, generator: torch.Generator
    ) -> Mapping[str, Tensor]:
        """The weighted squared error, some clips with the pivot identity in the speaker's place."""
        speaker = batch.speech.speaker
        pivots = torch.rand(len(speaker), generator=generator) < PIVOT
        return motion_losses(self._spoken(batch.speech, speaker.masked_fill(pivots, UNKNOWN)), batch, scale)

    def _spoken(self, speech: Speech, speaker: Tensor) -> Tensor:
        number = torch.where(speaker == UNKNOWN, self.shape.speakers, speaker)
        who = self.identity(number)[:, None].expand(-1, speech.frames, -1)
        x = self.enter(torch.cat([speech.content, who], -1))
        for block in self.blocks:
            x = block(x)
        made: Tensor = self.leave(self.components(self.norm(x)))
        return made

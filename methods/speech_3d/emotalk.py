"""EmoTalk (ICCV 2023), small: content and emotion taken apart. Shapes: N clips, T frames, D width."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from privtalk.core.frozen import Frozen
from privtalk.methods.speech_3d.config import SpeechNetwork
from privtalk.methods.speech_3d.data import MotionClips, MotionScale, Speech
from privtalk.methods.speech_3d.layers import AttentionBlock, distance_bias
from privtalk.methods.speech_3d.method import MotionShape, SpeakerTable, SpeechToMotion, motion_losses
from privtalk.methods.speech_3d.personaliser import VoiceQuery

CLASSIFY, CROSS = 0.05, 0.5
"""Weights of naming the emotion, and of motion made with the emotion of another clip that has the same one."""


class EmoTalk(SpeechToMotion):
    """One encoder for what is said and one for how, whose outputs may be exchanged between clips of one emotion.

    The published training reconstructs pairs with content and emotion swapped; its code was not released, and the
    demo's canned blinks and smoothing are left out here.
    """

    name = "emotalk"
    about = "EmoTalk, small: content and emotion apart, told who speaks"
    source = "EmoTalk, ICCV 2023: a reading, its training code was not released"
    given_speaker = True

    def __init__(self, shape: MotionShape, network: SpeechNetwork, options: Frozen) -> None:
        super().__init__(shape, network, options)
        width = network.width
        self.emotion = VoiceQuery(network.small, network.embedding)
        self.classify = nn.Linear(network.embedding, shape.emotions)
        self.person = SpeakerTable(shape.speakers, network.embedding)
        self.enter = nn.Linear(network.content + 2 * network.embedding, width)
        self.block = AttentionBlock(width, network.heads)
        self.norm = nn.LayerNorm(width)
        self.leave = nn.Linear(width, shape.channels)

    def animate(self, speech: Speech, noise: Tensor, steps: int) -> Tensor:
        return self._spoken(speech, self.emotion(speech.mel))

    def losses(
        self, batch: MotionClips, scale: MotionScale, generator: torch.Generator
    ) -> Mapping[str, Tensor]:
        """The weighted squared error with the own emotion and with another clip's of the same, and its name's."""
        felt = self.emotion(batch.speech.mel)
        own = motion_losses(self._spoken(batch.speech, felt), batch, scale)
        partner = _partners(batch.emotion * 3 + batch.level)
        crossed = scale.distance(self._spoken(batch.speech, felt[partner]), batch.codes).mean()
        named = nn.functional.cross_entropy(self.classify(felt), batch.emotion)
        return {**own, "cross": CROSS * crossed, "named": CLASSIFY * named}

    def _spoken(self, speech: Speech, felt: Tensor) -> Tensor:
        fixed = torch.cat([felt, self.person(speech.speaker)], -1)[:, None].expand(-1, speech.frames, -1)
        x = self.enter(torch.cat([speech.content, fixed], -1))
        made: Tensor = self.leave(self.norm(self.block(x, distance_bias(speech.frames, self.network.heads))))
        return made


def _partners(kind: Tensor) -> Tensor:
    """For each clip [N] the next one of the same kind, in a ring; itself where there is no other.

    >>> _partners(torch.tensor([0, 1, 0, 0])).tolist()
    [2, 1, 3, 0]
    """
    out = torch.arange(len(kind))
    for value in kind.unique():
        where = torch.nonzero(kind == value)[:, 0]
        out[where] = where.roll(-1)
    return out

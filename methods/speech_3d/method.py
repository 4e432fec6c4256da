"""The interface of a system that turns speech into motion. Shapes: N clips, T frames, C motion channels."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from privtalk.core.frozen import Frozen
from privtalk.methods.speech_3d.config import SpeechNetwork
from privtalk.methods.speech_3d.data import UNKNOWN, MotionClips, MotionScale, Speech

TRAINING_ONLY = ("enhancer", "reader", "classify")
"""Parts of networks that nothing needs but training."""


class MotionShape(NamedTuple):
    """The sizes that a corpus gives a network."""

    channels: int
    speakers: int
    emotions: int
    visemes: int


class SpeechToMotion(nn.Module, ABC):
    """A network from speech to standardised motion codes."""

    name: ClassVar[str]
    about: ClassVar[str]
    source: ClassVar[str] = ""
    """Paper, and whether its code was read; empty for controls of our own."""
    given_speaker: ClassVar[bool] = False
    """Whether it is told who speaks; otherwise it hears it, or does without."""
    drawn: ClassVar[bool] = False
    """Whether two animations of the same speech differ."""
    share: ClassVar[float] = 1.0
    """Share of the common training steps that it takes."""

    class Options(Frozen):
        """The choices that a suite may make for it."""

    def __init__(self, shape: MotionShape, network: SpeechNetwork, options: Frozen) -> None:
        super().__init__()
        self.shape, self.network, self.options = shape, network, options

    @abstractmethod
    def losses(
        self, batch: MotionClips, scale: MotionScale, generator: torch.Generator
    ) -> Mapping[str, Tensor]:
        """Returns the terms, already weighted, whose sum is descended, each a scalar."""

    @abstractmethod
    def animate(self, speech: Speech, noise: Tensor, steps: int) -> Tensor:
        """Returns standardised motion codes [N, T, C]. noise: [N, T, C]; steps: denoising steps. Networks that draw
        nothing need neither.
        """

    def needed(self) -> dict[str, Tensor]:
        """Returns the weights that animating takes, by name: without the parts that training alone reads."""
        return {n: value for n, value in self.state_dict().items() if n.split(".")[0] not in TRAINING_ONLY}

    def learned(self) -> int:
        """Returns how many numbers training changes."""
        return sum(value.numel() for value in self.parameters())

    def passes(self, frames: int, steps: int) -> int:
        """Returns how often a network runs over a clip one after the other: denoising steps, or frames."""
        return 1


def motion_losses(predicted: Tensor, batch: MotionClips, scale: MotionScale) -> dict[str, Tensor]:
    """Returns the weighted squared error of codes, and that of their velocities, of predicted codes [N, T, C]."""
    error = scale.distance(predicted, batch.codes).mean()
    velocity = scale.distance(predicted.diff(dim=1), batch.codes.diff(dim=1)).mean()
    return {"motion": error, "velocity": VELOCITY * velocity}


VELOCITY = 1.0
"""Weight of the squared error of velocities (frame to frame)."""


class SpeakerTable(nn.Embedding):
    """Embeddings of the speakers in training; a stranger has their mean."""

    def forward(self, speaker: Tensor) -> Tensor:
        """[N] -> [N, D]."""
        known = super().forward(speaker.clamp(min=0))
        stranger = self.weight.mean(0).expand_as(known)
        return torch.where((speaker == UNKNOWN)[:, None], stranger, known)

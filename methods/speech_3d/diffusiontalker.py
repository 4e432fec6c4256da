"""DiffusionTalker (ICME 2025): personalised diffusion in 16 steps, distilled to 8, 4 and 2.

A reading of the paper's abstract and figure: no code was released. The motion decoder sees the sum of what is said,
who says it and how, the step, and the noisy motion, and predicts the clean motion. Shapes: N clips, T frames,
C channels.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from privtalk.core.frozen import Frozen
from privtalk.methods.speech_3d.config import SpeechNetwork
from privtalk.methods.speech_3d.data import MotionClips, MotionScale, Speech
from privtalk.methods.speech_3d.diffusion import rates, sample, signal_weight, two_step_target
from privtalk.methods.speech_3d.enhancer import Enhancer
from privtalk.methods.speech_3d.layers import AttentionBlock, distance_bias, step_features
from privtalk.methods.speech_3d.method import MotionShape, SpeechToMotion
from privtalk.methods.speech_3d.personaliser import Looked, Personaliser
from privtalk.methods.speech_3d.speech_encoder import SmallEncoder

ENHANCE = 0.02
"""Weight of the enhancer's contrast (L_pc)."""
UNDISTILLED = 2
"""Steps of a student that has no teacher."""
AUDIO = 0.1
"""Weight of the squared distance of the two encoders' features (L_ae)."""


class Heard(NamedTuple):
    """Speech as the motion decoder takes it, the same in every step."""

    personalised: Tensor
    """[N, T, D] who speaks and how, fused with what is said."""
    summed: Tensor
    """[N, T, D] that and the content."""


class MotionDecoder(nn.Module):
    """Noisy motion, the step and the speech, summed, through attention over time -> clean motion."""

    def __init__(self, channels: int, network: SpeechNetwork) -> None:
        super().__init__()
        width = network.width
        self.heads = network.heads
        self.noisy = nn.Linear(channels, width)
        self.step = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
        self.blocks = nn.ModuleList([AttentionBlock(width, network.heads) for _ in range(network.layers)])
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, channels)

    def forward(self, z: Tensor, t: Tensor, summed: Tensor) -> Tensor:
        """[N, T, C], [N], [N, T, D] -> [N, T, C]."""
        x = self.noisy(z) + self.step(step_features(t, summed.shape[-1]))[:, None] + summed
        bias = distance_bias(z.shape[1], self.heads)
        for block in self.blocks:
            x = block(x, bias)
        out: Tensor = self.out(self.norm(x))
        return out


class DiffusionTalker(SpeechToMotion):
    """The teacher, and with its own small encoder the student."""

    name = "diffusiontalker"
    about = "DiffusionTalker's student: personalised diffusion distilled to few steps, with a small encoder of its own"
    source = "DiffusionTalker, ICME 2025: a reading of the paper, no code was released"
    drawn = True

    class Options(Frozen):
        """The parts that an ablation leaves out."""

        identity: bool = True
        emotion: bool = True
        enhancer: bool = True
        distillation: bool = True

    small = True
    """Whether it has an encoder of its own."""

    def __init__(self, shape: MotionShape, network: SpeechNetwork, options: Frozen) -> None:
        super().__init__(shape, network, options)
        assert isinstance(options, DiffusionTalker.Options)
        self.personaliser = Personaliser(
            shape.speakers, shape.emotions, network, identity=options.identity, emotion=options.emotion
        )
        self.content = nn.Linear(network.content, network.width)
        self.decoder = MotionDecoder(shape.channels, network)
        self.enhancer = (
            Enhancer(network.width, shape.channels, network.embedding) if options.enhancer else None
        )
        self.encoder = SmallEncoder(network.small, network.content) if self.small else None

    def hear(self, speech: Speech, looked: Looked | None = None) -> Heard:
        """Returns speech as the decoder takes it, with the embeddings that the sound calls for unless given."""
        content = speech.content if self.encoder is None else self.encoder(speech.mel)
        looked = looked or self.personaliser.look_up(speech.mel)
        personalised = self.personaliser.fuse(content, looked)
        return Heard(personalised, self.content(content) + personalised)

    def animate(self, speech: Speech, noise: Tensor, steps: int) -> Tensor:
        heard = self.hear(speech)
        return sample(lambda z, t: self.decoder(z, t, heard.summed), noise, steps)

    def passes(self, frames: int, steps: int) -> int:
        return steps

    def losses(
        self, batch: MotionClips, scale: MotionScale, generator: torch.Generator
    ) -> Mapping[str, Tensor]:
        """The losses of training without a teacher: the clean motion is predicted at every noise."""
        t = _times(len(batch.codes), self.training_steps(), generator)
        z = _noisy(batch.codes, t, generator)
        looked, contrast = self.personaliser.given(batch)
        heard = self.hear(batch.speech, looked)
        predicted = self.decoder(z, t, heard.summed)
        found = {**_weighted(predicted, batch.codes, t, scale), "contrast": contrast}
        return {**found, **self._shared(batch, heard, predicted, scale)}

    def training_steps(self) -> int | None:
        """Returns the number of steps whose times a network without a teacher is trained on; None: all times."""
        return UNDISTILLED if self.small else None

    def distilled(
        self,
        teacher: DiffusionTalker,
        batch: MotionClips,
        scale: MotionScale,
        steps: int,
        generator: torch.Generator,
    ) -> Mapping[str, Tensor]:
        """Returns the losses of a student that takes `steps` steps where its teacher takes twice as many: of outputs
        (L_dis), of encoders (L_ae), and the enhancer's (L_pc).
        """
        t = _times(len(batch.codes), steps, generator)
        z = _noisy(batch.codes, t, generator)
        looked, contrast = self.personaliser.given(batch)
        with torch.no_grad():
            told = teacher.hear(batch.speech, teacher.personaliser.given(batch)[0])
            target = two_step_target(lambda z, t: teacher.decoder(z, t, told.summed), z, t, steps)
        heard = self.hear(batch.speech, looked)
        predicted = self.decoder(z, t, heard.summed)
        found = {**_weighted(predicted, target, t, scale), "contrast": contrast}
        return {**found, **self._shared(batch, heard, predicted, scale)}

    def _shared(
        self, batch: MotionClips, heard: Heard, predicted: Tensor, scale: MotionScale
    ) -> Mapping[str, Tensor]:
        found = {}
        if self.encoder is not None:
            found["audio"] = AUDIO * self.encoder.loss(batch.speech.mel, batch.speech.content)
        if self.enhancer is not None:
            found["enhancer"] = ENHANCE * self.enhancer(heard.personalised, predicted, scale.upper)
        return found


def _times(count: int, steps: int | None, generator: torch.Generator) -> Tensor:
    if steps is None:
        return torch.rand(count, generator=generator) * 0.98 + 0.02
    return torch.randint(1, steps + 1, (count,), generator=generator) / steps


def _noisy(codes: Tensor, t: Tensor, generator: torch.Generator) -> Tensor:
    a, s = rates(t)
    return a * codes + s * torch.randn(codes.shape, generator=generator)


def _weighted(predicted: Tensor, target: Tensor, t: Tensor, scale: MotionScale) -> dict[str, Tensor]:
    weight = signal_weight(t)[:, None]
    error = scale.distance(predicted, target)
    velocity = scale.distance(predicted.diff(dim=1), target.diff(dim=1))
    return {"motion": (weight * error).mean(), "velocity": (weight * velocity).mean()}

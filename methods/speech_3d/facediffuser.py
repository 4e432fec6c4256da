"""FaceDiffuser (MIG 2023), small: recurrent diffusion. Shapes: N clips, T frames, C motion channels."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from privtalk.core.frozen import Frozen
from privtalk.methods.speech_3d.config import SpeechNetwork
from privtalk.methods.speech_3d.data import MotionClips, MotionScale, Speech
from privtalk.methods.speech_3d.diffusion import rates, sample
from privtalk.methods.speech_3d.layers import step_features
from privtalk.methods.speech_3d.method import MotionShape, SpeakerTable, SpeechToMotion, motion_losses


class FaceDiffuser(SpeechToMotion):
    """Speech, noisy motion and the step through two recurrent layers, multiplied by the speaker's style; predicts the
    clean motion.
    """

    name = "facediffuser"
    about = "FaceDiffuser, small: recurrent diffusion, told who speaks; speech is encoded once"
    source = "FaceDiffuser, MIG 2023: structure after its released code"
    given_speaker = True
    drawn = True

    def __init__(self, shape: MotionShape, network: SpeechNetwork, options: Frozen) -> None:
        super().__init__(shape, network, options)
        width = network.width
        self.enter = nn.Linear(network.content + shape.channels + width, width)
        self.recurrent = nn.GRU(width, width, num_layers=2, batch_first=True)
        self.style = SpeakerTable(shape.speakers, width)
        nn.init.ones_(self.style.weight)
        self.leave = nn.Linear(width, shape.channels)

    def predict(self, z: Tensor, t: Tensor, content: Tensor, speaker: Tensor) -> Tensor:
        """Returns the clean motion [N, T, C] of z [N, T, C] at times t [N]."""
        step = step_features(t, self.network.width)[:, None].expand(-1, z.shape[1], -1)
        hidden, _ = self.recurrent(self.enter(torch.cat([content, z, step], -1)))
        made: Tensor = self.leave(hidden * self.style(speaker)[:, None])
        return made

    def animate(self, speech: Speech, noise: Tensor, steps: int) -> Tensor:
        return sample(lambda z, t: self.predict(z, t, speech.content, speech.speaker), noise, steps)

    def passes(self, frames: int, steps: int) -> int:
        return steps

    def losses(
        self, batch: MotionClips, scale: MotionScale, generator: torch.Generator
    ) -> Mapping[str, Tensor]:
        """The weighted squared error of the clean motion at a random noise."""
        t = torch.rand(len(batch.codes), generator=generator) * 0.98 + 0.02
        a, s = rates(t)
        z = a * batch.codes + s * torch.randn(batch.codes.shape, generator=generator)
        predicted = self.predict(z, t, batch.speech.content, batch.speech.speaker)
        return motion_losses(predicted, batch, scale)


class FaceDiffuserReleased(FaceDiffuser):
    """FaceDiffuser as released: its speech encoder stands inside the step, and hears the same speech at every one."""

    name = "facediffuser_released"
    about = "FaceDiffuser, small, with speech encoded again at every step, as its released code does"
    listen: Callable[[Tensor], Tensor] | None = None
    """The speech encoder; None: what was heard once is used, which gives the same motion sooner."""

    def animate(self, speech: Speech, noise: Tensor, steps: int) -> Tensor:
        def predict(z: Tensor, t: Tensor) -> Tensor:
            content = speech.content if self.listen is None else self.listen(speech.mel)
            return self.predict(z, t, content, speech.speaker)

        return sample(predict, noise, steps)

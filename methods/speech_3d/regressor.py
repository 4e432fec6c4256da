"""The regressor: the teacher's network without noise. Squared errors reward the mean, and it is nothing else."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from privtalk.methods.speech_3d.data import MotionClips, MotionScale, Speech
from privtalk.methods.speech_3d.method import motion_losses
from privtalk.methods.speech_3d.teacher import Teacher


class Regressor(Teacher):
    """The teacher's network as a plain regression: one pass, no noise in, no noise out."""

    name = "regressor"
    about = "the teacher's network without diffusion: one pass that predicts the mean"
    source = ""
    drawn = False

    def animate(self, speech: Speech, noise: Tensor, steps: int) -> Tensor:
        heard = self.hear(speech)
        return self._predict(heard.summed)

    def passes(self, frames: int, steps: int) -> int:
        return 1

    def losses(
        self, batch: MotionClips, scale: MotionScale, generator: torch.Generator
    ) -> Mapping[str, Tensor]:
        """The weighted squared error of one prediction."""
        looked, contrast = self.personaliser.given(batch)
        predicted = self._predict(self.hear(batch.speech, looked).summed)
        return {**motion_losses(predicted, batch, scale), "contrast": contrast}

    def _predict(self, summed: Tensor) -> Tensor:
        nothing = summed.new_zeros(*summed.shape[:2], self.shape.channels)
        made: Tensor = self.decoder(nothing, summed.new_ones(len(summed)), summed)
        return made

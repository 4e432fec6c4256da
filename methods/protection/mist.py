"""Mist (2023): the encoder attack and AdvDM's loss together."""

from __future__ import annotations

from pydantic import Field
from torch import Tensor

from privtalk.methods.protection.advdm import semantic_loss
from privtalk.methods.protection.method import Protection, Setting, SignDescent
from privtalk.methods.protection.photoguard import encoder_loss


class Mist(SignDescent):
    """L = |E(p') - E(target)|² - rate · L_AdvDM, descended on."""

    name = "mist"
    about = "Mist: the encoder attack and AdvDM(+) together"
    source = "Mist, 2023"

    class Options(Protection.Options):
        """The method's own options."""

        rate: float = Field(1.0, ge=0)
        """Weight of AdvDM's loss. Published: 1e4 beside a sum over 16,384 numbers, which is about 1 beside a mean."""

    options: Options

    def loss(self, setting: Setting, images: Tensor) -> Tensor:
        return encoder_loss(setting, images) - self.options.rate * semantic_loss(setting, images)

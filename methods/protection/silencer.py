"""Silencer, stage I: the nullifying loss (CVPR 2025)."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from privtalk.methods.protection.method import Protection, Setting, SignDescent, mean_square


class Silencer(SignDescent):
    """The denoiser is made to predict the portrait itself, whatever it is told to say.

    L = |v(x_t, t, audio, reference = E(p')) - v(x_0)|², descended on: the paper's ε-loss in the v-form of this victim.
    The released code has as x_0 the latents of the current protected portrait, without gradient; the paper's formula
    those of the clean one.
    """

    name = "silencer"
    about = "Silencer I: the denoiser predicts the portrait whatever the speech says (nullifying loss)"
    source = "Silencer, CVPR 2025, stage I"

    class Options(Protection.Options):
        """The method's own options."""

        target: Literal["protected", "clean"] = "protected"
        """The portrait whose latents are to be predicted: as in the released code, or as in the paper's formula."""

    options: Options

    def loss(self, setting: Setting, images: Tensor) -> Tensor:
        victim, draw, portraits = setting.victim, setting.draw(), setting.portraits
        reference = victim.encode(images)
        shown = reference if self.options.target == "protected" else victim.encode(portraits.images)
        batch = victim.batch(reference, portraits.landmarks, draw.audio, draw.landmarks)
        return mean_square(
            victim.velocity_error(reference, batch, shown.detach()[:, None], draw.t, draw.noise)
        )

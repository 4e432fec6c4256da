"""PhotoGuard's encoder attack (ICML 2023)."""

from __future__ import annotations

from torch import Tensor

from privtalk.methods.protection.method import Setting, SignDescent, mean_square


def encoder_loss(setting: Setting, images: Tensor) -> Tensor:
    """Returns [N] the distance of the portraits' latents from those of the target face, mean square."""
    target = setting.victim.encode(setting.target_face()).detach()
    return mean_square(setting.victim.encode(images) - target)


class PhotoGuard(SignDescent):
    """The encoder is made to see somebody else: the first public person."""

    name = "photoguard"
    about = "PhotoGuard: the portrait's latents are drawn to another person's (encoder attack)"
    source = "PhotoGuard, ICML 2023"

    def loss(self, setting: Setting, images: Tensor) -> Tensor:
        return encoder_loss(setting, images)

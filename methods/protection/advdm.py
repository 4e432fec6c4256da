"""AdvDM (ICML 2023), in the direction that was published and in the other (Diff-Protect, ICLR 2024).

The victim as a diffusion model of the image itself: no reference, gradients through the latents that are denoised.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from privtalk.methods.protection.method import Setting, SignDescent, mean_square


def semantic_loss(setting: Setting, images: Tensor) -> Tensor:
    """Returns [N] the victim's own loss on images [N, 3, H, W] that it denoises without a reference, with gradients."""
    victim, draw = setting.victim, setting.draw()
    latents = victim.encode(images)
    blank = torch.zeros_like(latents)
    batch = victim.batch(blank, setting.portraits.landmarks, draw.audio, draw.landmarks)
    return mean_square(victim.velocity_error(blank, batch, latents[:, None], draw.t, draw.noise))


class _AdvDM(SignDescent):
    sign: ClassVar[int]
    """-1: the loss is made large; +1: small."""

    def loss(self, setting: Setting, images: Tensor) -> Tensor:
        return self.sign * semantic_loss(setting, images)


class AdvDMPlus(_AdvDM):
    """The denoising loss of the portrait is made large."""

    name = "advdm_plus"
    about = "AdvDM(+): the portrait's own denoising loss is made large"
    source = "AdvDM, ICML 2023"
    sign = -1


class AdvDMMinus(_AdvDM):
    """The denoising loss of the portrait is made small."""

    name = "advdm_minus"
    about = "AdvDM(-): the portrait's own denoising loss is made small"
    source = "Diff-Protect, ICLR 2024"
    sign = 1

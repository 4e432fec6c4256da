"""SDS protections (Diff-Protect, ICLR 2024): the denoiser's error, carried through the encoder alone."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from privtalk.methods.protection.method import Setting, SignDescent


class _SDS(SignDescent):
    """The gradient of the denoising loss without the denoiser's Jacobian: (prediction - v) · dE(p')/dp'."""

    sign: ClassVar[int]

    def loss(self, setting: Setting, images: Tensor) -> Tensor:
        victim, draw = setting.victim, setting.draw()
        latents = victim.encode(images)
        blank = torch.zeros_like(latents)
        with torch.no_grad():
            batch = victim.batch(blank, setting.portraits.landmarks, draw.audio, draw.landmarks)
            error = victim.velocity_error(blank, batch, latents[:, None], draw.t, draw.noise)
            # ε = s x_t + a v: an error in v is one in ε, a times as large
            noise_error = error * victim.backbone.diffusion.rates(draw.t, error)[0]
        return self.sign * (noise_error[:, 0] * latents).flatten(1).mean(1)


class SDSPlus(_SDS):
    """The denoising loss is made large."""

    name = "sds_plus"
    about = "SDS(+): the denoising loss is made large, its gradient through the encoder alone"
    source = "Diff-Protect, ICLR 2024"
    sign = -1


class SDSMinus(_SDS):
    """The denoising loss is made small."""

    name = "sds_minus"
    about = "SDS(-): the denoising loss is made small, its gradient through the encoder alone"
    source = "Diff-Protect, ICLR 2024"
    sign = 1

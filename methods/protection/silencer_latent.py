"""Silencer, stage II: the anti-purification loss on the portrait's latents (CVPR 2025)."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from privtalk.methods.protection.method import Protection, Setting, mean_square
from privtalk.methods.protection.mouth import mouth_map
from privtalk.methods.protection.perturbation import projected
from privtalk.methods.protection.silencer import Silencer


class _SilencerLatent(Protection):
    """Latents are optimised in place of pixels, so that what is hidden survives a purifier.

    L = L_nullifying(D(z)) + weight · |D(z) - p'_I|², AdamW on z from z = E(p'_I), where p'_I is stage I's portrait; in
    the second half what lies around the mouth stays as stage I left it. The published code descends on latents that
    were inverted by 19 of 20 DDIM steps, of which one remains: nearly the autoencoder's latents, as here. Stage II was
    published without code that can be read; this is a reading of its command line and of the code that it builds on.
    """

    source = "Silencer, CVPR 2025, stage II"

    class Options(Protection.Options):
        """The method's own options."""

        rate: float = Field(1e-2, gt=0)
        """AdamW's learning rate."""
        weight: float = Field(10.0, ge=0)
        """Weight of staying near stage I's portrait."""
        second: float = Field(2.0, gt=0)
        """Iterations as a multiple of stage I's."""
        start: Literal["stage I", "clean"] = "stage I"
        """The portrait whose latents it starts from."""

    options: Options

    def protect(self, setting: Setting) -> Tensor:
        stage_one = Silencer()
        first = stage_one.protect(setting).detach()
        origin = first if self.options.start == "stage I" else setting.portraits.images
        backbone = setting.victim.backbone
        latents = setting.victim.encode(origin).detach().requires_grad_(True)
        optimizer = torch.optim.AdamW([latents], lr=self.options.rate, weight_decay=0.0)
        away = 1 - mouth_map(setting.portraits.landmarks, first.shape[-1])
        total = round(self.options.second * setting.config.iterations)
        for iteration in range(total):
            shown = self._shown(setting, backbone.autoencoder.decode(latents), first)
            if 2 * iteration >= total:
                shown = torch.lerp(first, shown, away)
            near = mean_square(shown - first)
            loss = stage_one.loss(setting, shown) + self.options.weight * near
            (latents.grad,) = torch.autograd.grad(loss.sum(), latents)
            optimizer.step()
            setting.tell(iteration + 1, total)
        with torch.no_grad():
            shown = self._shown(setting, backbone.autoencoder.decode(latents), first)
            return torch.lerp(first, shown, away)

    def _shown(self, setting: Setting, decoded: Tensor, first: Tensor) -> Tensor:
        """The portrait that latents stand for."""
        return decoded


class SilencerLatent(_SilencerLatent):
    """Stage II as published: nothing keeps it within the budget."""

    name = "silencer_latent"
    about = "Silencer II: latents are optimised, so that it survives purifiers; keeps no budget"
    bounded = False


class SilencerLatentProjected(_SilencerLatent):
    """Stage II with every portrait projected into the budget."""

    name = "silencer_latent_projected"
    about = "Silencer II, kept within the budget"

    def _shown(self, setting: Setting, decoded: Tensor, first: Tensor) -> Tensor:
        clean = setting.portraits.images
        return clean + projected(clean, decoded - clean, setting.budget)

"""A search within the budget for the portrait that speaks most: the protection's own weapon turned round."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from privtalk.attacks.purification.attacker import AttackedPortraits, PortraitAttacker
from privtalk.methods.backbone.autoencoder import to_frames, to_images
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.protection.method import mean_square
from privtalk.methods.protection.mouth import mouth_map
from privtalk.methods.protection.perturbation import sign_descent
from privtalk.methods.protection.victim import Victim

ITERATIONS = 8


class Reanimation(PortraitAttacker):
    """Ascent on how far two moments of the attacker's own speech move the mouth apart, within the supposed budget.

    It knows that portraits are protected, the victim, and the budget; not the method, nor the clean portrait.
    """

    name = "reanimation"
    about = f"search within the budget for the portrait that speaks most, {ITERATIONS} iterations"
    adaptive = True

    def purify(
        self, portraits: AttackedPortraits, backbone: Backbone, generators: Sequence[torch.Generator]
    ) -> Tensor:
        portraits = portraits.to(backbone.device)
        victim, images = Victim(backbone), to_images(portraits.photos.to(backbone.device))
        where = mouth_map(portraits.landmarks, images.shape[-1])
        moments = torch.stack([torch.randperm(portraits.audio.shape[1], generator=g)[:2] for g in generators])
        audio = portraits.audio[torch.arange(len(images))[:, None], moments]
        still = portraits.landmarks[:, None].expand(-1, 2, -1)
        noise = portraits.noise.expand(-1, 2, -1, -1, -1)

        def silence(shown: Tensor, iteration: int) -> Tensor:
            reference = victim.encode(shown)
            batch = victim.batch(reference, portraits.landmarks, audio, still)
            made = victim.animate(reference, batch, noise, 1)
            return -mean_square((made[:, 0] - made[:, 1]) * where.sqrt())

        perturbation = sign_descent(
            images,
            torch.zeros_like(images),
            silence,
            budget=max(portraits.budget, 1.0),
            iterations=ITERATIONS,
            step=3.0,
            last_step=0.1,
        )
        return to_frames(images + perturbation).cpu()

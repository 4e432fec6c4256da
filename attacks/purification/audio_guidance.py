"""Louder speech: what the sound changes is exaggerated."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from privtalk.attacks.purification.attacker import AttackedPortraits, PortraitAttacker
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.backbone.conditioning import Batch

STRENGTH = 2.0


class AudioGuidance(PortraitAttacker):
    """v = v(silence) + s (v(audio) - v(silence)) at every sampling step, s = 2 (after classifier-free guidance).

    Silence is the mean of all that a clip says: the victim was never trained without sound.
    """

    name = "audio_guidance"
    about = f"what the sound changes is multiplied by {STRENGTH:g} at every sampling step"
    source = "after classifier-free guidance, Ho and Salimans 2022"
    adaptive = True

    @torch.no_grad()
    def sampled(self, backbone: Backbone, batch: Batch, portraits: AttackedPortraits) -> Tensor:
        quiet = replace(batch, audio=portraits.quiet.expand_as(batch.audio))
        visited = backbone.diffusion.sampling_steps(portraits.steps)
        noisy = portraits.noise.expand_as(batch.latents)
        aligned = backbone.aligned(batch)
        for t, following in zip(visited, [*visited[1:], None], strict=True):
            index = torch.full((len(batch),), t)
            still = backbone.predict(noisy, index, quiet, aligned)
            v = still + STRENGTH * (backbone.predict(noisy, index, batch, aligned) - still)
            noisy = backbone.diffusion.step(noisy, v, t, following)
        return noisy

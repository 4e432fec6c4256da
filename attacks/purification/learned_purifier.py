"""A purifier that an attacker trains on pairs of its own: what protections have in common is learned and taken away.

After BridgePure (arXiv 2412.21061), which shows that few pairs of a protection service are enough. The network is the
embedded pixel diffusion model, which knows faces, trained on to tell the perturbation instead of noise.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from privtalk.attacks.purification.attacker import AttackedPortraits
from privtalk.attacks.purification.pixel_diffusion import PixelDiffusion, load
from privtalk.attacks.purification.training import AttackerMeans, TrainedAttacker, batches
from privtalk.methods.backbone.autoencoder import to_frames, to_images
from privtalk.methods.backbone.backbone import Backbone

COUNT, RATE = 32, 1e-3
"""Pairs a step, and AdamW's first rate, which falls linearly to none."""
LEVEL = 20
"""The timestep that the network is told: its noise is about that of a budget of 8."""
STRENGTH = 4.0
"""Times that level's noise which the network's answer, of unit variance where it sees noise, is taken to be."""


class LearnedPurifier(TrainedAttacker):
    """Takes away what a network has learned to be protection."""

    name = "learned_purifier"
    about = "a network trained to undo protections that the attacker made itself"
    source = "after BridgePure, arXiv 2412.21061"
    pairs = True
    starts_from_purifier = True

    def purify(
        self, portraits: AttackedPortraits, backbone: Backbone, generators: Sequence[torch.Generator]
    ) -> Tensor:
        model = copy.deepcopy(load())
        model.load_state_dict(dict(self.learned))
        with torch.no_grad():
            return to_frames(cleaned(model, to_images(portraits.photos)).clamp(-1, 1))

    @classmethod
    def train(cls, means: AttackerMeans) -> dict[str, Tensor]:
        if means.pairs is None:
            raise ValueError(f"{cls.name} is trained on pairs; make some first")
        model = copy.deepcopy(load()).requires_grad_(True)
        optimizer = torch.optim.AdamW(model.parameters(), lr=RATE)
        drawn = batches(means.pairs, means.steps, COUNT, means.stream("learned_purifier", "learned_purifier"))
        for step, (clean, protected) in enumerate(drawn):
            for group in optimizer.param_groups:
                group["lr"] = RATE * (1 - step / means.steps)
            loss = F.l1_loss(cleaned(model, to_images(protected)), to_images(clean))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            means.tell(step + 1, means.steps)
        return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


def cleaned(model: PixelDiffusion, images: Tensor) -> Tensor:
    """Returns images [N, 3, H, W] without what the network takes for protection."""
    _, s = model.rates(LEVEL)
    told: Tensor = model(images, torch.full((len(images),), LEVEL))
    return images - STRENGTH * s * told

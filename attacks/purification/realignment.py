"""A LoRA in the victim's encoder that brings protected portraits' latents back to where the clean ones' lie.

After CAT (arXiv 2502.07225): protections work by distorted latents, and an adapter realigns them. It is trained on
pairs that the attacker makes, and the portrait is left as it is.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from privtalk.attacks.purification.training import AttackerMeans, TrainedAttacker, batches
from privtalk.methods.backbone.autoencoder import Autoencoder, to_images
from privtalk.methods.backbone.backbone import Backbone

RANK, ALPHA = 8, 16
LAYERS = r"analysis|encoder\..*(conv1|conv2|conv_in|conv_out|conv_shortcut)"
"""The convolutions of the way from pixels to latents."""
COUNT, RATE = 32, 2e-3
"""Pairs a step, and AdamW's first rate, which falls linearly to none."""


class Realignment(TrainedAttacker):
    """Reads protected portraits with an encoder that was taught to see through it."""

    name = "realignment"
    about = f"LoRA of rank {RANK} in the victim's encoder, trained to read protected portraits as clean ones"
    source = "after CAT, arXiv 2502.07225"
    pairs = True

    def encode(self, backbone: Backbone, photos: Tensor) -> Tensor:
        encoder = with_lora(_ours(backbone), self.learned)
        with torch.no_grad():
            return encoder.encode(to_images(photos).to(backbone.device))

    @classmethod
    def train(cls, means: AttackerMeans) -> dict[str, Tensor]:
        if means.pairs is None:
            raise ValueError(f"{cls.name} is trained on pairs; make some first")
        victim = _ours(means.backbone)
        student = with_lora(victim, {}, means.stream("realignment", "realignment", "start"))
        trained = {name: part for name, part in student.named_parameters() if "lora_" in name}
        optimizer = torch.optim.AdamW(trained.values(), lr=RATE, weight_decay=0.0)
        drawn = batches(means.pairs, means.steps, COUNT, means.stream("realignment", "realignment", "pairs"))
        for step, (clean, protected) in enumerate(drawn):
            for group in optimizer.param_groups:
                group["lr"] = RATE * (1 - step / means.steps)
            before, after = (to_images(part).to(means.backbone.device) for part in (clean, protected))
            with torch.no_grad():
                target = victim.encode(before)
            loss = (student.encode(after) - target).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            means.tell(step + 1, means.steps)
        return {name: part.detach().cpu().clone() for name, part in trained.items()}


def with_lora(
    autoencoder: Autoencoder, learned: Mapping[str, Tensor], generator: torch.Generator | None = None
) -> Autoencoder:
    """Returns a copy of the autoencoder whose encoder has LoRA layers: `learned` by name, or the start, which changes
    nothing and whose A is drawn from `generator`.
    """
    from privtalk.core import torchvision_guard as torchvision_guard  # before peft

    from peft import LoraConfig, inject_adapter_in_model  # isort: skip

    config = LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=LAYERS, bias="none")
    with torch.random.fork_rng():  # peft draws its start from the global generator
        model = inject_adapter_in_model(config, copy.deepcopy(autoencoder).requires_grad_(False))
    parts = {name: part for name, part in model.named_parameters() if "lora_" in name}
    with torch.no_grad():
        for name, part in parts.items():
            part.requires_grad_(generator is not None)
            if name in learned:
                part.copy_(learned[name])
            elif generator is not None and "lora_A" in name:
                bound = part[0].numel() ** -0.5  # as peft draws it
                part.copy_((2 * torch.rand(part.shape, generator=generator) - 1) * bound)
    return _checked(model)


def _checked(model: nn.Module) -> Autoencoder:
    if not isinstance(model, Autoencoder):
        raise TypeError(f"peft returned a {type(model).__name__}, not the autoencoder")
    return model


def _ours(backbone: Backbone) -> Autoencoder:
    """The backbone's autoencoder, whose convolutions `LAYERS` names."""
    if not isinstance(backbone.autoencoder, Autoencoder):
        raise ValueError(
            "realignment knows the layers of our own autoencoder; leave it out for a published one"
        )
    return backbone.autoencoder

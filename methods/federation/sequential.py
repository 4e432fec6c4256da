"""Local training client by client on peft: the slow definition that the stacked pass is held to.

It shares the draws, the loss terms and the optimiser's configuration with `local.train_stacked`, and nothing of the
adapters' arithmetic: LoRA is peft's, on a copy of the denoiser.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from privtalk.core import torchvision_guard as torchvision_guard  # before peft

from peft import LoraConfig, inject_adapter_in_model  # isort: skip

from privtalk.core.streams import Stream
from privtalk.methods.adapters import AdapterBank
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.config import FederationConfig
from privtalk.methods.federation.clients import ClientData, Draw, draw
from privtalk.methods.federation.local import LocalResult, LocalStep, Objective, build_optimizer
from privtalk.methods.federation.memory import Memory


def train_sequential(
    backbone: Backbone,
    template: AdapterBank,
    start: Tensor,
    clients: Sequence[ClientData],
    config: FederationConfig,
    objective: Objective,
    stream: Stream,
    round_: int,
    memory: Memory = Memory(),
) -> LocalResult:
    """As `train_stacked`, one client after another; reliability factors are left at 1."""
    network = with_peft(backbone, template)
    rows = [
        _train_one(
            network, template, start[k], client, config, objective, stream, round_, memory.of(slice(k, k + 1))
        )
        for k, client in enumerate(clients)
    ]
    theta = torch.stack([row[0] for row in rows])
    loss = torch.stack([row[1] for row in rows])
    gradient = torch.stack([row[2] for row in rows])
    return LocalResult(theta, loss, torch.ones_like(loss), gradient)


def with_peft(backbone: Backbone, template: AdapterBank) -> Backbone:
    """A copy of the backbone with peft's LoRA layers in its denoiser."""
    network = copy.deepcopy(backbone)
    config = template.config
    lora = LoraConfig(
        r=config.rank,
        lora_alpha=config.alpha,  # type: ignore[arg-type]  # a float is fine
        lora_dropout=0.0,
        target_modules=list(template.factors),
        bias="none",
    )
    inject_adapter_in_model(lora, network.denoiser)
    for name, parameter in network.denoiser.named_parameters():
        parameter.requires_grad_("lora_B" in name or ("lora_A" in name and not config.freeze_a))
    return network


def _train_one(
    network: Backbone,
    template: AdapterBank,
    start: Tensor,
    client: ClientData,
    config: FederationConfig,
    objective: Objective,
    stream: Stream,
    round_: int,
    memory: Memory,
) -> tuple[Tensor, Tensor, Tensor]:
    load_adapter(network.denoiser, template.unflatten(start[None]))
    parameters = trainable(network.denoiser, template)
    optimizer = build_optimizer(config, *parameters)
    losses, gradient = [], torch.zeros_like(start)
    for step in range(config.local_steps):
        drawn = draw([client], config, network.config.diffusion.timesteps, stream, round_, step).to(
            start.device
        )
        optimizer.zero_grad()
        taken = _step(network, parameters, start, drawn, memory, round_ * config.local_steps + step)
        loss = taken.errors().mean()
        extra = objective.extra_loss(taken)
        (loss if extra is None else loss + extra.sum()).backward()
        gradient += (
            torch.cat([p.grad.flatten() for p in parameters if p.grad is not None]) / config.local_steps
        )
        optimizer.step()
        losses.append(loss.detach())
    theta = torch.cat([p.detach().flatten() for p in parameters])
    return theta, torch.stack(losses).mean(), gradient


def _step(
    network: Backbone,
    parameters: Sequence[Tensor],
    start: Tensor,
    drawn: Draw,
    memory: Memory,
    number: int,
) -> LocalStep:
    noisy = network.add_noise(drawn.batch.latents, drawn.noise, drawn.t)
    v = network.predict(noisy, drawn.t, drawn.batch)
    theta = torch.cat([p.flatten() for p in parameters])[None]
    return LocalStep(
        backbone=network,
        draw=drawn,
        noisy=noisy,
        v=v,
        theta=theta,
        start=start[None],
        server=memory.server,
        own=memory.own,
        number=number,
    )


def trainable(denoiser: nn.Module, template: AdapterBank) -> list[nn.Parameter]:
    """peft's parameters in the order of `AdapterBank.flatten`."""
    kinds = ("lora_B",) if template.config.freeze_a else ("lora_A", "lora_B")
    named = dict(denoiser.named_parameters())
    return [named[f"{layer}.{kind}.default.weight"] for layer in template.factors for kind in kinds]


@torch.no_grad()
def load_adapter(denoiser: nn.Module, bank: AdapterBank) -> None:
    """Copy a bank of one into peft's parameters."""
    named = dict(denoiser.named_parameters())
    for layer, factors in bank.factors.items():
        named[f"{layer}.lora_A.default.weight"].copy_(factors.a[0])
        named[f"{layer}.lora_B.default.weight"].copy_(factors.b[0])

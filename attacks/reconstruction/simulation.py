"""A client's local training as a differentiable function of its data: what every gradient inversion inverts.

    Δ = θ_S - θ_0,   θ_{s+1} = θ_s - lr · direction(g_1 .. g_{s+1}),   g_{s+1} = ∇_θ loss(x_s, t_s, ε_s; θ_s)

SGD's direction is g; Adam's (Kingma and Ba 2015) is m̂ / (√v̂ + ϵ). After one step Adam's is g / (|g| + ϵ), the sign:
its derivative vanishes almost everywhere, so an attacker who matches by descent raises ϵ (`softened`).

Inverting by descent needs second derivatives, which the fused attention kernel lacks on the CPU (`second_order`).

Shape legend: K clients in one bank, S local steps, W windows of F frames a step, d trainable numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn

from privtalk.methods.adapters import AdapterBank
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.config import FederationConfig
from privtalk.methods.federation.clients import Draw
from privtalk.methods.federation.local import forward

BETAS = (0.9, 0.999)


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalAlgorithm:
    """The client's public training recipe."""

    optimizer: Literal["adam", "sgd"] = "adam"
    lr: float = 5e-3
    steps: int = 2
    windows: int = 1
    """A step."""
    frames: int = 3
    """A window."""
    epsilon: float = 1e-8
    """Adam's ϵ."""

    @classmethod
    def of(cls, config: FederationConfig) -> LocalAlgorithm:
        """The recipe that a federation announces to its clients."""
        return cls(
            optimizer=config.optimizer,
            lr=config.lr,
            steps=config.local_steps,
            windows=config.windows,
            frames=config.window_frames,
        )

    def softened(self, epsilon: float) -> LocalAlgorithm:
        """With Adam's ϵ raised, so that matching has a slope to follow; ϵ -> 0 is Adam, ϵ -> ∞ is SGD's direction."""
        return replace(self, epsilon=epsilon)


def gradient(
    backbone: Backbone, template: AdapterBank, theta: Tensor, drawn: Draw, create_graph: bool = False
) -> Tensor:
    """[K, d] gradient of each client's mean loss over its windows, by its adapter `theta` [K, d]."""
    if not theta.requires_grad:
        theta = theta.clone().requires_grad_()
    _, loss = forward(backbone, template, theta, theta, drawn)
    return torch.autograd.grad(loss.sum(), theta, create_graph=create_graph)[0]


def update(
    backbone: Backbone,
    template: AdapterBank,
    start: Tensor,
    draws: Sequence[Draw],
    algorithm: LocalAlgorithm,
    create_graph: bool = False,
) -> Tensor:
    """[K, d] Δ of K clients that start from `start` [K, d] and take a step on each of `draws` (K·W windows each)."""
    theta = start.expand(start.shape).clone().requires_grad_()
    first, second = torch.zeros_like(start), torch.zeros_like(start)
    for step, drawn in enumerate(draws, start=1):
        g = gradient(backbone, template, theta, drawn, create_graph)
        if algorithm.optimizer == "sgd":
            theta = theta - algorithm.lr * g
        else:
            first = BETAS[0] * first + (1 - BETAS[0]) * g
            second = BETAS[1] * second + (1 - BETAS[1]) * g.square()
            theta = theta - algorithm.lr * _adam(first, second, step, algorithm.epsilon)
        if not create_graph:
            theta = theta.detach().requires_grad_()
    return theta - start


def _adam(first: Tensor, second: Tensor, step: int, epsilon: float) -> Tensor:
    corrected = second / (1 - BETAS[1] ** step)
    # √ has no finite slope at 0, where B = 0 leaves the whole of ∇A; those numbers do not move whatever the data.
    root = torch.where(corrected > 0, corrected, 1.0).sqrt() * (corrected > 0)
    return first / (1 - BETAS[0] ** step) / (root + epsilon)


@contextmanager
def second_order(denoiser: nn.Module) -> Iterator[None]:
    """Inside, the denoiser's attention is written out in plain products, which can be differentiated twice."""
    from diffusers.models.attention_processor import AttnProcessor

    unet = cast(Any, denoiser)
    if not hasattr(unet, "attn_processors"):
        yield
        return
    before = dict(unet.attn_processors)
    unet.set_attn_processor(AttnProcessor())
    try:
        yield
    finally:
        unet.set_attn_processor(before)

"""The frozen denoiser laid out for the processor: the same function of its inputs, with less traffic to memory.

Convolutions keep channels last, and gated feed-forward layers run in tiles that stay in the cache: each was measured by
itself (docs/performance.md). Names of weights and the files that hold them stay as they are. Last bits do not: a layer
that is adapted takes diffusers' own way, so that an adapter that does nothing there changes some. Attacks allow for it
(`attacks/rounding.py`).

Shapes: M rows of width E, a hidden layer of width H.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from privtalk.core import torchvision_guard as torchvision_guard  # before diffusers

from diffusers.models.activations import GEGLU  # isort: skip
from diffusers.models.attention import FeedForward  # isort: skip

TILE = 1024
"""Rows of a feed-forward layer computed together: a tile of a hidden layer of 448 numbers takes 1.8 MB."""


def make_lean(denoiser: nn.Module) -> None:
    """Lays out a frozen denoiser for the processor, in place; twice is once.

    Parameters: `denoiser`, diffusers' `UNet2DConditionModel` or any module that has such layers inside.

    >>> layer = FeedForward(4, activation_fn="geglu").requires_grad_(False)
    >>> x = torch.linspace(-1, 1, 8).view(1, 2, 4)
    >>> before = layer(x)
    >>> make_lean(layer)
    >>> torch.allclose(layer(x), before, atol=1e-6)
    True
    """
    cast(Any, denoiser).to(memory_format=torch.channels_last)
    for module in denoiser.modules():
        if type(module) is FeedForward and type(module.net[0]) is GEGLU:
            module.__class__ = TiledFeedForward


class TiledFeedForward(FeedForward):
    """diffusers' gated feed-forward layer; where nothing in it is trained or adapted, it runs in tiles of rows."""

    def forward(self, hidden_states: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """[..., E] of [..., E]."""
        first, last = cast(Any, self.net[0]).proj, cast(Any, self.net[2])
        if not _fits(hidden_states, last.weight) or not _is_still(self, first, last):
            whole: Tensor = super().forward(hidden_states, *args, **kwargs)
            return whole
        given = hidden_states, first.weight, first.bias, last.weight, last.bias
        return cast(Tensor, _Gated.apply(*given))


def _fits(x: Tensor, weight: Tensor) -> bool:
    """Whether a layer computes on the processor, in the precision of its weights."""
    return x.device.type == "cpu" and x.dtype == weight.dtype and not torch.is_autocast_enabled("cpu")


def _is_still(layer: nn.Module, *linear: nn.Module) -> bool:
    """Whether a layer is as diffusers made it: frozen, without dropout, hooks or adapters put in its place."""
    inner = [part for part in layer.modules() if part is not layer]
    return (
        not layer.training
        and all(type(part) is nn.Linear and part.bias is not None for part in linear)
        and not any(part._forward_hooks or part._forward_pre_hooks for part in inner)
        and not any("forward" in vars(part) for part in inner)
        and not any(weight.requires_grad for weight in layer.parameters())
    )


def gated(x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
    """Returns W2 (a · GELU(g)) + b2 with (a, g) = W1 x + b1 (Shazeer 2020): what tiles must give.

    Parameters: `x` [..., E]; `w1` [2H, E]; `b1` [2H]; `w2` [E, H]; `b2` [E].

    >>> one = torch.ones(1, 1)
    >>> gated(one, torch.tensor([[2.0], [0.0]]), torch.zeros(2), one, torch.ones(1))
    tensor([[1.]])
    """
    a, gate = F.linear(x, w1, b1).chunk(2, dim=-1)
    return F.linear(a * F.gelu(gate), w2, b2)


class _Gated(torch.autograd.Function):
    """`gated` with frozen weights, tile by tile; of the hidden layer a and g are kept."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
        flat, hidden = x.reshape(-1, x.shape[-1]), w2.shape[1]
        out = flat.new_empty(len(flat), len(w2))
        a, gate = flat.new_empty(len(flat), hidden), flat.new_empty(len(flat), hidden)
        product = flat.new_empty(min(TILE, len(flat)), hidden)
        for at in _tiles(len(flat)):
            torch.addmm(b1[:hidden], flat[at], w1[:hidden].t(), out=a[at])
            torch.addmm(b1[hidden:], flat[at], w1[hidden:].t(), out=gate[at])
            part = product[: at.stop - at.start]
            torch.ops.aten.gelu.out(gate[at], out=part)
            torch.addmm(b2, part.mul_(a[at]), w2.t(), out=out[at])
        ctx.save_for_backward(x, w1, b1, w2, b2, a, gate)
        return out.view(*x.shape[:-1], len(w2))

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, w1, b1, w2, b2, a, gate = ctx.saved_tensors
        if torch.is_grad_enabled():  # the gradient itself will be differentiated
            return *torch.autograd.grad(gated(x, w1, b1, w2, b2), x, grad, create_graph=True), *4 * (None,)
        flat, hidden = grad.reshape(-1, grad.shape[-1]), w2.shape[1]
        to_x = flat.new_empty(len(flat), w1.shape[1])
        spare = flat.new_empty(3, min(TILE, len(flat)), hidden)
        for at in _tiles(len(flat)):
            to_product, to_gate, kept = spare[:, : at.stop - at.start]
            torch.mm(flat[at], w2, out=to_product)
            torch.mul(a[at], to_product, out=kept)
            torch.ops.aten.gelu_backward.grad_input(kept, gate[at], grad_input=to_gate)
            torch.ops.aten.gelu.out(gate[at], out=kept)
            torch.mm(to_product.mul_(kept), w1[:hidden], out=to_x[at])
            to_x[at].addmm_(to_gate, w1[hidden:])
        return to_x.view_as(x), None, None, None, None


def _tiles(rows: int) -> list[slice]:
    return [slice(first, min(first + TILE, rows)) for first in range(0, rows, TILE)]

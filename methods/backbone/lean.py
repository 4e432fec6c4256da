"""The frozen denoiser laid out for the processor: the same function of its inputs, with less traffic to memory.

What is changed was measured, each by itself (docs/performance.md): gated feed-forward layers run in tiles that stay in
the cache, and neither attention nor residual blocks divide by one. Names of weights and the files that hold them stay
as they are. Whatever makes a frame's bits depend on how many are beside it is left out: attacks' controls compare
passes of several widths.

Shapes: M rows of width E, a hidden layer of width H, N sequences of T queries and S keys of width E in h heads.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from privtalk.core import torchvision_guard as torchvision_guard  # before diffusers

from diffusers.models.activations import GEGLU  # isort: skip
from diffusers.models.attention import FeedForward  # isort: skip
from diffusers.models.attention_processor import Attention, AttnProcessor2_0  # isort: skip
from diffusers.models.resnet import ResnetBlock2D  # isort: skip

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
    for module in denoiser.modules():
        if type(module) is FeedForward and type(module.net[0]) is GEGLU:
            module.__class__ = TiledFeedForward
        if type(module) is Attention and type(cast(Any, module).processor) is AttnProcessor2_0:
            module.set_processor(cast(Any, LeanAttention()))
        if type(module) is ResnetBlock2D and _is_plain_residual(module):
            module.__class__ = LeanResidual


def _is_plain_residual(block: ResnetBlock2D) -> bool:
    """Whether a block neither resamples nor scales, and takes the time as a shift."""
    return (
        block.upsample is None
        and block.downsample is None
        and block.time_emb_proj is not None
        and not block.skip_time_act
        and block.time_embedding_norm == "default"
        and block.output_scale_factor == 1.0
    )


class LeanResidual(ResnetBlock2D):
    """diffusers' residual block that adds in place and does not divide by one: the same bits."""

    def forward(self, input_tensor: Tensor, temb: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """[N, C', h, w] of `input_tensor` [N, C, h, w] and the time's embedding [N, E]."""
        if not _fits(input_tensor, self.conv1.weight):
            whole: Tensor = super().forward(input_tensor, temb, *args, **kwargs)
            return whole
        time = cast(nn.Module, self.time_emb_proj)(self.nonlinearity(temb))
        inner: Tensor = self.conv1(self.nonlinearity(self.norm1(input_tensor)))
        inner = inner.add_(time[:, :, None, None])
        outer: Tensor = self.conv2(self.dropout(self.nonlinearity(self.norm2(inner))))
        return outer.add_(input_tensor if self.conv_shortcut is None else self.conv_shortcut(input_tensor))


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


class LeanAttention(AttnProcessor2_0):
    """diffusers' attention without divisions by one: the same bits."""

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> Tensor:
        """[N, T, E] of rows [N, T, E] and, where they do not attend to themselves, tokens [N, S, D]."""
        if attention_mask is not None or hidden_states.device.type != "cpu" or not _is_plain(attn):
            given = hidden_states, encoder_hidden_states, attention_mask
            whole: Tensor = super().__call__(attn, *given, *args, **kwargs)
            return whole
        tokens = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        q, k, v = attn.to_q(hidden_states), attn.to_k(tokens), attn.to_v(tokens)
        return cast(Tensor, attn.to_out[1](attn.to_out[0](by_heads(q, k, v, attn.heads))))


def _is_plain(attn: Attention) -> bool:
    """Whether nothing but the four projections and the product of heads is in a layer."""
    further = attn.spatial_norm, attn.group_norm, attn.norm_q, attn.norm_k, attn.norm_cross or None
    return (
        all(part is None for part in further)
        and not attn.residual_connection
        and attn.rescale_output_factor == 1.0
    )


def by_heads(q: Tensor, k: Tensor, v: Tensor, heads: int) -> Tensor:
    """Returns softmax(Q Kᵀ / √(E/h)) V of each head, [N, T, E], as torch computes it.

    Parameters: `q` [N, T, E], `k` and `v` [N, S, E], the heads' numbers side by side; `heads`, how many.

    >>> by_heads(torch.zeros(1, 1, 2), torch.zeros(1, 2, 2), torch.tensor([[[1.0, 2.0], [3.0, 6.0]]]), 2)
    tensor([[[2., 4.]]])
    """
    split = [x.unflatten(-1, (heads, -1)).transpose(1, 2) for x in (q, k, v)]
    return F.scaled_dot_product_attention(*split).transpose(1, 2).flatten(2)

"""Layers that networks from speech to motion share. Shapes: N clips, T frames, D width."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class TemporalBlock(nn.Module):
    """Residual dilated convolution over time with normalisation."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.convolve = nn.Conv1d(width, width, 3, padding=dilation, dilation=dilation)
        self.mix = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """[N, T, D] -> [N, T, D]."""
        hidden = self.convolve(self.norm(x).transpose(1, 2)).transpose(1, 2)
        return x + self.mix(nn.functional.silu(hidden))


class FrameStem(nn.Module):
    """Spectrogram -> one vector a frame: two convolutions, each of which halves the rate."""

    def __init__(self, bins: int, width: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(bins, width, 5, stride=2, padding=2)
        self.second = nn.Conv1d(width, width, 5, stride=2, padding=2)

    def forward(self, mel: Tensor) -> Tensor:
        """[N, 4 T, M] -> [N, T, D]."""
        hidden = nn.functional.silu(self.first(mel.transpose(1, 2)))
        return nn.functional.silu(self.second(hidden)).transpose(1, 2)


def distance_bias(frames: int, heads: int, *, causal: bool = False) -> Tensor:
    """Returns ALiBi's bias [H, T, T]: attention falls with distance, at a rate of its own in each head.

    causal: -inf for frames to come (FaceFormer's biased causal self-attention).

    >>> distance_bias(3, 1, causal=True)[0, 1].tolist()
    [-0.0625, -0.0, -inf]
    """
    at = torch.arange(frames)
    apart = (at[:, None] - at[None]).abs().float()
    slopes = 2.0 ** (-4.0 * (torch.arange(heads) + 1) / heads)
    bias = -slopes[:, None, None] * apart
    if causal:
        bias = bias.masked_fill(at[None] > at[:, None], -math.inf)
    return bias


class AttentionBlock(nn.Module):
    """Pre-normalised transformer layer with biased self-attention and, if asked, attention to a memory."""

    def __init__(self, width: int, heads: int, *, cross: bool = False) -> None:
        super().__init__()
        self.heads = heads
        self.norms = nn.ModuleList([nn.LayerNorm(width) for _ in range(3 if cross else 2)])
        self.mixing = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.query = nn.Linear(width, width) if cross else None
        self.memory = nn.Linear(width, 2 * width) if cross else None
        self.answer = nn.Linear(width, width) if cross else None
        self.wide = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(
        self, x: Tensor, bias: Tensor, memory: Tensor | None = None, memory_bias: Tensor | None = None
    ) -> Tensor:
        """[N, T, D], bias [H, T, T], memory [N, S, D], memory_bias [H, T, S] -> [N, T, D]."""
        q, k, v = self.mixing(self.norms[0](x)).chunk(3, -1)
        x = x + self.out(self._attend(q, k, v, bias))
        if self.query is not None and self.memory is not None and self.answer is not None:
            assert memory is not None
            k, v = self.memory(memory).chunk(2, -1)
            x = x + self.answer(self._attend(self.query(self.norms[2](x)), k, v, memory_bias))
        out: Tensor = x + self.wide(self.norms[1](x))
        return out

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None) -> Tensor:
        q, k, v = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in (q, k, v))
        made = nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=bias)
        return made.transpose(1, 2).flatten(2)


def step_features(t: Tensor, width: int) -> Tensor:
    """Returns sinusoids [N, width] of times `t` [N] in 0..1.

    >>> step_features(torch.tensor([0.0]), 4).tolist()
    [[0.0, 0.0, 1.0, 1.0]]
    """
    rates = torch.exp(torch.linspace(0.0, math.log(1000.0), width // 2))
    angles = t[:, None] * rates[None]
    return torch.cat([angles.sin(), angles.cos()], -1)


def periodic_positions(frames: int, period: int, width: int) -> Tensor:
    """Returns FaceFormer's periodic position code [T, width]: it repeats, so that any length can be spoken.

    >>> code = periodic_positions(6, 3, 8)
    >>> bool((code[0] == code[3]).all()), bool((code[0] == code[1]).all())
    (True, False)
    """
    at = (torch.arange(frames) % period).float()[:, None]
    rates = torch.exp(torch.arange(0, width, 2) * (-math.log(10_000.0) / width))[None]
    return torch.stack([(at * rates).sin(), (at * rates).cos()], -1).flatten(1)

"""The parts of the in-domain networks: residual convolutions with group normalisation.

Group normalisation keeps no running statistics, so a frame is read alike in any company.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import torch
from torch import Tensor, nn

GROUPS = 8

Network = TypeVar("Network", bound=nn.Module)


class Residual(nn.Module):
    """x + f(x), two 3 x 3 convolutions of one width."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(*convolution(width, width), *convolution(width, width))

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] -> the same."""
        result: Tensor = x + self.body(x)
        return result


def convolution(inputs: int, width: int, stride: int = 1) -> list[nn.Module]:
    """A 3 x 3 convolution, normalised, with SiLU."""
    convolved = nn.Conv2d(inputs, width, 3, stride=stride, padding=1, bias=False)
    return [convolved, nn.GroupNorm(GROUPS, width), nn.SiLU()]


def trunk(inputs: int, widths: Sequence[int]) -> nn.Sequential:
    """A stage a width, each of which halves the picture."""
    stages = []
    for width in widths:
        stages += [*convolution(inputs, width, stride=2), Residual(width)]
        inputs = width
    return nn.Sequential(*stages)


@torch.no_grad()
def initialised(module: Network, generator: torch.Generator) -> Network:
    """The module with fresh weights from `generator` alone: He et al. (2015) for kernels, 0 for biases."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return module

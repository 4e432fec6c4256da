"""The damage that training crops suffer, so that networks judge generated frames and other cameras like their own.

Images are [N, 3, R, C] float32, grey levels 0..255. Every draw comes from the generator that is given.
"""

from __future__ import annotations

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor
from torch.nn import functional as F


class Wear(BaseModel):
    """How much; standard deviations unless said otherwise."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    shift: float = 1.2
    """Samples."""
    scale: float = 0.05
    """The spread of the logarithm of the size."""
    angle: float = 0.05
    """Radians."""
    tint: float = 0.08
    """The spread of the logarithm of each colour's gain."""
    gain: float = 0.15
    """The spread of the logarithm of the brightness."""
    gamma: float = 0.12
    """The spread of the logarithm of the tone curve's exponent."""
    blur: float = 0.5
    """Chance of a blur of up to about one sample."""
    noise: float = 6.0
    """Largest standard deviation of added noise, grey levels."""


def misplacement(count: int, generator: torch.Generator, wear: Wear, rows: int, columns: int) -> Tensor:
    """[N, 2, 3] affine maps of a crop's normalised coordinates (`torch.nn.functional.affine_grid`)."""
    shift, size, turn = (torch.randn(count, k, generator=generator) for k in (2, 1, 1))
    scale, angle = torch.exp(wear.scale * size[:, 0]), wear.angle * turn[:, 0]
    cosine, sine = scale * torch.cos(angle), scale * torch.sin(angle)
    across, down = (wear.shift * shift * torch.tensor([2 / columns, 2 / rows])).unbind(1)
    ratio = rows / columns  # normalised axes differ in length
    first = torch.stack([cosine, -sine * ratio, across], 1)
    second = torch.stack([sine / ratio, cosine, down], 1)
    return torch.stack([first, second], 1)


def cut(images: Tensor, maps: Tensor, rows: int, columns: int) -> Tensor:
    """The [N, 3, rows, columns] crops that `maps` place in the middle of larger ones [N, 3, R, C]."""
    inner = torch.tensor([columns / images.shape[-1], rows / images.shape[-2]])
    grid = F.affine_grid(maps * inner[:, None], [len(images), 3, rows, columns], align_corners=False)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)


def worn(images: Tensor, generator: torch.Generator, wear: Wear) -> Tensor:
    """The same crops under another light, from another camera, blurred and noisy."""
    count = len(images)

    def draw(*shape: int) -> Tensor:
        return torch.randn(count, *shape, 1, 1, generator=generator)

    gain = torch.exp(wear.gain * draw(1) + wear.tint * draw(3))
    exponent = torch.exp(wear.gamma * draw(1))
    lit = 255 * (images.clamp(0, 255) / 255 * gain).clamp(0, 1) ** exponent
    soft = F.avg_pool2d(F.pad(lit, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    share = torch.rand(count, 1, 1, 1, generator=generator)
    chosen = torch.rand(count, 1, 1, 1, generator=generator) < wear.blur
    blurred = torch.where(chosen, lit + share * (soft - lit), lit)
    level = wear.noise * torch.rand(count, 1, 1, 1, generator=generator)
    return blurred + level * torch.randn(blurred.shape, generator=generator)


def standard(images: Tensor) -> Tensor:
    """Grey levels to about -1..1."""
    return images / 127.5 - 1

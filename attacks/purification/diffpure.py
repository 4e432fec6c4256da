"""DiffPure (ICML 2022) and GrIDPure (CVPR 2024) on a pixel-space diffusion model of public faces."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from privtalk.attacks.purification.attacker import AttackedPortraits, PortraitAttacker
from privtalk.attacks.purification.pixel_diffusion import PixelDiffusion, load
from privtalk.methods.backbone.autoencoder import to_frames, to_images
from privtalk.methods.backbone.backbone import Backbone

START = 100
"""DiffPure's timestep of 1,000: t* = .1."""
STEPS = 10
GRID_START, GRID_TIMES = 10, 10
"""GrIDPure's timestep of 1,000, and how often it repeats (published: 10 and 20)."""
BLEND = 0.1
"""The share of the photo that GrIDPure keeps at every repetition."""


def diffused(model: PixelDiffusion, images: Tensor, t: int, noise: Tensor) -> Tensor:
    """Returns images [N, 3, H, W] brought to timestep `t` with `noise` of the same shape."""
    a, s = model.rates(t)
    return a * images + s * noise


def drawn(images: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
    """Returns standard normal noise like `images`, each image's from its own generator."""
    return torch.stack([torch.randn(images.shape[1:], generator=g) for g in generators]).to(images)


class DiffPure(PortraitAttacker):
    """Noise up to t* = .1, then denoising in ten ancestral steps."""

    name = "diffpure"
    about = f"DiffPure: noise to step {START} of 1,000 and back, in pixels"
    source = "DiffPure, ICML 2022"

    def purify(
        self, portraits: AttackedPortraits, backbone: Backbone, generators: Sequence[torch.Generator]
    ) -> Tensor:
        model, images = load(), to_images(portraits.photos)
        noisy = diffused(model, images, START, drawn(images, generators))
        return to_frames(model.denoise(noisy, START, STEPS, lambda: drawn(images, generators)))


class GrIDPure(PortraitAttacker):
    """Little noise, often, on overlapping tiles, each time with a share of the photo: gentler than DiffPure."""

    name = "gridpure"
    about = f"GrIDPure: {GRID_TIMES} times noise to step {GRID_START} of 1,000 and back, on tiles"
    source = "GrIDPure, CVPR 2024"

    def purify(
        self, portraits: AttackedPortraits, backbone: Backbone, generators: Sequence[torch.Generator]
    ) -> Tensor:
        model, photos = load(), to_images(portraits.photos)
        images = photos
        for _ in range(GRID_TIMES):
            noisy = diffused(model, images, GRID_START, drawn(images, generators))
            clean = by_tiles(lambda tiles: model.denoise(tiles, GRID_START, 1), noisy)
            images = (1 - BLEND) * clean + BLEND * photos
        return to_frames(images)


def tiles(size: int) -> Iterator[tuple[slice, slice]]:
    """Yields half-size tiles at strides of a quarter.

    >>> [(rows.start, columns.stop) for rows, columns in tiles(32)][:4]
    [(0, 16), (0, 24), (0, 32), (8, 16)]
    """
    half, stride = size // 2, size // 4
    for top in range(0, size - half + 1, stride):
        for left in range(0, size - half + 1, stride):
            yield slice(top, top + half), slice(left, left + half)


def by_tiles(function: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    """Returns what a function of images makes of overlapping tiles of [N, 3, H, H], their mean where they overlap."""
    total, count = torch.zeros_like(images), torch.zeros_like(images[:1])
    places = list(tiles(images.shape[-1]))
    made = function(torch.cat([images[..., rows, columns] for rows, columns in places]))
    for (rows, columns), part in zip(places, made.split(len(images)), strict=True):
        total[..., rows, columns] += part
        count[..., rows, columns] += 1
    return total / count

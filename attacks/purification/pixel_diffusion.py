"""A small diffusion model of faces in pixel space, by which an attacker purifies a protected portrait.

It is unconditional and works on pixels on purpose: a purifier in the victim's own latent space shares the weakness
that a protection exploits (PDM-Pure, arXiv 2404.13320). It knows the public people alone. Purification never goes
beyond `MOST_NOISE` of the schedule, so only those noise levels are trained.

Shapes: N images of H x W pixels in [-1, 1].
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from privtalk.core import torchvision_guard as torchvision_guard  # before diffusers
from privtalk.core.files import file_hash
from privtalk.core.frozen import Frozen

from diffusers.models.unets.unet_2d import UNet2DModel  # isort: skip

FOLD = 2
"""Pixels a side that one position of the network's grid holds."""
TIMESTEPS = 1000
FIRST_BETA, LAST_BETA = 1e-4, 0.02
"""The linear schedule of DDPM (Ho et al. 2020), which DiffPure and GrIDPure count their steps on."""
MOST_NOISE = 300
"""First timestep that is not trained."""
WEIGHTS, MANIFEST = "pixel_diffusion.safetensors", "pixel_diffusion.json"


class PixelDiffusionConfig(Frozen):
    """All that determines the network's shape."""

    block_channels: tuple[int, ...] = (32, 64, 96)
    layers_per_block: int = 1
    norm_groups: int = 16


class PixelDiffusion(nn.Module):
    """Predicts the noise in images; any size that is a multiple of 8 pixels.

    >>> model = PixelDiffusion(PixelDiffusionConfig(block_channels=(8, 8), norm_groups=4))
    >>> model(torch.zeros(2, 3, 16, 16), torch.tensor([5, 250])).shape
    torch.Size([2, 3, 16, 16])
    """

    def __init__(self, config: PixelDiffusionConfig) -> None:
        super().__init__()
        self.config = config
        stages = len(config.block_channels)
        unet: Any = UNet2DModel(
            in_channels=3 * FOLD**2,
            out_channels=3 * FOLD**2,
            block_out_channels=config.block_channels,
            layers_per_block=config.layers_per_block,
            down_block_types=("DownBlock2D",) * stages,
            up_block_types=("UpBlock2D",) * stages,
            norm_num_groups=config.norm_groups,
            add_attention=False,
        )
        self.unet = cast(nn.Module, unet)
        self.kept = torch.linspace(FIRST_BETA, LAST_BETA, TIMESTEPS).neg().add(1).cumprod(0)

    @classmethod
    def initial(cls, config: PixelDiffusionConfig, seed: int) -> PixelDiffusion:
        """An untrained network; the global generator is left as it was."""
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            return cls(config)

    def forward(self, noisy: Tensor, t: Tensor) -> Tensor:
        """Returns the noise [N, 3, H, W] in `noisy` [N, 3, H, W] at timesteps `t` [N] (int64)."""
        folded = F.pixel_unshuffle(noisy, FOLD)
        return F.pixel_shuffle(self.unet(folded, t.to(noisy.device), return_dict=False)[0], FOLD)

    def rates(self, t: int) -> tuple[float, float]:
        """Returns (a, s) of x_t = a x_0 + s noise at a timestep; (1, 0) below the first.

        >>> PixelDiffusion(PixelDiffusionConfig(block_channels=(8, 8), norm_groups=4)).rates(-1)
        (1.0, 0.0)
        """
        kept = 1.0 if t < 0 else float(self.kept[t])
        return kept**0.5, (1 - kept) ** 0.5

    def loss(self, images: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        """Returns the mean squared error of the predicted noise per image, [N]."""
        kept = self.kept[t.cpu()].to(images)[:, None, None, None]
        noisy = kept.sqrt() * images + (1 - kept).sqrt() * noise
        return (self(noisy, t) - noise).square().flatten(1).mean(1)

    @torch.no_grad()
    def denoise(
        self, noisy: Tensor, start: int, steps: int, noise: Callable[[], Tensor] | None = None
    ) -> Tensor:
        """Returns images [N, 3, H, W] denoised from timestep `start` in `steps` even steps.

        Ancestral sampling with the posterior's variance (DDPM, eq. 7, between the timesteps that are visited) where
        `noise` gives standard normal draws like `noisy`; deterministic (DDIM, η = 0) where it is None.
        """
        visited = [round(start * (steps - k) / steps) for k in range(steps)]
        x = noisy
        for t, following in zip(visited, [*visited[1:], -1], strict=True):
            a, s = self.rates(t)
            predicted = self(x, torch.full((len(x),), t))
            clean = ((x - s * predicted) / a).clamp(-1, 1)
            predicted = (x - a * clean) / s
            b, r = self.rates(following)
            spread = 0.0 if noise is None or following < 0 else r / s * (1 - (a / b) ** 2) ** 0.5
            x = b * clean + max(r**2 - spread**2, 0.0) ** 0.5 * predicted
            if noise is not None and spread > 0:
                x = x + spread * noise()
        return x


def embedded() -> Path:
    """The folder of the weights in the package."""
    return Path(str(files("privtalk.attacks.purification") / "weights_embedded"))


@lru_cache(maxsize=2)
def load(folder: Path | None = None) -> PixelDiffusion:
    """Returns the frozen network of a folder that `bench pretrain purifier` wrote; None: the embedded one.

    The weights must be those that the manifest names; a `ValueError` says in one line what is wrong.
    """
    folder = folder or embedded()
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        model = PixelDiffusion.initial(PixelDiffusionConfig.model_validate(manifest["config"]), 0)
        if file_hash(folder / WEIGHTS) != manifest["sha256"]:
            raise ValueError("the weights are not those that the manifest names")
        model.load_state_dict({name: t.float() for name, t in load_file(folder / WEIGHTS).items()})
    except (
        OSError,
        ValueError,
        LookupError,
        ArithmeticError,
        TypeError,
        RuntimeError,
        SafetensorError,
    ) as error:
        line = next(iter(str(error).splitlines()), type(error).__name__)
        raise ValueError(
            f"{folder}: no pixel diffusion model ({line}); make one with: bench pretrain purifier -o {folder}"
        ) from error
    return model.eval().requires_grad_(False)

"""How protections are made: what is equal for all of them, so that they compare."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from privtalk.core.frozen import Frozen
from privtalk.methods.backbone.denoiser import Diffusion
from privtalk.methods.protection.victim import GradientPath

Timesteps = Literal["published", "matched", "sampler", "uniform"]
"""At which noise levels the denoiser is attacked.

published: indices 200 to 299, as Silencer's released code has them. matched: the indices of this schedule with the
signal-to-noise ratio that those have in Silencer's victim. sampler: the steps that sampling visits. uniform: all.
"""
Movement = Literal["still", "public"]
"""Landmarks while a protection is made: the portrait's own (as published), or those of public people."""
PUBLISHED = (200, 300)
HALLO_KEPT = (0.737, 0.565)
"""The share of signal (alpha-bar) at indices 200 and 300 of Stable Diffusion 1.5's schedule, rescaled as Silencer's
victim has it, to no signal at its last step."""


class ProtectionConfig(Frozen):
    """The settings that all protections share."""

    iterations: int = Field(50, ge=0, le=10_000)
    step: float = Field(1.0, gt=0, le=255)
    """First step of sign descent, in levels of 255."""
    last_step: float = Field(0.01, gt=0, le=1)
    """Share of the first step that the last one is; linear between them."""
    timesteps: Timesteps = "sampler"
    sampling_steps: int = Field(2, ge=1, le=1000)
    """Steps of the sampler whose timesteps `sampler` means, and that the ceiling goes through."""
    path: GradientPath = "both"
    movement: Movement = "public"


def timestep_range(config: ProtectionConfig, diffusion: Diffusion) -> Tensor:
    """Returns the int64 timesteps among which a protection draws.

    >>> from privtalk.methods.backbone.config import DiffusionConfig
    >>> schedule = Diffusion(DiffusionConfig())
    >>> found = {name: timestep_range(ProtectionConfig(timesteps=name), schedule) for name in (
    ...     "published", "matched", "sampler")}
    >>> [(int(t.min()), int(t.max()), len(t)) for t in found.values()]
    [(200, 299, 100), (118, 181, 64), (499, 999, 2)]
    """
    count = diffusion.config.timesteps
    if config.timesteps == "sampler":
        return torch.tensor(diffusion.sampling_steps(config.sampling_steps))
    if config.timesteps == "uniform":
        return torch.arange(count)
    if config.timesteps == "published":
        return torch.arange(PUBLISHED[0], min(PUBLISHED[1], count))
    kept = diffusion.signal.square()
    return torch.nonzero((kept <= HALLO_KEPT[0]) & (kept >= HALLO_KEPT[1]))[:, 0]

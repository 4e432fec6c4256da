"""A bound on the memory of pre-training, and what follows from it before anything is read."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch

from privtalk.bench.planning.saved import saved_bytes
from privtalk.core.errors import UserError
from privtalk.methods.backbone.autoencoder import Autoencoder
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.backbone.conditioning import Batch
from privtalk.methods.backbone.config import BackboneConfig
from privtalk.methods.backbone.pretrain import reconstruction_loss
from privtalk.methods.backbone.recipe import BackboneRecipe
from privtalk.methods.backbone.recompute import recomputing

PROBE = 4
"""Frames of the pass that is looked at; each of a batch costs the same."""
PROCESS_MIB = 700.0
"""MiB of a process with everything loaded, and of what lies in memory beside files."""
COPIES = 5
"""Numbers of four bytes a weight: itself, its gradient, two moments and its average."""
SLACK = 1.6
"""Peak of a step over what autograd keeps: gradients of activations and work space (measured: 1.2 to 1.5)."""
MIB = 2**20


class PretrainMemory(NamedTuple):
    """The way in which a training fits its bound."""

    recomputes: bool
    mib: float
    """MiB that its largest step is expected to take, process and all."""


def fitted(
    config: BackboneConfig, recipe: BackboneRecipe, bound: float, further: bool = False, ranks: int = 1
) -> PretrainMemory:
    """Returns whether activations must be computed again so that a training takes at most `bound` MiB.

    Frames and latents lie in files. `further`: the denoiser alone is trained; `ranks`: processes that share a batch,
    each with a bound of its own. Raises a `UserError`, with the batch that would fit, where none does.
    """
    backbone = Backbone.initial(config, 0)
    fixed = PROCESS_MIB + COPIES * 4 * sum(p.numel() for p in backbone.parameters()) / MIB
    own = -(-(recipe.further if further else recipe.denoiser).batch // ranks)
    sketch = 0.0
    if not further and isinstance(backbone.autoencoder, Autoencoder):
        frames = -(-recipe.autoencoder.batch // ranks)
        each = SLACK * _kept(_reconstruction(backbone.autoencoder, config, recipe))
        sketch = fixed + frames * each
        _check("autoencoder", sketch, bound, fixed, each)
    for again in (False, True):
        with recomputing(backbone.denoiser, again):
            each = SLACK * _kept(_denoising(backbone, config))
        taken = max(sketch, fixed + own * each)
        if taken <= bound:
            return PretrainMemory(again, taken)
    _check("further" if further else "denoiser", taken, bound, fixed, each)
    raise AssertionError("a batch that does not fit was told above")


def _check(stage: str, taken: float, bound: float, fixed: float, each: float) -> None:
    if taken <= bound:
        return
    most = int((bound - fixed) // each)
    way = f"lower --set recipe.{stage}.batch to {most}" if most >= 1 else "give more"
    raise UserError(f"--memory: the stage {stage} takes {taken:.0f} MiB, the bound is {bound:.0f}; {way}")


def _kept(loss: Callable[[], torch.Tensor]) -> float:
    """MiB that a frame's loss keeps for its backward pass."""
    return saved_bytes(loss) / PROBE / MIB


def _reconstruction(
    autoencoder: Autoencoder, config: BackboneConfig, recipe: BackboneRecipe
) -> Callable[[], torch.Tensor]:
    images = torch.zeros(PROBE, 3, config.size, config.size)
    points = torch.full((PROBE, 68, 2), config.size / 2)
    generator = torch.Generator().manual_seed(0)
    return lambda: reconstruction_loss(autoencoder, images, points, recipe, generator)


def _denoising(backbone: Backbone, config: BackboneConfig) -> Callable[[], torch.Tensor]:
    latents = torch.zeros(PROBE, 1, *backbone.latent_shape)
    windows = torch.zeros(PROBE, config.audio.neighbours, config.audio.window, config.audio.bins)
    points = torch.linspace(-1, 1, 78).expand(PROBE, 1, 78)
    t, noise = torch.zeros(PROBE, dtype=torch.int64), torch.ones_like(latents)

    def loss() -> torch.Tensor:
        batch = Batch(
            latents=latents,
            audio=backbone.conditioning.audio(windows)[:, None],
            landmarks=points,
            reference=latents[:, 0],
            reference_landmarks=points[:, 0],
            masked=latents,
        )
        return backbone.loss(batch, t, noise).mean()

    return loss

"""A bound on the memory of pre-training, and what follows from it before anything is read."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
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

PROBES = (4, 8)
"""Frames of the two passes that are looked at: their difference is what a frame of a batch costs."""
PROCESS_MIB = 820.0
"""MiB of a process with everything loaded, beside its weights (measured at 64 pixels: 740 to 800 by machine)."""
COPIES = 5
"""Numbers of four bytes a weight: itself, its gradient, two moments and its average."""
AUTOENCODER_SLACK, DENOISER_SLACK = 1.75, 1.5
"""Peak of a step over what autograd keeps: gradients of activations and work space (measured: 1.58 and 1.60 at 128 and
64 pixels; 1.26 to 1.42: processors with other kernels take a tenth more)."""
RECOMPUTED = 0.75
"""The denoiser's peak with activations computed again over that with all kept (measured: .63 to .70): on the way back
a block's inside is there, and counts for more than the inputs of all blocks."""
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
        each = AUTOENCODER_SLACK * _kept(partial(_reconstruction, backbone.autoencoder, config, recipe))
        sketch = fixed + frames * each
        _check("autoencoder", sketch, bound, fixed, each)
    whole = DENOISER_SLACK * _kept(partial(_denoising, backbone, config))
    for again, each in ((False, whole), (True, RECOMPUTED * whole)):
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


def _kept(loss: Callable[[int], torch.Tensor]) -> float:
    """MiB that the loss of so many frames keeps of each for its backward pass."""
    few, many = (saved_bytes(partial(loss, frames)) for frames in PROBES)
    return (many - few) / (PROBES[1] - PROBES[0]) / MIB


def _reconstruction(
    autoencoder: Autoencoder, config: BackboneConfig, recipe: BackboneRecipe, frames: int
) -> torch.Tensor:
    images = torch.zeros(frames, 3, config.size, config.size)
    points = torch.full((frames, 68, 2), config.size / 2)
    return reconstruction_loss(autoencoder, images, points, recipe, torch.Generator().manual_seed(0))


def _denoising(backbone: Backbone, config: BackboneConfig, frames: int) -> torch.Tensor:
    latents = torch.zeros(frames, 1, *backbone.latent_shape)
    windows = torch.zeros(frames, config.audio.neighbours, config.audio.window, config.audio.bins)
    points = torch.linspace(-1, 1, 78).expand(frames, 1, 78)
    batch = Batch(
        latents=latents,
        audio=backbone.conditioning.audio(windows)[:, None],
        landmarks=points,
        reference=latents[:, 0],
        reference_landmarks=points[:, 0],
        masked=latents,
    )
    return backbone.loss(batch, torch.zeros(frames, dtype=torch.int64), torch.ones_like(latents)).mean()

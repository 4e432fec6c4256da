"""Pre-training on public identities: the autoencoder first, then the conditioned denoiser.

Everything is drawn from named streams, so a resumed run draws what the uninterrupted one would.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from privtalk.methods.backbone.autoencoder import CELL, Autoencoder, to_images
from privtalk.methods.backbone.backbone import CHUNK, Backbone
from privtalk.methods.backbone.conditioning import Batch
from privtalk.methods.backbone.detail import detail_map
from privtalk.methods.backbone.latent_data import LatentData, draw_batch
from privtalk.methods.backbone.optimise import PLAIN, Compute, Optimisation, Report, Watched
from privtalk.methods.backbone.public_data import PublicData, detail_points
from privtalk.methods.backbone.recipe import BackboneRecipe
from privtalk.methods.backbone.recompute import recomputing
from privtalk.methods.backbone.synchrony import contrast

Stream = Callable[..., torch.Generator]


def pretrain_autoencoder(
    autoencoder: Autoencoder,
    data: PublicData,
    recipe: BackboneRecipe,
    stream: Stream,
    checkpoint: Path | None = None,
    report: Report | None = None,
    watch: Watched | None = None,
    further: bool = False,
    compute: Compute = PLAIN,
) -> list[tuple[int, float]]:
    """Train in place, then measure the latents' normalisation; returns the loss curve.

    `further`: the weights are those of an earlier training, which goes on by `recipe.further_autoencoder`; latents keep
    their normalisation, so that a denoiser of theirs still knows them.
    """
    optimiser, name = (
        (recipe.further_autoencoder, "further_autoencoder")
        if further
        else (recipe.autoencoder, "autoencoder")
    )
    if not further:
        autoencoder.start_from_components(*patch_components(autoencoder, data, stream(name, "components")))
    autoencoder.requires_grad_(True).train().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    autoencoder.to(compute.device)
    stage = Optimisation(autoencoder, optimiser, checkpoint, compute)
    batch = compute.share(optimiser.batch)

    def loss(step: int) -> Tensor:
        generator = stream(name, step, *compute.stream)
        index = torch.randint(len(data.frames), (batch,), generator=generator)
        images, points = augment(to_images(data.frames[index]), data.points[index], generator)
        return reconstruction_loss(autoencoder, images.to(compute.device), points, recipe, generator)

    curve = stage.run(loss, report, watch)
    autoencoder.eval().requires_grad_(False)
    if not further:
        normalise_latents(autoencoder, data, stream(name, "normalisation"))
    return curve


def patch_components(
    autoencoder: Autoencoder, data: PublicData, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Mean [3, 8, 8] and leading principal components [C, 3, 8, 8] of the patches of public frames."""
    index = torch.randint(len(data.frames), (min(2048, len(data.frames)),), generator=generator)
    images = torch.cat([to_images(data.frames[i]) for i in index.split(CHUNK)])
    patches = F.unfold(images, CELL, stride=CELL).transpose(1, 2).flatten(0, 1)
    mean = patches.mean(0)
    covariance = torch.cov((patches - mean).T)
    components = torch.linalg.eigh(covariance).eigenvectors.flip(1).T[: len(autoencoder.latent_shift)]
    return mean.view(3, CELL, CELL), components.reshape(-1, 3, CELL, CELL)


def reconstruction_loss(
    autoencoder: Autoencoder,
    images: Tensor,
    points: Tensor,
    recipe: BackboneRecipe,
    generator: torch.Generator,
) -> Tensor:
    """Weighted squared and absolute error plus the divergence of the posterior."""
    posterior = autoencoder.posterior(images)
    noise = torch.randn(posterior.mean.shape, generator=generator).to(images)
    error = autoencoder.reconstruct(posterior.sample(noise)) - images
    return pixel_loss(error, points, recipe) + recipe.divergence_weight * posterior.divergence()


def pixel_loss(error: Tensor, points: Tensor, recipe: BackboneRecipe) -> Tensor:
    """Squared and a little absolute error [N, 3, H, W], weighted towards eyes and mouth."""
    weight = 1 + recipe.detail_weight * detail_map(
        detail_points(points, error.shape[-1]), error.shape[-1]
    ).to(error)
    pixel = error.square() + recipe.absolute_weight * error.abs()
    return (weight[:, None] * pixel).mean() / weight.mean()


def augment(images: Tensor, points: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Varies framing, side, exposure and colour and mixes patches in, so that people, cameras and lights beyond the
    public ones are covered: without it the autoencoder loses 3.6 dB on people of the broader world.

    images [N, 3, H, W] in [-1, 1], points [N, 68, 2] in pixels, moved with the image.
    """
    images, points = reframe(images, points, generator)
    keep = torch.rand(len(images), generator=generator) < 0.4
    varied = torch.where(keep[:, None, None, None], images, recolour(images, generator))
    return mix_patches(varied, generator), points


def reframe(images: Tensor, points: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Mirrors half of the images; zooms by 0.8 to 1.25 and shifts by up to a tenth of the frame."""
    n, size = len(images), images.shape[-1]
    side = torch.where(torch.rand(n, generator=generator) < 0.5, -1.0, 1.0)
    zoom = torch.exp(0.22 * (2 * torch.rand(n, generator=generator) - 1))
    shift = 0.2 * (2 * torch.rand(n, 2, generator=generator) - 1)
    scale = torch.stack([side * zoom, zoom], dim=1)
    theta = torch.cat([torch.diag_embed(scale), shift[..., None]], dim=2)
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    moved = F.grid_sample(images, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    place = (points / (size / 2) - 1 - shift[:, None]) / scale[:, None]
    return moved, (place + 1) * (size / 2)


def recolour(images: Tensor, generator: torch.Generator) -> Tensor:
    """Exposure (gamma), mixing of colour channels, gain and offset."""
    n = len(images)
    gamma = torch.exp(0.35 * torch.randn(n, 1, 1, 1, generator=generator))
    mixing = torch.eye(3) + 0.15 * torch.randn(n, 3, 3, generator=generator)
    offset = 0.06 * torch.randn(n, 3, 1, 1, generator=generator)
    light = ((images + 1) / 2).clamp(1e-4, 1) ** gamma
    return (torch.einsum("nij,njhw->nihw", mixing, light) + offset).clamp(0, 1) * 2 - 1


def mix_patches(images: Tensor, generator: torch.Generator, share: float = 0.3) -> Tensor:
    """Pastes a rectangle of the next image into a share of the images (CutMix, Yun et al. 2019)."""
    n, size = len(images), images.shape[-1]
    low = torch.rand(n, 2, generator=generator) * 0.6
    high = low + 0.2 + 0.3 * torch.rand(n, 2, generator=generator)
    axis = (torch.arange(size) + 0.5) / size
    inside = (axis > low[..., None]) & (axis < high[..., None])
    chosen = torch.rand(n, generator=generator) < share
    patch = inside[:, 1, :, None] & inside[:, 0, None, :] & chosen[:, None, None]
    return torch.where(patch[:, None], images.roll(1, 0), images)


def normalise_latents(autoencoder: Autoencoder, data: PublicData, generator: torch.Generator) -> None:
    """Set shift and scale on public frames: zero mean a channel, unit variance over all channels together.

    A channel is divided by the square root of its spread, half-way between whitening, which would give the finest
    detail the weight of the face, and one common factor, which would hide it from the denoiser.
    """
    index = torch.randint(len(data.frames), (min(4096, len(data.frames)),), generator=generator)
    with torch.no_grad():
        device = autoencoder.latent_shift.device
        parts = [autoencoder.posterior(to_images(data.frames[i]).to(device)).mean for i in index.split(CHUNK)]
    latents = torch.cat(parts).movedim(1, 0).flatten(1)
    spread = latents.std(1)
    autoencoder.latent_shift.copy_(latents.mean(1))
    autoencoder.latent_scale.copy_((spread * spread.mean()).sqrt())


def pretrain_denoiser(
    backbone: Backbone,
    data: LatentData,
    recipe: BackboneRecipe,
    stream: Stream,
    checkpoint: Path | None = None,
    report: Report | None = None,
    watch: Watched | None = None,
    further: bool = False,
    compute: Compute = PLAIN,
) -> list[tuple[int, float]]:
    """Train denoiser and condition encoders in place; the autoencoder stays frozen. Returns the loss curve.

    `further`: the weights are those of an earlier training, which `recipe.further` goes on from.
    """
    optimiser, name = (recipe.further, "further") if further else (recipe.denoiser, "denoiser")
    if backbone.aligner is not None and not further:
        start_aligner(backbone, data)
    backbone.to(compute.device).requires_grad_(True).train()
    backbone.autoencoder.requires_grad_(False).eval()
    stage = Optimisation(backbone, optimiser, checkpoint, compute)

    def loss(step: int) -> Tensor:
        generator = stream(name, step, *compute.stream)
        batch, rows = draw_batch(backbone, data, recipe, compute.share(optimiser.batch), generator)
        t = torch.randint(backbone.config.diffusion.timesteps, (len(batch),), generator=generator)
        noise = torch.randn(batch.latents.shape, generator=generator).to(compute.device)
        person = data.person[rows].to(compute.device)
        identities = identity_contrast(backbone, batch.reference, batch.latents[:, 0], person)
        error = backbone.loss(batch, t, noise, data.weights(rows)[:, None].to(compute.device))
        return (
            error.mean()
            + recipe.identity_weight * identities
            + recipe.synchrony_weight * synchrony_contrast(backbone, batch)
        )

    with recomputing(backbone.denoiser, compute.recomputes):
        curve = stage.run(loss, report, watch)
    backbone.freeze()
    return curve


def start_aligner(backbone: Backbone, data: LatentData) -> None:
    """Gives the aligner its first sketch of pixels: the decoder's linear part, or one that is fitted."""
    assert backbone.aligner is not None
    if isinstance(backbone.autoencoder, Autoencoder):
        backbone.aligner.start_from(backbone.autoencoder)
        return
    rows = torch.linspace(0, len(data.latents) - 1, min(FITTED, len(data.latents))).long()
    latents = data.latents[rows].float()
    images = to_images(backbone.decode(latents)).cpu()
    backbone.aligner.fit(latents, images)


FITTED = 256
"""Frames to which a sketch of a published decoder is fitted."""


def synchrony_contrast(backbone: Backbone, batch: Batch) -> Tensor:
    """InfoNCE between the lips of a batch's first frames and their speech; audio features are given, not trained."""
    lips = backbone.lips(batch.latents[:, 0], batch.landmarks[:, 0])
    return contrast(lips, backbone.speech(batch.audio[:, 0].detach()))


def identity_contrast(backbone: Backbone, reference: Tensor, target: Tensor, person: Tensor) -> Tensor:
    """InfoNCE between two frames of a person against the other people of the batch (temperature 0.1)."""
    first, second = backbone.identity(reference), backbone.identity(target)
    logits = first @ second.T / 0.1
    same = person[:, None] == person[None, :]
    distractors = same & ~torch.eye(len(person), dtype=torch.bool, device=person.device)
    return F.cross_entropy(
        logits.masked_fill(distractors, -1e4), torch.arange(len(person), device=person.device)
    )

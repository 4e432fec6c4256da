"""Pre-training on public identities: the autoencoder first, then the conditioned denoiser.

Everything is drawn from named streams, so a resumed run draws what the uninterrupted one would.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from torch import Tensor
from torch.nn import functional as F

from privtalk.methods.backbone.audio import neighbourhood
from privtalk.methods.backbone.autoencoder import CELL, Autoencoder, to_images
from privtalk.methods.backbone.backbone import CHUNK, Backbone
from privtalk.methods.backbone.conditioning import Batch, hide_below_nose, upper_face
from privtalk.methods.backbone.config import BackboneConfig
from privtalk.methods.backbone.detail import detail_map
from privtalk.methods.backbone.optimise import Optimisation, OptimiserConfig, Report
from privtalk.methods.backbone.synchrony import contrast

Stream = Callable[..., torch.Generator]


class SpokenClip(Protocol):
    """The part of a clip that pre-training reads."""

    @property
    def frames(self) -> NDArray[np.uint8]: ...
    @property
    def audio(self) -> NDArray[np.float32]: ...
    @property
    def fps(self) -> float: ...
    @property
    def landmarks(self) -> NDArray[np.float32]: ...
    @property
    def identity(self) -> str: ...


class BackboneRecipe(BaseModel):
    """The published recipe; its values made the embedded weights."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = 0
    autoencoder: OptimiserConfig = OptimiserConfig(steps=1000, batch=32, learning_rate=1e-3)
    denoiser: OptimiserConfig = OptimiserConfig(steps=4500, batch=96, learning_rate=1.5e-3)
    further: OptimiserConfig = OptimiserConfig(steps=3000, batch=96, learning_rate=1e-3)
    """The denoiser's optimisation where it goes on from other weights."""
    divergence_weight: float = 1e-5
    absolute_weight: float = 0.05
    detail_weight: float = 3.0
    """Extra weight of pixels at eyes and mouth."""
    nearby_reference: float = 0.25
    """Share of references taken one to three frames earlier in the same clip (for progressive sampling)."""
    masked: float = 0.2
    """Share of samples of the in-painting track."""
    identity_weight: float = 0.02
    """Weight of the contrastive loss of the identity encoder."""
    synchrony_weight: float = 0.02
    """Weight of the contrastive loss of lips and speech, which moves their encoder alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicData:
    """Frames of all public clips on one axis; P frames, clip c spans [start[c], start[c + 1])."""

    frames: Tensor
    """uint8 [P, H, W, 3]."""
    points: Tensor
    """[P, 68, 2] landmarks in pixels."""
    start: NDArray[np.int64]
    person: NDArray[np.int64]
    """[clips]."""
    audio: tuple[NDArray[np.float32], ...]
    fps: tuple[float, ...]

    @classmethod
    def gather(cls, clips: Sequence[SpokenClip]) -> PublicData:
        identities = {name: i for i, name in enumerate(dict.fromkeys(clip.identity for clip in clips))}
        return cls(
            frames=torch.from_numpy(np.concatenate([clip.frames for clip in clips])),
            points=torch.from_numpy(np.concatenate([clip.landmarks for clip in clips])),
            start=np.cumsum([0] + [len(clip.frames) for clip in clips]),
            person=np.array([identities[clip.identity] for clip in clips]),
            audio=tuple(clip.audio for clip in clips),
            fps=tuple(clip.fps for clip in clips),
        )

    def digest(self) -> str:
        """sha256 of all frames."""
        return hashlib.sha256(self.frames.numpy().tobytes()).hexdigest()


# ---- autoencoder


def pretrain_autoencoder(
    autoencoder: Autoencoder,
    data: PublicData,
    recipe: BackboneRecipe,
    stream: Stream,
    checkpoint: Path | None = None,
    report: Report | None = None,
) -> list[tuple[int, float]]:
    """Train in place, then measure the latents' normalisation; returns the loss curve."""
    autoencoder.start_from_components(
        *patch_components(autoencoder, data, stream("autoencoder", "components"))
    )
    autoencoder.requires_grad_(True).train().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    stage = Optimisation(autoencoder, recipe.autoencoder, checkpoint)

    def loss(step: int) -> Tensor:
        generator = stream("autoencoder", step)
        index = torch.randint(len(data.frames), (recipe.autoencoder.batch,), generator=generator)
        images, points = augment(to_images(data.frames[index]), data.points[index], generator)
        return reconstruction_loss(autoencoder, images, points, recipe, generator)

    curve = stage.run(loss, report)
    autoencoder.eval().requires_grad_(False)
    normalise_latents(autoencoder, data, stream("autoencoder", "normalisation"))
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


def detail_points(points: Tensor, size: int) -> Tensor:
    """[N, 3, 2] eyes and mouth, in [-1, 1] across the frame, of landmarks [N, 68, 2] in pixels."""
    centres = [points[:, 36:42].mean(1), points[:, 42:48].mean(1), points[:, 48:68].mean(1)]
    return torch.stack(centres, dim=1) / (size / 2) - 1


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
        parts = [autoencoder.posterior(to_images(data.frames[i])).mean for i in index.split(CHUNK)]
    latents = torch.cat(parts).movedim(1, 0).flatten(1)
    spread = latents.std(1)
    autoencoder.latent_shift.copy_(latents.mean(1))
    autoencoder.latent_scale.copy_((spread * spread.mean()).sqrt())


# ---- denoiser


@dataclass(frozen=True, slots=True, kw_only=True)
class LatentData:
    """Public data as the denoiser reads it; P frames."""

    latents: Tensor
    """float16 [P, C, h, w]."""
    masked: Tensor
    landmarks: Tensor
    """[P, 78]."""
    windows: Tensor
    """[P, L, M] mel windows."""
    near: Tensor
    """[P, Wn] rows of `windows` to smooth over."""
    clip: Tensor
    """[P] clip of a frame."""
    start: Tensor
    person_frames: tuple[Tensor, ...]
    """Rows of each person."""
    person: Tensor
    """[P]."""
    weight: Tensor
    """[P, h, w] weight of the latents' positions in the loss, mean 1."""

    @classmethod
    @torch.no_grad()
    def encode(cls, backbone: Backbone, data: PublicData, recipe: BackboneRecipe) -> LatentData:
        """Run the frozen autoencoder once over all frames."""
        points = torch.from_numpy(upper_face(data.points.numpy(), backbone.config.size))
        lengths = np.diff(data.start)
        near, windows = [], []
        for c, length in enumerate(lengths):
            near.append(neighbourhood(length, backbone.config.audio.neighbours) + data.start[c])
            windows.append(backbone.audio_windows(data.audio[c], length, data.fps[c]))
        latents, masked = _encode_all(backbone.autoencoder, data.frames, points)
        person = np.repeat(data.person, lengths)
        return cls(
            latents=latents,
            masked=masked,
            landmarks=points,
            windows=torch.cat(windows),
            near=torch.from_numpy(np.concatenate(near)),
            clip=torch.from_numpy(np.repeat(np.arange(len(lengths)), lengths)),
            start=torch.from_numpy(data.start),
            person_frames=tuple(
                torch.from_numpy(np.flatnonzero(person == p)) for p in range(person.max() + 1)
            ),
            person=torch.from_numpy(person),
            weight=position_weights(data.points, backbone.config, recipe),
        )


def position_weights(points: Tensor, config: BackboneConfig, recipe: BackboneRecipe) -> Tensor:
    """[P, h, w]: eyes and mouth weigh more, since the mouth covers one or two of 64 positions."""
    side = config.latent_size
    weight = 1 + recipe.detail_weight * detail_map(detail_points(points, config.size), side)
    return weight / weight.mean()


def _encode_all(autoencoder: Autoencoder, frames: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
    whole, hidden = [], []
    for f, p in zip(frames.split(CHUNK), points.split(CHUNK), strict=True):
        images = to_images(f)
        whole.append(autoencoder.encode(images).half())
        hidden.append(autoencoder.encode(hide_below_nose(images, p)).half())
    return torch.cat(whole), torch.cat(hidden)


def pretrain_denoiser(
    backbone: Backbone,
    data: LatentData,
    recipe: BackboneRecipe,
    stream: Stream,
    checkpoint: Path | None = None,
    report: Report | None = None,
    further: bool = False,
) -> list[tuple[int, float]]:
    """Train denoiser and condition encoders in place; the autoencoder stays frozen. Returns the loss curve.

    `further`: the weights are those of an earlier training, which `recipe.further` goes on from.
    """
    optimiser, name = (recipe.further, "further") if further else (recipe.denoiser, "denoiser")
    if backbone.aligner is not None:
        backbone.aligner.start_from(backbone.autoencoder)
    backbone.requires_grad_(True).train()
    backbone.autoencoder.requires_grad_(False).eval()
    stage = Optimisation(backbone, optimiser, checkpoint)

    def loss(step: int) -> Tensor:
        generator = stream(name, step)
        batch, rows = draw_batch(backbone, data, recipe, optimiser.batch, generator)
        t = torch.randint(backbone.config.diffusion.timesteps, (len(batch),), generator=generator)
        noise = torch.randn(batch.latents.shape, generator=generator)
        identities = identity_contrast(backbone, batch.reference, batch.latents[:, 0], data.person[rows])
        error = backbone.loss(batch, t, noise, data.weight[rows, None])
        return (
            error.mean()
            + recipe.identity_weight * identities
            + recipe.synchrony_weight * synchrony_contrast(backbone, batch)
        )

    curve = stage.run(loss, report)
    backbone.freeze()
    return curve


def draw_batch(
    backbone: Backbone, data: LatentData, recipe: BackboneRecipe, n: int, generator: torch.Generator
) -> tuple[Batch, Tensor]:
    """(N windows of one frame, their rows in `data` [N])."""
    rows = torch.randint(len(data.latents), (n,), generator=generator)
    reference = draw_references(data, rows, recipe.nearby_reference, generator)
    heard = backbone.conditioning.audio(data.windows[data.near[rows]])
    in_painting = torch.rand(n, 1, 1, 1, generator=generator) < recipe.masked
    batch = Batch(
        latents=data.latents[rows, None].float(),
        audio=heard[:, None],
        landmarks=data.landmarks[rows, None],
        reference=data.latents[reference].float(),
        reference_landmarks=data.landmarks[reference],
        masked=(data.masked[rows].float() * in_painting)[:, None],
    )
    return batch, rows


def draw_references(data: LatentData, rows: Tensor, nearby: float, generator: torch.Generator) -> Tensor:
    """Another frame of the same person for each row: anywhere, or with chance `nearby` just before it."""
    share = torch.rand(len(rows), generator=generator)
    anywhere = [
        data.person_frames[int(p)][int(u * len(data.person_frames[int(p)]))]
        for p, u in zip(data.person[rows], share, strict=True)
    ]
    back = torch.randint(1, 4, (len(rows),), generator=generator)
    before = torch.maximum(rows - back, data.start[data.clip[rows]])
    near = torch.rand(len(rows), generator=generator) < nearby
    return torch.where(near, before, torch.stack(anywhere))


def synchrony_contrast(backbone: Backbone, batch: Batch) -> Tensor:
    """InfoNCE between the lips of a batch's first frames and their speech; audio features are given, not trained."""
    lips = backbone.lips(batch.latents[:, 0], batch.landmarks[:, 0])
    return contrast(lips, backbone.speech(batch.audio[:, 0].detach()))


def identity_contrast(backbone: Backbone, reference: Tensor, target: Tensor, person: Tensor) -> Tensor:
    """InfoNCE between two frames of a person against the other people of the batch (temperature 0.1)."""
    first, second = backbone.identity(reference), backbone.identity(target)
    logits = first @ second.T / 0.1
    same = person[:, None] == person[None, :]
    distractors = same & ~torch.eye(len(person), dtype=torch.bool)
    return F.cross_entropy(logits.masked_fill(distractors, -1e4), torch.arange(len(person)))

"""Public data as the denoiser reads it: frames are encoded once, and batches are drawn from their latents.

Shapes: P frames, latents C x h x w, windows of L moments of M numbers, N samples.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from privtalk.methods.backbone.audio import neighbourhood
from privtalk.methods.backbone.autoencoder import to_images
from privtalk.methods.backbone.backbone import CHUNK, Backbone
from privtalk.methods.backbone.conditioning import Batch, hide_below_nose, upper_face
from privtalk.methods.backbone.config import BackboneConfig
from privtalk.methods.backbone.detail import detail_map
from privtalk.methods.backbone.public_data import LatentStore, PublicData, RowSink, detail_points, mapped
from privtalk.methods.backbone.recipe import BackboneRecipe

LATENTS, WINDOWS = "latents.f16", "windows.f32"
"""Files of what was encoded."""


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
    points: Tensor
    """[P, 68, 2] landmarks in pixels."""
    weigh: Callable[[Tensor], Tensor]
    """Weights of the latents' positions in the loss [N, h, w], mean 1 over all frames, of landmarks [N, 68, 2]."""

    def weights(self, rows: Tensor) -> Tensor:
        """Returns the weights [N, h, w] of some frames' positions in the loss."""
        return self.weigh(self.points[rows])

    @classmethod
    @torch.no_grad()
    def encode(
        cls, backbone: Backbone, data: PublicData, recipe: BackboneRecipe, store: Path | None = None
    ) -> LatentData:
        """Runs the frozen autoencoder once over all frames; with `store`, a folder, latents lie in files there.

        A later call with the same frames and autoencoder finds them again.
        """
        points = torch.from_numpy(upper_face(data.points.numpy(), backbone.config.size))
        lengths = np.diff(data.start)
        near, heard = [], RowSink(np.float32, None if store is None else store / WINDOWS)
        for c, length in enumerate(lengths):
            near.append(neighbourhood(length, backbone.config.audio.neighbours) + data.start[c])
            heard.add(backbone.audio_windows(data.audio[c], length, data.fps[c]).numpy())
        latents, masked = _encode_all(backbone, data, points, store)
        person = np.repeat(data.person, lengths)
        return cls(
            latents=latents,
            masked=masked,
            landmarks=points,
            windows=heard.close(),
            near=torch.from_numpy(np.concatenate(near)),
            clip=torch.from_numpy(np.repeat(np.arange(len(lengths)), lengths)),
            start=torch.from_numpy(data.start),
            person_frames=tuple(
                torch.from_numpy(np.flatnonzero(person == p)) for p in range(person.max() + 1)
            ),
            person=torch.from_numpy(person),
            points=data.points,
            weigh=position_weights(data.points, backbone.config, recipe),
        )


def position_weights(
    points: Tensor, config: BackboneConfig, recipe: BackboneRecipe
) -> Callable[[Tensor], Tensor]:
    """Returns the function from landmarks [N, 68, 2] to weights [N, h, w] whose mean over all of `points` is 1.

    Eyes and mouth weigh more, since the mouth covers one or two of 64 positions.
    """

    def raw(some: Tensor) -> Tensor:
        return 1 + recipe.detail_weight * detail_map(detail_points(some, config.size), config.latent_size)

    parts = points.split(CHUNK)
    mean = sum(float(raw(part).double().mean()) * len(part) for part in parts) / len(points)
    return lambda some: raw(some) / mean


def _encode_all(
    backbone: Backbone, data: PublicData, points: Tensor, store: Path | None
) -> tuple[Tensor, Tensor]:
    """Latents [P, C, h, w] (float16) of all frames, and of the frames whose lower part is hidden."""
    if store is None:
        parts = [_encoded(backbone, f, p) for f, p in _chunks(data, points)]
        return torch.cat([whole for whole, _ in parts]), torch.cat([hidden for _, hidden in parts])
    kept = LatentStore(store / LATENTS, _key(backbone, data))
    shape = (2, len(data.frames), *backbone.latent_shape)
    if not kept.holds():
        kept.note.unlink(missing_ok=True)
        written = np.memmap(kept.path, np.float16, "w+", shape=shape)
        at = 0
        for frames, own in _chunks(data, points):
            for row, latents in enumerate(_encoded(backbone, frames, own)):
                written[row, at : at + len(frames)] = latents.numpy()
            at += len(frames)
        written.flush()
        kept.seal()
    both = mapped(kept.path, shape, np.float16)
    return both[0], both[1]


def _chunks(data: PublicData, points: Tensor) -> list[tuple[Tensor, Tensor]]:
    return list(zip(data.frames.split(CHUNK), points.split(CHUNK), strict=True))


def _encoded(backbone: Backbone, frames: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
    images = to_images(frames)
    encode = backbone.autoencoder.encode
    whole, hidden = images, hide_below_nose(images, points)
    return tuple(encode(part.to(backbone.device)).half().cpu() for part in (whole, hidden))  # type: ignore[return-value]


def _key(backbone: Backbone, data: PublicData) -> str:
    """Hash of the frames and of the autoencoder's weights."""
    found = hashlib.sha256(data.digest().encode())
    for name, tensor in backbone.autoencoder.state_dict().items():
        found.update(name.encode())
        found.update(tensor.cpu().contiguous().numpy().tobytes())
    return found.hexdigest()


def draw_batch(
    backbone: Backbone, data: LatentData, recipe: BackboneRecipe, n: int, generator: torch.Generator
) -> tuple[Batch, Tensor]:
    """(N windows of one frame, their rows in `data` [N])."""
    rows = torch.randint(len(data.latents), (n,), generator=generator)
    reference = draw_references(data, rows, recipe.nearby_reference, generator)
    device = backbone.device
    heard = backbone.conditioning.audio(data.windows[data.near[rows]].to(device))
    in_painting = torch.rand(n, 1, 1, 1, generator=generator) < recipe.masked
    batch = Batch(
        latents=data.latents[rows, None].float(),
        audio=heard[:, None],
        landmarks=data.landmarks[rows, None],
        reference=data.latents[reference].float(),
        reference_landmarks=data.landmarks[reference],
        masked=(data.masked[rows].float() * in_painting)[:, None],
    )
    return batch.to(device), rows


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

"""Generated clips of every row, methods and references alike."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor

from privtalk.core.streams import Stream
from privtalk.methods.adapters import AdapterBank, adapted
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.backbone.conditioning import Batch
from privtalk.methods.backbone.config import Track
from privtalk.methods.registry import METHODS, REFERENCES


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationBatch:
    """Clips to be generated: N clips of F frames."""

    batch: Batch
    """Conditions of N windows; `latents` are the truth's (for shapes, in-painting and the autoencoder row)."""
    names: tuple[str, ...]
    """[N] the clips' names: what their noise is drawn by."""
    client: tuple[int, ...]
    """[N] place of each clip's client in a bank of per-client adapters."""
    reference_frames: Tensor
    """uint8 [N, H, W, 3] the frames that `batch.reference` encodes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How the backbone samples."""

    steps: int = 10
    """DDIM steps."""
    track: Track = "reenact"
    progressive: bool = False
    chunk: int = 4
    """Clips at a time; bounds the memory."""


def generate_clips(
    row: str,
    backbone: Backbone,
    scene: GenerationBatch,
    sampling: Sampling,
    stream: Stream,
    bank: AdapterBank | None = None,
) -> Tensor:
    """uint8 frames [N, F, H, W, 3] of a row.

    `bank`: the trained adapter (one) or adapters (one a client, picked by `scene.client`) of rows that train.
    """
    if row in PLAIN:
        return PLAIN[row](backbone, scene, stream)
    if row not in METHODS and row not in REFERENCES:
        raise ValueError(f"unknown row {row!r}; valid: {', '.join([*METHODS, *REFERENCES])}")
    trains = row in METHODS or REFERENCES[row].trains is not None
    if trains != (bank is not None):
        raise ValueError(
            f"row {row} {'needs' if trains else 'takes no'} trained adapter; check the row's name"
        )
    parts = [_sampled(backbone, scene, sampling, stream, bank, i) for i in _chunks(scene, sampling.chunk)]
    return torch.cat(parts)


def evaluation_noise(scene: GenerationBatch, stream: Stream) -> Tensor:
    """[N, 1, C, h, w] initial noise, shared by a clip's frames and equal for every row."""
    shape = (1, *scene.batch.latents.shape[2:])
    return torch.stack(
        [torch.randn(shape, generator=stream("evaluation", name, "noise")) for name in scene.names]
    )


def _chunks(scene: GenerationBatch, size: int) -> tuple[Tensor, ...]:
    return torch.arange(len(scene.names)).split(size)


def _sampled(
    backbone: Backbone,
    scene: GenerationBatch,
    sampling: Sampling,
    stream: Stream,
    bank: AdapterBank | None,
    index: Tensor,
) -> Tensor:
    noise = evaluation_noise(scene, stream)[index].to(backbone.device)
    own = bank if bank is None or len(bank) == 1 else bank.select([scene.client[i] for i in index.tolist()])
    with nullcontext() if own is None else adapted(backbone.denoiser, own.to(backbone.device)):
        latents = backbone.generate(
            scene.batch[index].to(backbone.device),
            noise,
            sampling.steps,
            sampling.track,
            sampling.progressive,
        )
    return backbone.decode(latents).cpu()


def _noise(backbone: Backbone, scene: GenerationBatch, stream: Stream) -> Tensor:
    shape = (scene.batch.frames, *scene.reference_frames.shape[1:])
    draws = [
        torch.randint(256, shape, generator=stream("evaluation", name, "pixels")) for name in scene.names
    ]
    return torch.stack(draws).to(torch.uint8)


def _static(backbone: Backbone, scene: GenerationBatch, stream: Stream) -> Tensor:
    return scene.reference_frames[:, None].expand(-1, scene.batch.frames, -1, -1, -1).contiguous()


def _autoencoder(backbone: Backbone, scene: GenerationBatch, stream: Stream) -> Tensor:
    return backbone.decode(scene.batch.latents).cpu()


PLAIN: dict[str, Callable[[Backbone, GenerationBatch, Stream], Tensor]] = {
    "noise": _noise,
    "static": _static,
    "autoencoder": _autoencoder,
}
"""Rows that need no denoiser."""

"""The condition of the denoiser: landmarks, audio, identity, reference and masked latents.

Shapes: N windows of F frames, C x h x w latents, D audio width, L tokens of width E.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from privtalk.methods.backbone.audio import AudioEncoder
from privtalk.methods.backbone.config import BackboneConfig, Condition

UPPER_FACE = (*range(4), *range(13, 17), *range(17, 48))
"""The 39 iBUG points DiffTalk keeps: both ends of the contour, brows, nose, eyes; chin and mouth are left out."""
NOSE_TIP = UPPER_FACE.index(33)
LANDMARK_DIM = 2 * len(UPPER_FACE)


class ClipFeatures(NamedTuple):
    """The frozen backbone's features of a clip of T frames."""

    latents: Tensor
    """[T, C, h, w], normalised."""
    audio: Tensor
    """[T, D] smoothed audio features."""
    landmarks: Tensor
    """[T, 78] upper-face points, -1..1 across the frame."""
    masked: Tensor | None
    """[T, C, h, w] latents of the frames without what lies below the nose tip, or None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """N windows of F consecutive frames with their conditions."""

    latents: Tensor
    """[N, F, C, h, w] targets."""
    audio: Tensor
    """[N, F, D]."""
    landmarks: Tensor
    """[N, F, 78]."""
    reference: Tensor
    """[N, C, h, w] latents of a frame of the same person."""
    reference_landmarks: Tensor
    """[N, 78]."""
    masked: Tensor | None = None
    """[N, F, C, h, w], for the in-painting track."""

    @property
    def frames(self) -> int:
        return self.latents.shape[1]

    def __len__(self) -> int:
        return self.latents.shape[0]

    def __getitem__(self, index: slice | Tensor) -> Batch:
        """The windows at `index`."""
        return self._map(lambda part: part[index])

    def to(self, device: torch.device | str) -> Batch:
        return self._map(lambda part: part.to(device))

    def _map(self, function: Callable[[Tensor], Tensor]) -> Batch:
        def mapped(name: str) -> Any:
            part = getattr(self, name)
            return None if part is None else function(part)

        return Batch(**{f.name: mapped(f.name) for f in fields(self)})

    @staticmethod
    def concatenate(batches: list[Batch]) -> Batch:
        """All windows of `batches`, in order."""

        def join(name: str) -> Any:
            parts = [getattr(batch, name) for batch in batches]
            return None if any(part is None for part in parts) else torch.cat(parts)

        return Batch(**{f.name: join(f.name) for f in fields(Batch)})


def upper_face(landmarks: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """[T, 78] in [-1, 1] across the frame, of 68-point landmarks [T, 68, 2] in pixels of a frame of side `size`."""
    points = landmarks[:, UPPER_FACE] / (size / 2) - 1
    return points.reshape(len(points), -1).astype(np.float32)


def hide_below_nose(frames: Tensor, landmarks: Tensor) -> Tensor:
    """Images [T, 3, H, W] with every row below the nose tip set to 0 (mid-grey); `landmarks` [T, 78]."""
    return frames * ~rows_below_nose(landmarks, frames.shape[-1])[:, None, :, None]


def rows_below_nose(landmarks: Tensor, rows: int) -> Tensor:
    """bool [..., rows]: whether a row's centre lies below the nose tip; `landmarks` [..., 78]."""
    nose = landmarks[..., 2 * NOSE_TIP + 1, None]
    centres = (torch.arange(rows, device=landmarks.device) + 0.5) / (rows / 2) - 1
    return centres > nose


class IdentityEncoder(nn.Module):
    """Embedding of a person from one frame's latents; the method's own, never the one that scores it."""

    def __init__(self, channels: int, dim: int) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            nn.Conv2d(channels, 48, 3, padding=1),
            nn.GroupNorm(8, 48),
            nn.SiLU(),
            nn.Conv2d(48, 64, 3, stride=2, padding=1),
            nn.GroupNorm(8, 64),
            nn.SiLU(),
        )
        self.project = nn.Linear(64 * 2, dim)

    def forward(self, latents: Tensor) -> Tensor:
        """Unit vectors [N, dim] of `latents` [N, C, h, w]."""
        hidden = self.convolutions(latents).flatten(2)
        pooled = torch.cat([hidden.mean(-1), hidden.amax(-1)], dim=1)
        return F.normalize(self.project(pooled), dim=1)


class ConditionEncoder(nn.Module):
    """Tokens for cross-attention and a vector added to the timestep embedding.

    The identity enters only through its token and the reference latents. Conditions that the configuration leaves
    out are zero.
    """

    def __init__(self, config: BackboneConfig) -> None:
        super().__init__()
        audio, denoiser = config.audio, config.denoiser
        self.conditions: frozenset[Condition] = frozenset(config.conditions)
        self.audio = AudioEncoder(audio)
        self.identity = IdentityEncoder(config.autoencoder.latent_channels, denoiser.identity_dim)
        self.landmarks = nn.Sequential(
            nn.Linear(2 * LANDMARK_DIM, 128), nn.SiLU(), nn.Linear(128, 64), nn.SiLU(), nn.Linear(64, 64)
        )
        self.audio_tokens = nn.Linear(audio.width, audio.tokens * denoiser.token_dim)
        self.landmark_tokens = nn.Linear(64, denoiser.landmark_tokens * denoiser.token_dim)
        self.identity_token = nn.Linear(denoiser.identity_dim, denoiser.token_dim)
        self.token_dim = denoiser.token_dim
        self.vector_dim = audio.width + 64

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """(tokens [N*F, L, E], vector [N*F, vector_dim]) of a batch."""
        frames = batch.frames
        audio = self._keep("audio", batch.audio.flatten(0, 1))
        reference = batch.reference_landmarks[:, None].expand_as(batch.landmarks)
        points = torch.cat([batch.landmarks, batch.landmarks - reference], dim=-1).flatten(0, 1)
        landmarks = self._keep("landmarks", self.landmarks(points))
        identity = self._keep("identity", self.identity(batch.reference)).repeat_interleave(frames, 0)
        tokens = [self.audio_tokens(audio), self.landmark_tokens(landmarks), self.identity_token(identity)]
        stacked = torch.cat([t.unflatten(1, (-1, self.token_dim)) for t in tokens], dim=1)
        return stacked, torch.cat([audio, landmarks], dim=1)

    def _keep(self, condition: Condition, values: Tensor) -> Tensor:
        return values if condition in self.conditions else torch.zeros_like(values)

"""The method's own encoder of lips and speech: a mouth and the sound it makes lie close to one another.

After SyncNet (Chung and Zisserman 2016), at the latents' grid. It serves methods as a loss and scores nobody: the
evaluators are others, trained apart.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from privtalk.methods.backbone.config import BackboneConfig
from privtalk.methods.backbone.detail import mouth_centre

REACH = 0.24
"""Half the side of the square around the mouth, of the frame's half side."""
CROP = 4
"""Side of the mouth's crop, in samples of the latents."""
TEMPERATURE = 0.1


class SynchronyEncoder(nn.Module):
    """Unit embeddings of mouths and of speech."""

    def __init__(self, config: BackboneConfig) -> None:
        super().__init__()
        channels, dim = config.autoencoder.latent_channels, config.denoiser.synchrony_dim
        self.mouth = nn.Sequential(
            nn.Linear(channels * CROP**2, 128), nn.SiLU(), nn.Linear(128, 64), nn.SiLU(), nn.Linear(64, dim)
        )
        self.sound = nn.Sequential(nn.Linear(config.audio.width, 64), nn.SiLU(), nn.Linear(64, dim))

    def lips(self, latents: Tensor, landmarks: Tensor) -> Tensor:
        """[N, E] of `latents` [N, C, h, w]; `landmarks` [N, 78] say where the mouth is."""
        return F.normalize(self.mouth(mouth_crop(latents, landmarks).flatten(1)), dim=1)

    def speech(self, audio: Tensor) -> Tensor:
        """[N, E] of smoothed audio features [N, D]."""
        return F.normalize(self.sound(audio), dim=1)


def mouth_crop(latents: Tensor, landmarks: Tensor) -> Tensor:
    """Returns [N, C, 4, 4] the latents around the mouth, sampled bilinearly."""
    centre = mouth_centre(landmarks)
    axis = torch.linspace(-REACH, REACH, CROP).to(landmarks)
    square = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), dim=-1)
    return F.grid_sample(latents, centre[:, None, None] + square, padding_mode="border", align_corners=False)


def contrast(lips: Tensor, speech: Tensor) -> Tensor:
    """Returns InfoNCE [] of mouths [N, E] against the speech [N, E] of the others, both ways.

    >>> apart = torch.eye(4)
    >>> bool(contrast(apart, apart) < contrast(apart, apart.roll(1, 0)))
    True
    """
    logits = lips @ speech.T / TEMPERATURE
    own = torch.arange(len(lips), device=logits.device)
    return (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2

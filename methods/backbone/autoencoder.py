"""Autoencoder: frames to latents and back.

Shapes: N images, H = W pixels, C latent channels, h = w = H / 8.
"""

from __future__ import annotations

from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from privtalk.core import torchvision_guard as torchvision_guard  # before diffusers

from diffusers.models.autoencoders.vae import Decoder, Encoder  # isort: skip

from privtalk.methods.backbone.config import AutoencoderConfig

PIXEL_FOLD = 2
CELL = 8
"""Pixels that one latent position spans, in each direction."""

START_LOG_VARIANCE = -6.0
"""The log-variance of the posterior before training: small beside the spread of any component kept."""


class Posterior(NamedTuple):
    """Diagonal normal over latents, each [N, C, h, w]."""

    mean: Tensor
    log_variance: Tensor

    def sample(self, noise: Tensor) -> Tensor:
        """Reparametrised draw; `noise` is standard normal, [N, C, h, w]."""
        return self.mean + torch.exp(0.5 * self.log_variance) * noise

    def divergence(self) -> Tensor:
        """KL to the standard normal, mean over all entries (nats)."""
        return 0.5 * (self.mean**2 + self.log_variance.exp() - 1 - self.log_variance).mean()


class Autoencoder(nn.Module):
    """Variational autoencoder: a linear code of 8 x 8 patches, and convolutions that correct it at both ends.

    The linear part starts as the principal components of public patches (`start_from_components`), so that training
    begins where the best linear code ends: 29.2 dB with 24 channels on people of the broader world, which
    convolutions alone had not reached after 83,000 images (27.6 dB).

    `encode` gives latents of zero mean and, over all channels, unit variance; `latent_shift` and `latent_scale` [C] are
    measured once after training (as Stable Diffusion's scaling factor is).
    """

    latent_shift: Tensor
    latent_scale: Tensor

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        folded, c = 3 * PIXEL_FOLD**2, config.latent_channels
        stages = len(config.encoder_channels)
        self.analysis = nn.Conv2d(3, c, CELL, stride=CELL)
        self.synthesis = nn.ConvTranspose2d(c, 3, CELL, stride=CELL, bias=False)
        self.encoder = Encoder(
            in_channels=folded,
            out_channels=c,
            down_block_types=("DownEncoderBlock2D",) * stages,
            block_out_channels=config.encoder_channels,
            layers_per_block=1,
            norm_num_groups=config.norm_groups,
            double_z=True,
        )
        self.decoder = Decoder(
            in_channels=c,
            out_channels=folded,
            up_block_types=("UpDecoderBlock2D",) * stages,
            block_out_channels=config.decoder_channels,
            layers_per_block=1,
            norm_num_groups=config.norm_groups,
        )
        self.synthesis_mean = nn.Parameter(torch.zeros(3, CELL, CELL))
        self.register_buffer("latent_shift", torch.zeros(c))
        self.register_buffer("latent_scale", torch.ones(c))

    def posterior(self, images: Tensor) -> Posterior:
        """Posterior before normalisation; `images` [N, 3, H, W] in [-1, 1]."""
        correction, log_variance = self.encoder(F.pixel_unshuffle(images, PIXEL_FOLD)).chunk(2, dim=1)
        return Posterior(self.analysis(images) + correction, log_variance.clamp(-20, 10))

    def reconstruct(self, raw_latents: Tensor) -> Tensor:
        """Images [N, 3, H, W], about [-1, 1], from latents before normalisation."""
        side = raw_latents.shape[-1]
        linear = self.synthesis(raw_latents) + self.synthesis_mean.repeat(1, side, side)
        return linear + F.pixel_shuffle(self.decoder(raw_latents), PIXEL_FOLD)

    @torch.no_grad()
    def start_from_components(self, mean: Tensor, components: Tensor) -> None:
        """Make the code linear: `mean` [3, 8, 8] and orthonormal `components` [C, 3, 8, 8] of patches."""
        self.analysis.weight.copy_(components)
        cast(Tensor, self.analysis.bias).copy_(-(components * mean).sum((1, 2, 3)))
        self.synthesis.weight.copy_(components)
        self.synthesis_mean.copy_(mean)
        for layer in (self.encoder.conv_out, self.decoder.conv_out):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(cast(Tensor, layer.bias))
        cast(Tensor, self.encoder.conv_out.bias)[len(components) :] = START_LOG_VARIANCE

    def encode(self, images: Tensor) -> Tensor:
        """Normalised posterior means [N, C, h, w]; `images` [N, 3, H, W] in [-1, 1]."""
        return (self.posterior(images).mean - _channels(self.latent_shift)) / _channels(self.latent_scale)

    def features(self, images: Tensor) -> list[Tensor]:
        """The encoder's features [N, C_i, h_i, w_i] at every depth i; `images` [N, 3, H, W] in [-1, 1]."""
        found = [self.encoder.conv_in(F.pixel_unshuffle(images, PIXEL_FOLD))]
        for block in self.encoder.down_blocks:
            found.append(block(found[-1]))
        return found

    def decode(self, latents: Tensor) -> Tensor:
        """Images [N, 3, H, W] in [-1, 1] from normalised latents."""
        raw = latents * _channels(self.latent_scale) + _channels(self.latent_shift)
        return self.reconstruct(raw).clamp(-1, 1)


def _channels(vector: Tensor) -> Tensor:
    return vector[None, :, None, None]


def to_images(frames: Tensor) -> Tensor:
    """uint8 [N, H, W, 3] to float32 [N, 3, H, W] in [-1, 1].

    >>> to_images(torch.full((1, 8, 8, 3), 255, dtype=torch.uint8)).max().item()
    1.0
    """
    return frames.movedim(-1, -3).float() / 127.5 - 1


def to_frames(images: Tensor) -> Tensor:
    """Float [N, 3, H, W] in [-1, 1] to uint8 [N, H, W, 3], rounded."""
    return ((images.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).movedim(-3, -1)

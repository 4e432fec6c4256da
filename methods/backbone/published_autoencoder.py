"""Autoencoders that others published in diffusers' format, behind the interface of our own.

Stable Diffusion's `AutoencoderKL` (factor 8) and DiffTalk's `VQModel` (factor 4) are read from a local folder that
holds `config.json` and safetensors; nothing is downloaded, and they are never trained here.

Shapes: N images, H = W pixels, C latent channels, h = w = H / cell.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from privtalk.core import torchvision_guard as torchvision_guard  # before diffusers

from diffusers import AutoencoderKL, VQModel  # isort: skip

from privtalk.core.errors import UserError, unknown
from privtalk.methods.backbone.config import PublishedAutoencoderConfig, PublishedKind

WEIGHTS = ("diffusion_pytorch_model.safetensors", "model.safetensors")
"""Names that a folder's weights may have."""
CLASSES: dict[PublishedKind, Any] = {"AutoencoderKL": AutoencoderKL, "VQModel": VQModel}


class PublishedAutoencoder(nn.Module):
    """A frozen published autoencoder.

    `encode` gives latents as their publisher scales them: (mean - shift_factor) · scaling_factor. A VQ model's latents
    are those before quantisation, as latent diffusion learns them; its decoder quantises.
    """

    latent_shift: Tensor
    latent_scale: Tensor

    def __init__(self, config: PublishedAutoencoderConfig) -> None:
        super().__init__()
        self.network = CLASSES[config.kind].from_config(config.network)
        factor = float(config.network.get("scaling_factor") or 1.0)
        shift = float(config.network.get("shift_factor") or 0.0)
        channels = config.latent_channels
        self.register_buffer("latent_shift", torch.full((channels,), shift))
        self.register_buffer("latent_scale", torch.full((channels,), 1 / factor))

    def encode(self, images: Tensor) -> Tensor:
        """Normalised latents [N, C, h, w]; `images` [N, 3, H, W] in [-1, 1]."""
        coded = self.network.encode(images)
        raw = coded.latent_dist.mode() if isinstance(self.network, AutoencoderKL) else coded.latents
        return (raw - self.latent_shift[None, :, None, None]) / self.latent_scale[None, :, None, None]

    def decode(self, latents: Tensor) -> Tensor:
        """Images [N, 3, H, W] in [-1, 1] from normalised latents."""
        raw = latents * self.latent_scale[None, :, None, None] + self.latent_shift[None, :, None, None]
        made: Tensor = self.network.decode(raw).sample
        return made.clamp(-1, 1)

    def features(self, images: Tensor) -> list[Tensor]:
        """The encoder's features [N, C_i, h_i, w_i] at every depth i; `images` [N, 3, H, W] in [-1, 1]."""
        found = [self.network.encoder.conv_in(images)]
        for block in self.network.encoder.down_blocks:
            found.append(block(found[-1]))
        return found


def read_published(folder: Path) -> tuple[PublishedAutoencoderConfig, dict[str, Tensor]]:
    """Returns the configuration and the weights (float32) of a published autoencoder's folder.

    Raises a `UserError` in one line where the folder holds none, or one of another kind.
    """
    path = folder / "config.json"
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(
            f"{folder}: no autoencoder in diffusers' format ({error}); name its folder"
        ) from error
    kind = raw.get("_class_name") if isinstance(raw, Mapping) else None
    if kind not in get_args(PublishedKind):
        raise unknown("autoencoder", str(kind), get_args(PublishedKind))
    network = {key: value for key, value in raw.items() if not key.startswith("_")}
    file = next((folder / name for name in WEIGHTS if (folder / name).is_file()), None)
    if file is None:
        raise UserError(f"{folder}: no {' or '.join(WEIGHTS)} there; convert its weights to safetensors")
    try:
        config = PublishedAutoencoderConfig(kind=kind, network=network)
        return config, {name: tensor.float() for name, tensor in load_file(file).items()}
    except (OSError, ValueError, SafetensorError) as error:
        raise UserError(f"{file}: its weights cannot be read ({error}); fetch them again") from error


def take_weights(autoencoder: PublishedAutoencoder, tensors: Mapping[str, Tensor], folder: Path) -> None:
    """Puts published weights into the network; a `UserError` where they are of another."""
    try:
        autoencoder.network.load_state_dict(dict(tensors))
    except RuntimeError as error:
        first = str(error).splitlines()[-1].strip()
        raise UserError(
            f"{folder}: its weights are not its config.json's ({first}); fetch both again"
        ) from error

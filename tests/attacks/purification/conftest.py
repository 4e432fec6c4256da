"""Three published photos, and what they are to say."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from privtalk.attacks.purification.attacker import AttackedPortraits
from privtalk.core.seeds import torch_stream
from privtalk.methods.backbone.autoencoder import to_frames
from privtalk.methods.backbone.backbone import Backbone
from tests.methods.protection.tiny_portraits import landmarks

COUNT, FRAMES = 3, 4


@pytest.fixture(scope="session")
def photos() -> Tensor:
    """uint8 [3, 32, 32, 3]: smooth, and noise on top."""
    draw = torch_stream(2, "photos")
    smooth = F.interpolate(torch.rand(COUNT, 3, 5, 5, generator=draw) * 2 - 1, size=32, mode="bicubic")
    return to_frames(smooth + 0.1 * torch.randn(smooth.shape, generator=draw)).contiguous()


@pytest.fixture(scope="session")
def portraits(backbone: Backbone, photos: Tensor) -> AttackedPortraits:
    draw = torch_stream(2, "portraits")
    return AttackedPortraits(
        photos=photos,
        landmarks=landmarks(COUNT, draw),
        audio=torch.randn(COUNT, FRAMES, backbone.config.audio.width, generator=draw),
        moved=landmarks(COUNT * FRAMES, draw).unflatten(0, (COUNT, FRAMES)),
        noise=torch.randn(COUNT, 1, *backbone.latent_shape, generator=draw),
        steps=2,
        budget=8.0,
    )

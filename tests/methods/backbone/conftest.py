from __future__ import annotations

import numpy as np
import pytest
import torch

from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.backbone.conditioning import Batch


@pytest.fixture(scope="session")
def backbone() -> Backbone:
    return Backbone.tiny(alignment="spline")


@pytest.fixture
def batch(backbone: Backbone) -> Batch:
    """Three windows of four frames."""
    g = torch.Generator().manual_seed(3)
    shape = backbone.latent_shape
    return Batch(
        latents=torch.randn(3, 4, *shape, generator=g),
        audio=torch.randn(3, 4, backbone.config.audio.width, generator=g),
        landmarks=torch.rand(3, 4, 78, generator=g) * 2 - 1,
        reference=torch.randn(3, *shape, generator=g),
        reference_landmarks=torch.rand(3, 78, generator=g) * 2 - 1,
        masked=torch.randn(3, 4, *shape, generator=g),
    )


@pytest.fixture
def clip_arrays() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Frames, audio and landmarks of six 32 px frames."""
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (6, 32, 32, 3), dtype=np.uint8)
    audio = (0.1 * rng.standard_normal(6 * 640)).astype(np.float32)
    return frames, audio, (rng.random((6, 68, 2)) * 32).astype(np.float32)

from __future__ import annotations

from functools import partial

import pytest
import torch

from privtalk.core.seeds import torch_stream
from privtalk.core.streams import Stream
from privtalk.methods.adapters import AdapterBank
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.backbone.conditioning import LANDMARK_DIM, ClipFeatures
from privtalk.methods.config import AdapterConfig, FederationConfig
from privtalk.methods.federation.clients import ClientData


@pytest.fixture(scope="session")
def backbone() -> Backbone:
    return Backbone.tiny()


@pytest.fixture(scope="session")
def stream() -> Stream:
    return partial(torch_stream, 7)


@pytest.fixture(scope="session")
def clients(backbone: Backbone) -> tuple[ClientData, ...]:
    """Five clients of random features, of unequal size."""
    return tuple(
        ClientData.of(
            k, [random_clip(backbone, length, 10 * k + n) for n, length in enumerate((9, 6, 5)[: 1 + k % 3])]
        )
        for k in range(5)
    )


@pytest.fixture
def config() -> FederationConfig:
    return FederationConfig(rounds=3, rate=0.6, local_steps=2, window_frames=3, lr=0.02, chunk=8)


@pytest.fixture(scope="session")
def template(backbone: Backbone, stream: Stream) -> AdapterBank:
    return AdapterBank.initial(backbone.denoiser, AdapterConfig(rank=2), stream)


def random_clip(backbone: Backbone, length: int, seed: int) -> ClipFeatures:
    generator = torch.Generator().manual_seed(seed)
    return ClipFeatures(
        torch.randn(length, *backbone.latent_shape, generator=generator),
        torch.randn(length, backbone.config.audio.width, generator=generator),
        2 * torch.rand(length, LANDMARK_DIM, generator=generator) - 1,
        None,
    )

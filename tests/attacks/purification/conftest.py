"""Three published photos, and what they are to say."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from privtalk.attacks.purification.attacker import AttackedPortraits, PortraitAttacker
from privtalk.attacks.purification.training import AttackerMeans, PhotoPairs, TrainedAttacker
from privtalk.core.seeds import torch_stream
from privtalk.methods.backbone.autoencoder import to_frames
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.backbone.conditioning import ClipFeatures
from privtalk.methods.federation.clients import ClientData
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
    points = landmarks(COUNT, draw)
    audio = torch.randn(COUNT, FRAMES, backbone.config.audio.width, generator=draw)
    return AttackedPortraits(
        photos=photos,
        landmarks=points,
        audio=audio,
        quiet=audio.mean(1, keepdim=True),
        moved=landmarks(COUNT * FRAMES, draw).unflatten(0, (COUNT, FRAMES)),
        noise=torch.randn(COUNT, 1, *backbone.latent_shape, generator=draw),
        steps=2,
        budget=8.0,
        places=torch.arange(COUNT),
    )


def clip(backbone: Backbone, draw: torch.Generator) -> ClipFeatures:
    """Six frames of somebody."""
    shape = (6, *backbone.latent_shape)
    return ClipFeatures(
        torch.randn(shape, generator=draw),
        torch.randn(6, backbone.config.audio.width, generator=draw),
        landmarks(6, draw),
        None,
    )


@pytest.fixture(scope="session")
def means(backbone: Backbone, photos: Tensor) -> AttackerMeans:
    """Two shadow people, the owners' clips, and pairs whose protection is one pattern."""
    draw = torch_stream(4, "people")
    people = [ClientData.of(k, [clip(backbone, draw)]) for k in range(2 + COUNT)]
    return AttackerMeans(
        backbone=backbone,
        shadows=tuple(people[:2]),
        owners=tuple(people[2:]),
        pairs=PhotoPairs(clean=photos, protected=patterned(photos)),
        steps=3,
        stream=partial(torch_stream, 4),
    )


def patterned(photos: Tensor) -> Tensor:
    """Photos with the same pattern of ten levels on each."""
    pattern = torch.randint(0, 2, photos.shape[1:], generator=torch_stream(4, "pattern")) * 20 - 10
    return (photos.int() + pattern).clamp(0, 255).to(torch.uint8)


@pytest.fixture(scope="session")
def learned(means: AttackerMeans) -> Callable[[type[PortraitAttacker]], PortraitAttacker]:
    """An attacker of a class, trained where it trains."""

    @cache
    def make(cls: type[PortraitAttacker]) -> PortraitAttacker:
        return cls(cls.train(means)) if issubclass(cls, TrainedAttacker) else cls()

    return make

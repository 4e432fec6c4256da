"""Three portraits, moments of public people, and a tiny victim."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from privtalk.core.seeds import torch_stream
from privtalk.methods.backbone.autoencoder import to_images
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.protection.config import ProtectionConfig
from privtalk.methods.protection.method import Setting
from privtalk.methods.protection.victim import OwnedPortraits, PublicDrivers, Victim
from tests.methods.protection.tiny_portraits import BUDGET, MakeSetting, landmarks


@pytest.fixture(scope="session")
def photos() -> Tensor:
    """uint8 [3, 32, 32, 3] of all colours, black and white among them."""
    return torch.randint(0, 256, (3, 32, 32, 3), generator=torch_stream(1, "photos"), dtype=torch.uint8)


@pytest.fixture(scope="session")
def portraits(photos: Tensor) -> OwnedPortraits:
    return OwnedPortraits(
        names=("ann", "bob", "cid"),
        images=to_images(photos),
        landmarks=landmarks(3, torch_stream(1, "landmarks")),
    )


@pytest.fixture(scope="session")
def drivers(backbone: Backbone) -> PublicDrivers:
    draw = torch_stream(1, "drivers")
    return PublicDrivers(
        audio=torch.randn(6, backbone.config.audio.width, generator=draw),
        landmarks=landmarks(6, draw),
        faces=2 * torch.rand(2, 3, 32, 32, generator=draw) - 1,
    )


@pytest.fixture(scope="session")
def setting(backbone: Backbone, portraits: OwnedPortraits, drivers: PublicDrivers) -> MakeSetting:
    """(seed, which portraits, budget, drivers, victim, **config) -> a setting whose generators are at their start."""

    def make(
        seed: int = 0,
        which: slice = slice(None),
        budget: float = BUDGET,
        drivers: PublicDrivers = drivers,
        victim: Victim | None = None,
        **config: Any,
    ) -> Setting:
        return Setting.of(
            portraits[which],
            victim or Victim(backbone),
            drivers,
            ProtectionConfig(**({"iterations": 2} | config)),
            budget,
            partial(torch_stream, seed),
        )

    return make

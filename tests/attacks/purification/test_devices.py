"""Everything that meets the victim is brought to its device: shown on one that holds no numbers, where a tensor that
was left behind is an error as it is on a GPU.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor

from privtalk.attacks.purification import reanimation
from privtalk.attacks.purification.attacker import AttackedPortraits, PortraitAttacker
from privtalk.attacks.purification.registry import ATTACKERS
from privtalk.core.seeds import torch_stream
from privtalk.methods.backbone.autoencoder import to_images
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.protection.config import ProtectionConfig
from privtalk.methods.protection.method import Setting
from privtalk.methods.protection.registry import PROTECTIONS
from privtalk.methods.protection.victim import OwnedPortraits, PublicDrivers, Victim
from tests.methods.protection.tiny_portraits import landmarks

DECODED = Backbone.decode


@pytest.fixture
def elsewhere(backbone: Backbone, monkeypatch: pytest.MonkeyPatch) -> Backbone:
    """The backbone on another device; what it decodes is brought back as a GPU's would be."""

    def decode(self: Backbone, latents: Tensor) -> Tensor:
        made = DECODED(self, latents)
        assert made.device.type == "meta"
        return torch.zeros(made.shape, dtype=torch.uint8)

    monkeypatch.setattr(Backbone, "decode", decode)
    monkeypatch.setattr(reanimation, "ITERATIONS", 1)
    monkeypatch.setattr(
        reanimation,
        "to_frames",
        lambda images: torch.zeros((*images.shape[:1], 32, 32, 3), dtype=torch.uint8),
    )
    return copy.deepcopy(backbone).to("meta")


@pytest.mark.parametrize("name", ATTACKERS)
def test_an_attacker_animates_on_the_victims_device(
    name: str,
    learned: Callable[[type[PortraitAttacker]], PortraitAttacker],
    portraits: AttackedPortraits,
    elsewhere: Backbone,
) -> None:
    who = learned(ATTACKERS[name])
    generators = [torch_stream(0, "attacker", k) for k in range(3)]
    found = who.animate(elsewhere, who.prepared(portraits, elsewhere, generators))
    assert found.device.type == "cpu"
    assert found.shape == (3, 4, 32, 32, 3)


@pytest.mark.parametrize("movement", ["public", "still"])
@pytest.mark.parametrize("name", [name for name in PROTECTIONS if name != "unprotected"])
def test_a_protection_is_made_on_the_victims_device(
    name: str, movement: str, photos: Tensor, elsewhere: Backbone
) -> None:
    draw = torch_stream(7, "people")
    portraits = OwnedPortraits(names=("a", "b", "c"), images=to_images(photos), landmarks=landmarks(3, draw))
    drivers = PublicDrivers(
        audio=torch.randn(5, elsewhere.config.audio.width, generator=draw),
        landmarks=landmarks(5, draw),
        faces=portraits.images[:2],
    )
    config = ProtectionConfig.model_validate({"iterations": 1, "movement": movement})
    setting = Setting.of(portraits, Victim(elsewhere), drivers, config, 8.0, partial(torch_stream, 0))
    assert PROTECTIONS[name]().protect(setting).device.type == "meta"

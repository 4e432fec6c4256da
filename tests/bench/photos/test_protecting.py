from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from privtalk.bench.photos.placing import place_face
from privtalk.bench.photos.protecting import mouth_movement, protect_photo
from privtalk.bench.photos.reading import Photo
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.protection.config import ProtectionConfig
from privtalk.methods.protection.registry import PROTECTIONS
from privtalk.methods.protection.victim import PublicDrivers
from tests.bench.photos.test_placing import BOX, PHOTO, points

BACKBONE = Backbone.tiny()
FINDERS = (lambda picture: [BOX], lambda picture, box: points(25.0))


def public(count: int = 30) -> PublicDrivers:
    g = torch.Generator().manual_seed(0)
    return PublicDrivers(
        audio=torch.randn(count, BACKBONE.config.audio.width, generator=g),
        landmarks=torch.randn(count, 78, generator=g) / 4,
        faces=torch.rand(2, 3, 32, 32, generator=g) * 2 - 1,
    )


def protected(name: str, budget: int = 8):
    config = ProtectionConfig(iterations=2)
    photo = Photo(PHOTO, None, ())
    return protect_photo(
        Path("a.png"), photo, PROTECTIONS[name](), budget, BACKBONE, public(), config, FINDERS
    )


@pytest.mark.parametrize("name", ["silencer", "random_noise", "silencer_latent_projected"])
def test_the_photo_keeps_its_budget(name: str) -> None:
    made = protected(name)
    assert made.pixels.shape == PHOTO.shape
    assert 0 < np.abs(made.pixels.astype(int) - PHOTO).max() <= 8


def test_the_same_photo_gives_the_same_bytes() -> None:
    assert (protected("silencer").pixels == protected("silencer").pixels).all()


def test_an_unchanged_photo_moves_the_mouth_as_before() -> None:
    made = protected("unprotected")
    assert (made.pixels == PHOTO).all()
    assert made.after == made.before > 0
    assert made.psnr == 100.0


def test_one_voice_moves_nothing() -> None:
    face = place_face(Path("a.png"), PHOTO, 32, *FINDERS)
    voice = public(1).audio.expand(3, -1)
    assert mouth_movement(BACKBONE, face.pixels, torch.zeros(1, 78), voice) == pytest.approx(0, abs=1e-4)

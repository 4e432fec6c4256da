"""The method's own encoder of lips and speech."""

from __future__ import annotations

import torch

from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.backbone.detail import BELOW, NOSE
from privtalk.methods.backbone.synchrony import contrast, mouth_crop


def landmarks(x: float, y: float) -> torch.Tensor:
    """[1, 78] whose mouth lies at (x, y): the nose is .3 long and straight."""
    points = torch.zeros(1, 39, 2)
    points[:, NOSE[1]] = torch.tensor([x, y - BELOW * 0.3])
    points[:, NOSE[0]] = torch.tensor([x, y - BELOW * 0.3 - 0.3])
    return points.flatten(1)


def test_the_crop_lies_where_the_mouth_is() -> None:
    """Latents that hold their own place tell where they were read."""
    axis = (torch.arange(8) + 0.5) / 4 - 1
    place = torch.stack(torch.meshgrid(axis, axis, indexing="xy"))[None]
    crop = mouth_crop(place, landmarks(0.25, 0.4))
    torch.testing.assert_close(crop.mean((2, 3)), torch.tensor([[0.25, 0.4]]), atol=1e-5, rtol=0)


def test_embeddings_are_unit_vectors_of_the_right_things() -> None:
    backbone = Backbone.tiny()
    latents = torch.randn(5, *backbone.latent_shape)
    lips = backbone.lips(latents, torch.randn(5, 78) * 0.2)
    speech = backbone.speech(torch.randn(5, backbone.config.audio.width))
    assert lips.shape == speech.shape == (5, backbone.config.denoiser.synchrony_dim)
    torch.testing.assert_close(lips.norm(dim=1), torch.ones(5))
    torch.testing.assert_close(speech.norm(dim=1), torch.ones(5))


def test_contrast_is_that_of_chance_without_a_signal_and_falls_with_one() -> None:
    same = torch.nn.functional.normalize(torch.ones(6, 4), dim=1)
    torch.testing.assert_close(contrast(same, same), torch.tensor(6.0).log())
    own = torch.eye(6)
    assert contrast(own, own) < 0.01 < contrast(own, own.roll(1, 0))

"""Gradients of people, taken together, are those taken one by one; losses come with them."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch

from privtalk.attacks.probing import Suspect, person_gradients, person_losses, person_slopes, probes
from privtalk.core.seeds import torch_stream
from privtalk.methods.adapters import AdapterBank, adapted
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.backbone.conditioning import LANDMARK_DIM, Batch
from privtalk.methods.config import AdapterConfig

STREAM = partial(torch_stream, 5)
STEPS = (200, 600)


@pytest.fixture(scope="module")
def suspect():
    backbone = Backbone.tiny()
    initial = AdapterBank.initial(backbone.denoiser, AdapterConfig(rank=2), STREAM)
    noise = 0.02 * torch.randn(1, initial.dim, generator=STREAM("adapter"))
    return Suspect(backbone=backbone, adapter=initial.unflatten(initial.flatten() + noise))


@pytest.fixture(scope="module")
def people(suspect):
    backbone = suspect.backbone

    def make(index, windows):
        def draw(*shape):
            return torch.randn(windows, *shape, generator=STREAM("person", index, *shape))

        return Batch(
            latents=draw(2, *backbone.latent_shape),
            audio=draw(2, backbone.config.audio.width),
            landmarks=draw(2, LANDMARK_DIM),
            reference=draw(*backbone.latent_shape),
            reference_landmarks=draw(LANDMARK_DIM),
        )

    return [make(i, 2) for i in range(3)]


def test_gradients_are_those_of_each_persons_mean_loss(suspect, people):
    draws = probes(people, STREAM, STEPS, 2)
    together = person_gradients(suspect, people, draws)
    for person, gradient in zip(people, together, strict=True):
        theta = suspect.adapter.flatten().clone().requires_grad_()
        with adapted(suspect.backbone.denoiser, suspect.adapter.unflatten(theta)):
            losses = torch.cat([suspect.backbone.loss(*probe) for probe in draws.of([person])])
        losses.mean().backward()
        torch.testing.assert_close(gradient, theta.grad[0], rtol=1e-3, atol=1e-6)


def test_losses_come_with_the_gradients(suspect, people):
    draws = probes(people, STREAM, STEPS, 2)
    slopes = person_slopes(suspect, people, draws)
    np.testing.assert_allclose(slopes.losses, person_losses(suspect, people, draws), rtol=1e-5)
    assert torch.equal(slopes.gradients, person_gradients(suspect, people, draws))


def test_people_in_several_passes_get_the_same(suspect, people, monkeypatch):
    draws = probes(people, STREAM, STEPS)
    whole = person_slopes(suspect, people, draws)
    monkeypatch.setattr("privtalk.attacks.probing.CHUNK", 2)
    parts = person_slopes(suspect, people, draws)
    torch.testing.assert_close(parts.gradients, whole.gradients, rtol=1e-3, atol=1e-6)
    torch.testing.assert_close(parts.losses, whole.losses)


def test_there_is_no_gradient_without_an_adapter(suspect, people):
    bare = Suspect(backbone=suspect.backbone, adapter=None)
    with pytest.raises(ValueError, match="give the suspect one"):
        person_gradients(bare, people, probes(people, STREAM, STEPS))

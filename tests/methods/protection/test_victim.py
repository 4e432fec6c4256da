"""The victim: what it makes is the backbone's, and gradients flow by the ways that are asked for alone."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from torch import Tensor, nn

from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.backbone.conditioning import Batch
from privtalk.methods.protection.victim import GradientPath, OwnedPortraits, Victim
from tests.methods.protection.tiny_portraits import landmarks

FRAMES = 2
T = torch.tensor([300, 600, 900])


class Said(nn.Module):
    """Stands in for the identity encoder: says what it was told, whatever it sees."""

    def __init__(self, embedding: Tensor) -> None:
        super().__init__()
        self.embedding = embedding

    def forward(self, latents: Tensor) -> Tensor:
        return self.embedding


@pytest.fixture(scope="module", params=["none", "spline"])
def network(request: pytest.FixtureRequest) -> Backbone:
    return Backbone.tiny(alignment=request.param)


def normal(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def reference(network: Backbone) -> Tensor:
    return normal(0, 3, *network.latent_shape)


@pytest.fixture(scope="module")
def target(network: Backbone) -> Tensor:
    return normal(1, 3, FRAMES, *network.latent_shape)


@pytest.fixture(scope="module")
def noise(network: Backbone) -> Tensor:
    return normal(2, 3, FRAMES, *network.latent_shape)


@pytest.fixture(scope="module")
def batch(network: Backbone, reference: Tensor, target: Tensor, portraits: OwnedPortraits) -> Batch:
    """The conditions, made without a victim."""
    moved = landmarks(3 * FRAMES, torch.Generator().manual_seed(4)).unflatten(0, (3, FRAMES))
    return Batch(
        latents=target,
        audio=normal(3, 3, FRAMES, network.config.audio.width),
        landmarks=moved,
        reference=reference,
        reference_landmarks=portraits.landmarks,
    )


def gradient(path: GradientPath, network: Backbone, batch: Batch, noise: Tensor) -> Tensor:
    """The gradient of a loss in the reference, through a victim."""
    victim, leaf = Victim(network, path), batch.reference.clone().requires_grad_()
    conditions = victim.batch(leaf, batch.reference_landmarks, batch.audio, batch.landmarks)
    error = victim.velocity_error(leaf, conditions, batch.latents, T, noise)
    (found,) = torch.autograd.grad(error.square().sum(), leaf)
    return found


def by_hand(network: Backbone, batch: Batch, noise: Tensor, latents: Tensor, token: Tensor) -> Tensor:
    """The same loss where reference latents and identity token are of two references."""
    told = deepcopy(network)
    told.conditioning.identity = Said(network.conditioning.identity(token))  # type: ignore[assignment]
    conditions = Batch(
        latents=batch.latents,
        audio=batch.audio,
        landmarks=batch.landmarks,
        reference=latents,
        reference_landmarks=batch.reference_landmarks,
    )
    noisy = network.add_noise(batch.latents, noise, T)
    v = network.diffusion.velocity(batch.latents, noise, T)
    return (told.predict(noisy, T, conditions) - v).square().sum()


def test_gradients_take_the_path_that_is_asked_for(network: Backbone, batch: Batch, noise: Tensor) -> None:
    latents, token = (batch.reference.clone().requires_grad_() for _ in range(2))
    loss = by_hand(network, batch, noise, latents, token)
    by_latents, by_token = torch.autograd.grad(loss, (latents, token))
    assert min(by_latents.abs().max(), by_token.abs().max()) > 1e-3
    torch.testing.assert_close(gradient("latents", network, batch, noise), by_latents)
    torch.testing.assert_close(gradient("token", network, batch, noise), by_token)


def test_both_paths_gradient_is_the_sum_of_the_two(network: Backbone, batch: Batch, noise: Tensor) -> None:
    alone = gradient("latents", network, batch, noise) + gradient("token", network, batch, noise)
    torch.testing.assert_close(gradient("both", network, batch, noise), alone, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("path", ["both", "latents", "token"])
def test_the_path_changes_no_value(
    path: GradientPath, network: Backbone, batch: Batch, noise: Tensor
) -> None:
    victim = Victim(network, path)
    conditions = victim.batch(batch.reference, batch.reference_landmarks, batch.audio, batch.landmarks)
    found = victim.velocity_error(batch.reference, conditions, batch.latents, T, noise)
    expected = network.predict(network.add_noise(batch.latents, noise, T), T, batch)
    expected = expected - network.diffusion.velocity(batch.latents, noise, T)
    torch.testing.assert_close(found, expected)


def test_the_squared_error_is_the_backbones_loss_where_all_places_weigh_alike(
    network: Backbone, batch: Batch, noise: Tensor
) -> None:
    victim = Victim(network)
    conditions = victim.batch(batch.reference, batch.reference_landmarks, batch.audio, batch.landmarks)
    error = victim.velocity_error(batch.reference, conditions, batch.latents, T, noise)
    ones = torch.ones(3, FRAMES, *network.latent_shape[1:])
    torch.testing.assert_close(error.square().flatten(1).mean(1), network.loss(batch, T, noise, weight=ones))


@pytest.mark.parametrize("steps", [1, 3])
def test_an_animation_is_what_the_backbone_generates_and_decodes(
    steps: int, network: Backbone, batch: Batch, noise: Tensor
) -> None:
    with torch.no_grad():
        found = Victim(network).animate(batch.reference, batch, noise, steps)
        latents = network.generate(batch, noise, steps)
        expected = torch.stack([network.autoencoder.decode(window) for window in latents])
    assert found.shape == (3, FRAMES, 3, 32, 32)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_an_animations_gradient_goes_through_every_step(
    network: Backbone, batch: Batch, noise: Tensor
) -> None:
    """Against a difference quotient, in double precision."""
    victim = Victim(deepcopy(network).double())
    own, audio, moved = (x.double() for x in (batch.reference_landmarks, batch.audio, batch.landmarks))
    weights = normal(5, 3, FRAMES, 3, 32, 32).double()

    def loss(reference: Tensor) -> Tensor:
        made = victim.animate(reference, victim.batch(reference, own, audio, moved), noise.double(), 3)
        return (made * weights).sum()

    leaf, way = batch.reference.double().requires_grad_(), normal(6, *batch.reference.shape).double()
    (slope,) = torch.autograd.grad(loss(leaf), leaf)
    with torch.no_grad():
        quotient = (loss(leaf + 1e-6 * way) - loss(leaf - 1e-6 * way)) / 2e-6
    assert float((slope * way).sum()) == pytest.approx(float(quotient), rel=1e-4)


def test_encoding_is_the_backbones_with_gradients(
    backbone: Backbone, portraits: OwnedPortraits, photos: Tensor
) -> None:
    images = portraits.images.clone().requires_grad_()
    latents = Victim(backbone).encode(images)
    torch.testing.assert_close(latents.detach(), backbone.encode(photos))
    assert torch.autograd.grad(latents.sum(), images)[0].abs().max() > 0


def test_a_failure_leaves_no_hook(backbone: Backbone, batch: Batch) -> None:
    victim = Victim(backbone)

    def fail() -> None:
        with victim.entered(batch.reference):
            assert len(backbone.conditioning.identity._forward_pre_hooks) == 1
            raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        fail()
    assert not backbone.conditioning.identity._forward_pre_hooks

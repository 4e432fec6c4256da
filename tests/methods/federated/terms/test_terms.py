"""PrivFedTalk's terms on the predicted face: their limits, where their gradient goes, and whom it concerns."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from privtalk.core.streams import Stream
from privtalk.methods.adapters import AdapterBank
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.config import FederationConfig
from privtalk.methods.federated.fedavg import FedAvg
from privtalk.methods.federated.privfedtalk import PrivFedTalk, weighted_terms
from privtalk.methods.federated.terms.identity import identity, identity_distance
from privtalk.methods.federated.terms.perceptual import perceptual, perceptual_distance
from privtalk.methods.federated.terms.sync import sync, sync_distance
from privtalk.methods.federation.clients import ClientData, draw
from privtalk.methods.federation.local import LocalStep, forward, train_stacked

TERMS = {"identity": identity, "perceptual": perceptual, "sync": sync}
OFF: dict[str, Any] = {"lambda_tdc": 0.0, "gamma": 0.0}


@pytest.fixture
def step(
    backbone: Backbone, template: AdapterBank, clients: tuple[ClientData, ...], stream: Stream
) -> LocalStep:
    """A step of five clients of two windows each, and of adapters that are not zero."""
    return taken(backbone, template, clients, stream, start(template, 5))


def start(template: AdapterBank, k: int) -> Tensor:
    noise = torch.randn(k, template.dim, generator=torch.Generator().manual_seed(3))
    return template.flatten() + 0.05 * noise


def taken(
    network: Backbone, template: AdapterBank, clients: Any, stream: Stream, theta: Tensor, number: int = 0
) -> LocalStep:
    drawn = draw(clients, FederationConfig(windows=2, window_frames=3), 1000, stream, 0, 0)
    theta = theta.clone().requires_grad_()
    return forward(network, template, theta, theta.detach(), drawn, number=number)[0]


def unit(*shape: int, seed: int = 0) -> Tensor:
    return F.normalize(torch.randn(*shape, generator=torch.Generator().manual_seed(seed)), dim=-1)


# ---- distances


def test_distances_are_zero_at_the_truth_and_two_at_its_opposite() -> None:
    e = unit(4, 8)
    frames = e[:, None].expand(-1, 3, -1)
    for distance, truth in ((identity_distance, e), (sync_distance, frames)):
        assert distance(frames, truth).tolist() == pytest.approx([0.0] * 4, abs=1e-6)
        assert distance(-frames, truth).tolist() == pytest.approx([2.0] * 4)


def test_the_perceptual_distance_is_its_definition() -> None:
    generator = torch.Generator().manual_seed(0)
    made, truth = ([torch.randn(2, c, s, s, generator=generator) for c, s in ((3, 4), (5, 2))] for _ in "ab")
    expected = torch.zeros(2)
    for a, b in zip(made, truth, strict=True):
        for n in range(2):
            side = a.shape[-1]
            cells = [(y, x) for y in range(side) for x in range(side)]
            cosines = [F.cosine_similarity(a[n, :, y, x], b[n, :, y, x], dim=0) for y, x in cells]
            expected[n] += sum(2 - 2 * c for c in cosines) / len(cells) / 2
    torch.testing.assert_close(perceptual_distance(made, truth), expected)
    torch.testing.assert_close(perceptual_distance([3 * m for m in made], made), torch.zeros(2))


def test_the_perceptual_term_is_zero_for_the_truth_alone(step: LocalStep) -> None:
    truth = step.draw.batch.latents
    assert perceptual(step, truth).tolist() == [0.0] * 10
    wrong = truth.clone()
    wrong[:, 1] += 0.5 * step.draw.noise[:, 1]
    assert (perceptual(step, wrong) > 1e-3).all()


def test_the_identity_term_is_zero_for_the_reference_alone(step: LocalStep) -> None:
    held = step.draw.batch.reference[:, None].expand_as(step.v)
    torch.testing.assert_close(identity(step, held), torch.zeros(10), atol=1e-6, rtol=0)
    assert (identity(step, step.draw.noise) > 1e-3).all()


def test_the_sync_term_reads_lips_and_the_sound_of_the_same_frames(step: LocalStep) -> None:
    moved = replace(step.draw.batch, audio=step.draw.batch.audio.roll(1, dims=1))
    other = replace(step, draw=replace(step.draw, batch=moved))
    predicted = step.predicted_latents().detach()
    assert (sync(step, predicted) != sync(other, predicted)).all()
    assert (sync(step, predicted) != sync(step, predicted.flip(1))).all()


def test_depths_are_those_of_the_encoder(backbone: Backbone, step: LocalStep) -> None:
    """Its last depth is what the encoder itself goes on with."""
    autoencoder = backbone.autoencoder
    images = autoencoder.decode(step.draw.batch.latents.flatten(0, 1))
    seen: list[Tensor] = []
    handle = autoencoder.encoder.mid_block.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    autoencoder.encode(images)
    handle.remove()
    features = autoencoder.features(images)
    assert torch.equal(features[-1], seen[0])
    assert len(features) == 1 + len(backbone.config.autoencoder.encoder_channels)


# ---- in training


@pytest.mark.parametrize("name", TERMS)
def test_the_gradient_is_of_the_adapter_alone(backbone: Backbone, step: LocalStep, name: str) -> None:
    weighted_terms(step, {name: 1.0}).sum().backward()
    assert step.theta.grad is not None
    assert (step.theta.grad.abs().sum(1) > 0).all()
    assert all(parameter.grad is None for parameter in backbone.parameters())


@pytest.mark.parametrize("name", TERMS)
def test_a_client_s_gradient_is_what_it_is_alone(
    backbone: Backbone,
    template: AdapterBank,
    clients: tuple[ClientData, ...],
    stream: Stream,
    step: LocalStep,
    name: str,
) -> None:
    [together] = torch.autograd.grad(weighted_terms(step, {name: 1.0}).sum(), step.theta)
    for k, client in enumerate(clients):
        own = taken(backbone, template, [client], stream, start(template, 5)[k : k + 1])
        [alone] = torch.autograd.grad(weighted_terms(own, {name: 1.0}).sum(), own.theta)
        torch.testing.assert_close(together[k : k + 1], alone, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("name", TERMS)
def test_a_window_counts_by_its_share_of_signal(step: LocalStep, name: str) -> None:
    """At the schedule's first timestep the term counts whole, at its last, nearly pure noise, it counts nothing."""
    low, high = (replace(step, draw=replace(step.draw, t=torch.full((10,), t))) for t in (0, 999))
    assert (low.signal() > 0.99).all()
    whole = low.per_client(TERMS[name](low, low.predicted_latents()))
    torch.testing.assert_close(weighted_terms(low, {name: 1.0}), whole, rtol=0.01, atol=0)
    assert (weighted_terms(high, {name: 1.0}) < 2e-3).all()


def test_weights_are_the_options(step: LocalStep) -> None:
    method = PrivFedTalk(
        PrivFedTalk.Options(**OFF, lambda_identity=0.1, lambda_perceptual=0.2, lambda_sync=0.05)
    )
    assert method._weights(0) == {"identity": 0.1, "perceptual": 0.2, "sync": 0.05}
    parts = [weight * weighted_terms(step, {name: 1.0}) for name, weight in method._weights(0).items()]
    torch.testing.assert_close(method.extra_loss(step), torch.stack(parts).sum(0))


def test_frames_are_decoded_at_every_nth_step_and_count_n_times() -> None:
    method = PrivFedTalk(PrivFedTalk.Options(lambda_perceptual=0.1, decode_every=3))
    weights = [method._weights(number).get("perceptual", 0.0) for number in range(6)]
    assert weights == pytest.approx([0.3, 0, 0, 0.3, 0, 0])


@pytest.mark.parametrize("every", [1, 2])
def test_steps_are_counted_over_rounds(
    backbone: Backbone, template: AdapterBank, clients: tuple[ClientData, ...], stream: Stream, every: int
) -> None:
    """With one local step a round, every second round decodes; where none does, training is FedAvg's."""
    config = FederationConfig(local_steps=1, window_frames=3, lr=0.02)
    method = PrivFedTalk(PrivFedTalk.Options(**OFF, lambda_perceptual=1.0, decode_every=every))
    for round_ in range(2):
        arguments = (backbone, template, start(template, 5), clients, config)
        ours = train_stacked(*arguments, method, stream, round_)
        plain = train_stacked(*arguments, FedAvg(), stream, round_)
        assert torch.equal(ours.gradient, plain.gradient) == (round_ % every != 0)

"""The stacked pass against its slow definition: peft, client by client."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch

from privtalk.core.streams import Stream
from privtalk.methods.adapters import AdapterBank
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.config import AdapterConfig, FederationConfig
from privtalk.methods.federated.fedavg import FedAvg
from privtalk.methods.federation.clients import ClientData, draw
from privtalk.methods.federation.local import LocalResult, LocalStep, forward, train_or_halve, train_stacked
from privtalk.methods.federation.sequential import train_sequential
from privtalk.methods.federation.stacks import Stack
from privtalk.methods.registry import build

DECODED = {"lambda_identity": 0.5, "lambda_perceptual": 0.5, "decode_every": 2}
OPTIONS = {"fedprox": {"mu": 0.5}, "privfedtalk": {"lambda_tdc": 0.5, "gamma": 0.0, **DECODED}}


@pytest.fixture(scope="module")
def exact() -> Backbone:
    """Double precision: Adam amplifies rounding where a gradient is close to zero."""
    network = Backbone.tiny(alignment="spline").double()
    network.diffusion.signal, network.diffusion.noise = (
        network.diffusion.signal.double(),
        network.diffusion.noise.double(),
    )
    return network


def doubled(clients: tuple[ClientData, ...]) -> list[ClientData]:
    return [
        ClientData(
            index=c.index,
            lengths=c.lengths,
            held=type(c.features)(*(f if f is None else f.double() for f in c.features)),
        )
        for c in clients
    ]


def starts(template: AdapterBank, k: int) -> torch.Tensor:
    """Different adapters with B not zero, so that every factor has a gradient."""
    noise = torch.randn(k, template.dim, generator=torch.Generator().manual_seed(3))
    return template.flatten() + 0.05 * noise.to(template.flatten())


@pytest.mark.parametrize(
    ("method", "optimizer", "freeze_a"),
    [
        ("fedavg", "adam", False),
        ("fedavg", "adam", True),
        ("fedavg", "sgd", False),
        ("fedprox", "adam", False),
        ("privfedtalk", "adam", False),
    ],
)
def test_stacked_is_sequential(
    exact: Backbone,
    clients: tuple[ClientData, ...],
    stream: Stream,
    method: str,
    optimizer: str,
    freeze_a: bool,
) -> None:
    config = FederationConfig(
        local_steps=4, windows=2, window_frames=3, optimizer=optimizer, lr=0.02, chunk=6
    )  # type: ignore[arg-type]
    template = AdapterBank.initial(exact.denoiser, AdapterConfig(rank=2, freeze_a=freeze_a), stream)
    objective = build(method, OPTIONS.get(method))
    people, start = doubled(clients), starts(template, 5)
    fast = train_stacked(exact, template, start, people, config, objective, stream, 1)
    slow = train_sequential(exact, template, start, people, config, objective, stream, 1)
    assert (slow.theta - start).abs().mean() > 1e-5
    torch.testing.assert_close(fast.theta, slow.theta, rtol=1e-6, atol=1e-8)
    torch.testing.assert_close(fast.loss, slow.loss)


def test_loss_is_the_backbone_s(
    backbone: Backbone,
    template: AdapterBank,
    clients: tuple[ClientData, ...],
    config: FederationConfig,
    stream: Stream,
) -> None:
    drawn = draw(clients, config, 1000, stream, 0, 0)
    theta = template.repeat(5).flatten()
    _, loss = forward(backbone, template, theta, theta, drawn)
    assert torch.equal(loss, backbone.loss(drawn.batch, drawn.t, drawn.noise))


def test_loss_weighs_places_as_pre_training_did(
    exact: Backbone, clients: tuple[ClientData, ...], config: FederationConfig, stream: Stream
) -> None:
    template = AdapterBank.initial(exact.denoiser, AdapterConfig(), stream)
    drawn = draw(doubled(clients), config, 1000, stream, 0, 0)
    theta = template.repeat(5).flatten()
    _, loss = forward(exact, template, theta, theta, drawn)
    even = torch.ones_like(drawn.batch.latents[:, :, 0])
    weights = exact.weights(drawn.batch.landmarks)
    torch.testing.assert_close(loss, exact.loss(drawn.batch, drawn.t, drawn.noise, weights))
    assert not torch.allclose(loss, exact.loss(drawn.batch, drawn.t, drawn.noise, even))


@pytest.mark.parametrize("chunk", [1, 3, 8])
def test_chunks_change_rounding_only(
    exact: Backbone, clients: tuple[ClientData, ...], stream: Stream, chunk: int
) -> None:
    """Also where one client's windows do not fit a pass (chunk 1 and 3 of 5 windows)."""
    template = AdapterBank.initial(exact.denoiser, AdapterConfig(), stream)
    config = FederationConfig(local_steps=2, windows=5, window_frames=2, lr=0.02, chunk=100)
    objective = build("fedprox", {"mu": 0.5})
    people, start = doubled(clients)[1:3], starts(template, 2)
    whole = train_stacked(exact, template, start, people, config, objective, stream, 0)
    parts = train_stacked(
        exact, template, start, people, config.model_copy(update={"chunk": chunk}), objective, stream, 0
    )
    torch.testing.assert_close(parts.theta, whole.theta, rtol=1e-6, atol=1e-8)
    torch.testing.assert_close(parts.loss, whole.loss)


def test_clients_do_not_mix(
    backbone: Backbone,
    template: AdapterBank,
    clients: tuple[ClientData, ...],
    config: FederationConfig,
    stream: Stream,
) -> None:
    """A client's update is the same whoever else trains beside it."""
    start = starts(template, 5)
    all_ = train_stacked(backbone, template, start, clients, config, FedAvg(), stream, 0)
    two = train_stacked(
        backbone, template, start[[1, 4]], [clients[1], clients[4]], config, FedAvg(), stream, 0
    )
    # Adam makes of a gradient near 0 a step of either sign: rounding shows there
    torch.testing.assert_close(two.theta, all_.theta[[1, 4]], rtol=1e-4, atol=2e-4)


def test_global_generator_is_untouched(
    backbone: Backbone,
    template: AdapterBank,
    clients: tuple[ClientData, ...],
    config: FederationConfig,
    stream: Stream,
) -> None:
    before = torch.get_rng_state()
    train_stacked(backbone, template, starts(template, 5), clients, config, FedAvg(), stream, 0)
    assert torch.equal(torch.get_rng_state(), before)


def test_borders_and_order_of_stacks_are_those_of_the_configuration(
    backbone: Backbone, template: AdapterBank, clients: tuple[ClientData, ...], stream: Stream
) -> None:
    """Whoever runs them, and in whatever order: the bits are the same."""
    config = FederationConfig(local_steps=2, windows=1, window_frames=3, lr=0.02, chunk=2)
    seen: list[tuple[int, ...]] = []

    def backwards(network: Backbone, stacks: Sequence[Stack]) -> list[LocalResult]:
        found = [train_or_halve(network, stack) for stack in reversed(stacks)]
        seen.extend(tuple(client.index for client in stack.clients) for stack in stacks)
        return found[::-1]

    start = starts(template, 5)
    plain = train_stacked(backbone, template, start, clients, config, FedAvg(), stream, 0)
    other = train_stacked(backbone, template, start, clients, config, FedAvg(), stream, 0, run=backwards)
    assert seen == [(0, 1), (2, 3), (4,)]
    assert all(torch.equal(a, b) for a, b in zip(plain[:4], other[:4], strict=True))


class Short(FedAvg):
    """Memory that holds so many clients."""

    holds = 1

    def extra_loss(self, step: LocalStep) -> torch.Tensor | None:
        if len(step.theta) > self.holds:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        return super().extra_loss(step)


def test_a_stack_that_does_not_fit_is_trained_as_halves(
    exact: Backbone, clients: tuple[ClientData, ...], stream: Stream
) -> None:
    template = AdapterBank.initial(exact.denoiser, AdapterConfig(), stream)
    config = FederationConfig(local_steps=2, windows=1, window_frames=3, lr=0.02, chunk=5)
    people, start = doubled(clients), starts(template, 5)
    whole = train_stacked(exact, template, start, people, config, FedAvg(), stream, 0)
    short = train_stacked(exact, template, start, people, config, Short(), stream, 0)
    assert (whole.halved, short.halved) == (0, 4)  # 5 = 2 + 3 = (1 + 1) + (1 + (1 + 1))
    torch.testing.assert_close(short.theta, whole.theta, rtol=1e-6, atol=1e-8)
    nothing = Short()
    nothing.holds = 0
    with pytest.raises(torch.OutOfMemoryError):
        train_stacked(exact, template, start, people, config, nothing, stream, 0)


def test_another_error_is_not_tried_again(
    backbone: Backbone, template: AdapterBank, clients: tuple[ClientData, ...], stream: Stream
) -> None:
    class Broken(FedAvg):
        tried = 0

        def extra_loss(self, step: LocalStep) -> torch.Tensor | None:
            Broken.tried += 1
            raise RuntimeError("shapes differ")

    config = FederationConfig(local_steps=1, windows=1, window_frames=3, chunk=5)
    with pytest.raises(RuntimeError, match="shapes differ"):
        train_stacked(backbone, template, starts(template, 5), clients, config, Broken(), stream, 0)
    assert Broken.tried == 1

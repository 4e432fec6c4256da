"""The differentiable client against the federation's own, and what LoRA's structure hides."""

import pytest
import torch

from privtalk.attacks.reconstruction.simulation import LocalAlgorithm, gradient, second_order, update
from privtalk.methods.backbone.conditioning import ClipFeatures
from privtalk.methods.config import FederationConfig
from privtalk.methods.federated.fedavg import FedAvg
from privtalk.methods.federation.clients import ClientData, draw
from privtalk.methods.federation.local import train_stacked
from tests.attacks.reconstruction.toys import BACKBONE, RECIPE, START, TEMPLATE, drawn, person, stream


def client(index):
    p = person(index, windows=1, frames=6)
    return ClientData.of(index, [ClipFeatures(p.latents[0], p.audio[0], p.landmarks[0], None)])


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_it_is_the_clients_training(optimizer):
    config = FederationConfig(optimizer=optimizer, lr=0.01, local_steps=3, windows=2, window_frames=2)
    clients, start = [client(i) for i in range(3)], START.expand(3, -1)
    trained = train_stacked(BACKBONE, TEMPLATE, start, clients, config, FedAvg(), stream, 4).theta - start
    draws = [draw(clients, config, 1000, stream, 4, s) for s in range(3)]
    made = update(BACKBONE, TEMPLATE, start, draws, LocalAlgorithm.of(config))
    torch.testing.assert_close(made, trained, atol=1e-6, rtol=1e-3)


def test_one_step_from_b_zero_moves_b_alone():
    """∇A = sΣ Bᵀg xᵀ = 0: the first step of an untouched adapter hides the row space of its inputs."""
    start = TEMPLATE.flatten()
    for optimizer in ("sgd", "adam"):
        recipe = LocalAlgorithm(optimizer=optimizer, lr=0.1)
        bank = TEMPLATE.unflatten(update(BACKBONE, TEMPLATE, start, drawn([person(0)], "b", 1), recipe))
        assert all(not factors.a.any() for factors in bank.factors.values())
        assert all(factors.b.any() for factors in bank.factors.values())


def test_two_steps_from_b_zero_move_a():
    made = update(BACKBONE, TEMPLATE, TEMPLATE.flatten(), drawn([person(0)], "b", 2), RECIPE)
    assert all(factors.a.any() for factors in TEMPLATE.unflatten(made).factors.values())


def test_a_very_soft_adam_steps_along_the_gradient_and_a_hard_one_along_its_sign():
    draws, start = drawn([person(0)], "soft", 1), START[None]
    g = gradient(BACKBONE, TEMPLATE, start, draws[0])
    soft = update(BACKBONE, TEMPLATE, start, draws, LocalAlgorithm(lr=1.0).softened(10.0))
    assert torch.cosine_similarity(soft, -g) > 0.999  # θ is of order 1 and rounds a step of 1e-7
    hard = update(BACKBONE, TEMPLATE, start, draws, LocalAlgorithm(lr=1.0))
    large = g.abs() > 1e-5
    torch.testing.assert_close(hard[large], -g.sign()[large], rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("recipe", [RECIPE, LocalAlgorithm(lr=0.01).softened(0.1)])
def test_its_derivative_by_the_data_is_the_difference_quotient(recipe):
    draws = drawn([person(0)], "slope", 2)
    weight = torch.randn(TEMPLATE.dim, generator=stream("weight"))
    toward = torch.randn(draws[0].noise.shape, generator=stream("toward"))

    def value(size):
        moved = [d.__class__(batch=d.batch, t=d.t, noise=d.noise + size * toward) for d in draws]
        return (update(BACKBONE, TEMPLATE, START[None], moved, recipe, create_graph=True) @ weight).sum()

    with second_order(BACKBONE.denoiser):
        size = torch.zeros((), requires_grad=True)
        (slope,) = torch.autograd.grad(value(size), size)
        quotient = (value(0.02) - value(-0.02)) / 0.04
    assert slope.item() == pytest.approx(quotient.item(), rel=0.05)


def test_attention_is_as_before_afterwards_even_after_an_error():
    before = dict(BACKBONE.denoiser.attn_processors)
    inside = []

    def fail():
        with second_order(BACKBONE.denoiser):
            inside.extend(type(p).__name__ for p in BACKBONE.denoiser.attn_processors.values())
            raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match="on purpose"):
        fail()
    assert set(inside) == {"AttnProcessor"}
    assert dict(BACKBONE.denoiser.attn_processors) == before


def test_written_out_attention_gives_the_same_gradient():
    draws = drawn([person(0)], "same", 1)
    fast = gradient(BACKBONE, TEMPLATE, START[None], draws[0])
    with second_order(BACKBONE.denoiser):
        slow = gradient(BACKBONE, TEMPLATE, START[None], draws[0])
    torch.testing.assert_close(slow, fast, atol=1e-5, rtol=1e-3)

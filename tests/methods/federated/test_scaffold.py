"""SCAFFOLD: FedAvg where controls are 0 or equal, and the mean loss's optimum where FedAvg misses it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from privtalk.methods.adapters import AdapterBank
from privtalk.methods.config import FederationConfig
from privtalk.methods.federated.fedavg import FedAvg
from privtalk.methods.federated.scaffold import Scaffold
from privtalk.methods.federation.clients import ClientData
from privtalk.methods.federation.memory import Memory, ServerState
from tests.methods.federated.conftest import same_adapter


def test_the_first_round_is_fedavgs(play) -> None:  # type: ignore[no-untyped-def]
    """Controls start at 0."""
    assert same_adapter(play("scaffold", rounds=1), play("fedavg", rounds=1))
    assert not same_adapter(play("scaffold", rate=1.0), play("fedavg", rate=1.0))


def test_with_one_client_controls_are_equal_and_it_is_fedavg(play, clients: tuple[ClientData, ...]) -> None:  # type: ignore[no-untyped-def]
    for optimizer, lr in (("sgd", 0.5), ("adam", 0.02)):
        one = {"of": clients[:1], "rate": 1.0, "optimizer": optimizer, "lr": lr}
        scaffold, plain = play("scaffold", **one), play("fedavg", **one)
        control = scaffold.server["control"]
        assert control.abs().max() > 1e-4
        torch.testing.assert_close(scaffold.clients[0]["control"].double(), control, rtol=1e-4, atol=1e-7)
        torch.testing.assert_close(scaffold.adapters, plain.adapters, rtol=1e-3, atol=1e-5)


def test_of_sgd_a_control_is_option_two(play, template: AdapterBank, clients: tuple[ClientData, ...]) -> None:  # type: ignore[no-untyped-def]
    """c_k' = c_k - c + (θ_received - θ) / (steps · lr), with c = c_k = 0 in the first round."""
    state = play("scaffold", of=clients[:1], rate=1.0, rounds=1, optimizer="sgd", lr=0.5, local_steps=3)
    moved = template.flatten()[0] - state.adapters[0]
    torch.testing.assert_close(state.clients[0]["control"], moved / 1.5, rtol=1e-3, atol=1e-6)


def test_the_servers_control_is_the_mean_of_all_devices(play) -> None:  # type: ignore[no-untyped-def]
    """Of those that never took part, whose control is 0, too; where nothing is clipped and all weigh 1."""
    state = play("scaffold", rate=0.5, rounds=3, optimizer="sgd", lr=0.5, reference_frames=1, mean_weight=1.0)
    assert any(len(entry.cohort) < 5 for entry in state.transcript.log)
    mean = torch.stack([own["control"].double() for own in state.clients.values()]).sum(0) / 5
    torch.testing.assert_close(state.server["control"], mean, rtol=1e-3, atol=1e-7)


CURVATURE, OPTIMUM = torch.tensor([1.0, 8.0]), torch.tensor([-1.0, 2.0])
"""Of two clients' quadratic losses a (x - b)² / 2."""


def fixed_point(method: FedAvg, rounds: int, steps: int = 10, lr: float = 0.05) -> float:
    """Where full participation ends up on the two quadratics, by the method's own hooks."""
    config = FederationConfig(rate=1.0, local_steps=steps, lr=lr, optimizer="sgd")
    template: Any = SimpleNamespace(dim=1)
    server = ServerState(template, torch.zeros(1), method.server_state(template))
    fresh = method.client_state(template, server.adapter)
    own = {name: torch.stack([t, t]) for name, t in fresh.items()}
    for _ in range(rounds):
        memory = Memory({name: server.tensors[name].float() for name in method.sent_down}, own)
        theta, gradient = local_sgd(method, server.adapter.expand(2, 1), memory, steps, lr)
        devices: Any = SimpleNamespace(received=server.adapter, memory=memory, config=config, clients=(0, 1))
        result: Any = SimpleNamespace(theta=theta, gradient=gradient)
        message, own = method.report(devices, result)
        server = method.server_update(server, message.double().mean(0), config)
    return float(server.adapter)


def local_sgd(method: FedAvg, start: Tensor, memory: Memory, steps: int, lr: float) -> tuple[Tensor, Tensor]:
    theta, total = start.clone(), torch.zeros_like(start)
    for _ in range(steps):
        theta.requires_grad_()
        loss = CURVATURE * (theta[:, 0] - OPTIMUM) ** 2 / 2
        step: Any = SimpleNamespace(theta=theta, server=memory.server, own=memory.own)
        extra = method.extra_loss(step)
        [gradient] = torch.autograd.grad((loss if extra is None else loss + extra).sum(), theta)
        theta, total = theta.detach() - lr * gradient, total + gradient / steps
    return theta, total


def test_it_reaches_the_optimum_of_the_mean_loss_that_fedavg_misses() -> None:
    optimum = float((CURVATURE * OPTIMUM).sum() / CURVATURE.sum())
    assert abs(fixed_point(FedAvg(), 300) - optimum) > 0.3
    assert abs(fixed_point(FedAvg(), 300, steps=1) - optimum) < 1e-4
    assert abs(fixed_point(Scaffold(), 300) - optimum) < 1e-4
    assert abs(fixed_point(Scaffold(Scaffold.Options(control_scale=7.0)), 300) - optimum) < 1e-4


def test_both_parts_of_a_message_are_of_an_adapters_size(template: AdapterBank) -> None:
    """With SGD and no correction the control's change is minus the update."""
    config = FederationConfig(local_steps=4, lr=0.25)
    gradient = torch.randn(2, template.dim, generator=torch.Generator().manual_seed(0))
    method, zero = Scaffold(), torch.zeros(template.dim)
    memory = Memory({"control": zero}, {"control": zero.expand(2, -1)})
    devices: Any = SimpleNamespace(received=zero, memory=memory, config=config)
    result: Any = SimpleNamespace(theta=-gradient, gradient=gradient)
    update, change = method.report(devices, result).message.chunk(2, dim=1)
    torch.testing.assert_close(update, -change)

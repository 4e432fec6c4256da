"""FedAdam: its published steps, and FedAvg where it is not adaptive."""

from __future__ import annotations

import torch
from torch import Tensor

from privtalk.methods.adapters import AdapterBank
from privtalk.methods.config import FederationConfig
from privtalk.methods.federated.fedadam import FedAdam
from privtalk.methods.federation.memory import ServerState


def test_without_memory_and_with_a_large_tau_it_is_fedavg(play) -> None:  # type: ignore[no-untyped-def]
    """Clients descend by SGD, as their Adam would blow up what the two servers round differently."""
    local = {"optimizer": "sgd", "lr": 0.5}
    plain = play("fedavg", server_lr=2.0, **local)
    limit = play("fedadam", {"beta1": 0.0, "tau": 1e6, "lr": 2e6}, **local)
    torch.testing.assert_close(limit.adapters, plain.adapters, rtol=1e-5, atol=1e-7)
    assert (play("fedadam", **local).adapters - plain.adapters).abs().max() > 1e-3


def test_a_step_is_its_definition(template: AdapterBank) -> None:
    method = FedAdam(FedAdam.Options(lr=0.1, beta1=0.5, beta2=0.75, tau=0.01))
    state = ServerState(template, torch.zeros(template.dim), method.server_state(template))
    first = torch.linspace(-1, 1, template.dim, dtype=torch.float64)
    theta, m, v = torch.zeros(template.dim, dtype=torch.float64), torch.zeros(1), torch.zeros(1)
    for update in (first, 3 * first, 0 * first):
        state = method.server_update(state, update, FederationConfig(server_lr=7.0, server_momentum=0.3))
        m, v = m / 2 + update / 2, 0.75 * v + 0.25 * update**2
        theta = theta + 0.1 * m / (v**0.5 + 0.01)
    torch.testing.assert_close(state.adapter, theta.float())


def test_steps_do_not_depend_on_the_scale_of_updates(template: AdapterBank) -> None:
    """With a small τ, as Adam's."""

    def moved(scale: float) -> Tensor:
        method = FedAdam(FedAdam.Options(tau=1e-12))
        state = ServerState(template, torch.zeros(template.dim), method.server_state(template))
        update = scale * torch.ones(template.dim, dtype=torch.float64)
        return method.server_update(state, update, FederationConfig()).adapter

    torch.testing.assert_close(moved(1.0), moved(100.0))

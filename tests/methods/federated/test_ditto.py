"""Ditto: FedAvg's global adapter, and personal ones between local training and the global one."""

from __future__ import annotations

import pytest
import torch

from privtalk.core.streams import Stream
from privtalk.methods.adapters import AdapterBank
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.config import FederationConfig
from privtalk.methods.federated.ditto import Ditto
from privtalk.methods.federation.clients import ClientData
from privtalk.methods.federation.devices import personal_adapters
from tests.methods.alone import trained_alone
from tests.methods.federated.conftest import same_adapter


@pytest.mark.parametrize("weight", [0.0, 0.1, 5.0])
def test_its_global_adapter_is_fedavgs(play, weight: float) -> None:  # type: ignore[no-untyped-def]
    assert same_adapter(play("ditto", {"lambda_personal": weight}), play("fedavg"))


def test_unheld_personal_adapters_are_those_of_local_training(
    play,  # type: ignore[no-untyped-def]
    backbone: Backbone,
    template: AdapterBank,
    clients: tuple[ClientData, ...],
    config: FederationConfig,
    stream: Stream,
) -> None:
    """Bit for bit, where everybody takes part in every round."""
    alone = trained_alone(backbone, template, clients, config, stream)
    free, held = (play("ditto", {"lambda_personal": weight}, rate=1.0) for weight in (0.0, 1.0))
    assert all(torch.equal(free.clients[k]["adapter"], alone[k]) for k in range(5))
    assert not torch.equal(held.clients[0]["adapter"], alone[0])


def test_the_more_they_are_held_the_nearer_they_are(play) -> None:  # type: ignore[no-untyped-def]
    def distance(weight: float) -> float:
        state = play("ditto", {"lambda_personal": weight}, optimizer="sgd", lr=0.1, rounds=6, rate=1.0)
        return sum(float((own["adapter"] - state.adapters[0]).norm()) for own in state.clients.values())

    assert distance(0.0) > distance(2.0) > distance(9.0) > 0


def test_held_at_one_over_the_rate_a_step_starts_at_the_global_adapter(
    play, clients: tuple[ClientData, ...]
) -> None:  # type: ignore[no-untyped-def]
    """One step of SGD with λ · lr = 1: v - lr (∇L(v) + (v - θ) / lr) = θ - lr ∇L(v), and v = θ in the first round."""
    one = {"of": clients[:1], "rate": 1.0, "rounds": 1, "optimizer": "sgd", "lr": 0.5, "local_steps": 1}
    state = play("ditto", {"lambda_personal": 2.0}, **one)
    torch.testing.assert_close(state.clients[0]["adapter"], state.adapters[0])


def test_who_never_took_part_uses_the_global_adapter(play, template: AdapterBank) -> None:  # type: ignore[no-untyped-def]
    state = play("ditto", rounds=1, rate=0.4)
    absent = [k for k in range(5) if k not in state.clients]
    assert absent
    found = personal_adapters(Ditto(), template, state.adapters[0], range(5), state.clients)
    assert found is not None
    for k in range(5):
        assert torch.equal(found[k], state.adapters[0]) == (k in absent)

"""SMP-LoRA: FedAvg without its term; with it, adapters whose errors on what was trained on fool their attacker."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from privtalk.methods.federated import smp_proxy
from privtalk.methods.federated.smp_lora import SMPLoRA
from privtalk.methods.federation.clients import ClientData
from tests.methods.federated.conftest import same_adapter


def test_without_its_term_it_is_fedavg(play) -> None:  # type: ignore[no-untyped-def]
    assert same_adapter(play("smp_lora", {"lambda_mi": 0.0}), play("fedavg"))
    assert not same_adapter(play("smp_lora", {"lambda_mi": 1.0}), play("fedavg"))


def test_nothing_that_is_held_back_is_trained_on(clients: tuple[ClientData, ...]) -> None:
    for client in clients:
        kept, back = smp_proxy.split(client, 0.25, 3)
        assert back is not None
        assert kept.frames + back.frames == client.frames
        whole = torch.cat([kept.features.latents, back.features.latents])
        assert torch.equal(whole, client.features.latents)
        assert SMPLoRA().trains_on(client, SimpleNamespace(window_frames=3)).lengths == kept.lengths  # type: ignore[arg-type]


def test_who_has_too_little_holds_nothing_back(clients: tuple[ClientData, ...]) -> None:
    client = clients[0]  # one clip of 9 frames
    assert smp_proxy.split(client, 0.25, 5) == (client, None)
    assert smp_proxy.split(client, 0.25, 4)[1] is not None


def test_the_attacker_learns_to_tell_smaller_errors() -> None:
    """On errors that differ by a third it ends far below guessing, on equal ones at it."""
    generator = torch.Generator().manual_seed(0)
    errors = torch.rand(2 * 40, 3, 4, 8, 8, generator=generator) + 0.5
    seen = smp_proxy.features(errors, 2)
    start = smp_proxy.initial().expand(2, -1)
    sure = smp_proxy.trained(start, seen - 0.3, seen, 200, 0.01)
    unsure = smp_proxy.trained(start, seen, seen, 200, 0.01)
    assert float(smp_proxy.member_loss(sure, seen - 0.3).max()) < 0.3
    assert smp_proxy.member_loss(unsure, seen).tolist() == pytest.approx([math.log(2)] * 2, abs=0.02)


def test_networks_of_clients_do_not_depend_on_each_other() -> None:
    generator = torch.Generator().manual_seed(1)
    seen, others = (torch.randn(3, 5, smp_proxy.INPUTS, generator=generator) for _ in range(2))
    start = torch.stack([smp_proxy.initial() * (1 + k) for k in range(3)])
    together = smp_proxy.trained(start, seen, others, 5, 0.01)
    for k in range(3):
        alone = smp_proxy.trained(start[k : k + 1], seen[k : k + 1], others[k : k + 1], 5, 0.01)
        torch.testing.assert_close(together[k : k + 1], alone)


def step(errors: torch.Tensor, heard: float) -> Any:
    """A step of one client with given errors."""
    return SimpleNamespace(
        errors=lambda: errors,
        per_client=lambda windows: windows.unflatten(0, (1, -1)).mean(1),
        own={"attacker": smp_proxy.initial()[None], "heard": torch.tensor([[heard]])},
        theta=torch.zeros(1, 3),
    )


def test_the_loss_is_the_ratio() -> None:
    errors = torch.rand(4, 3, 2, 8, 8, generator=torch.Generator().manual_seed(2))
    loss = float(errors.mean())
    wrong = float(smp_proxy.member_loss(smp_proxy.initial()[None], smp_proxy.features(errors, 1)))
    extra = SMPLoRA(SMPLoRA.Options(lambda_mi=2.0)).extra_loss(step(errors, 1.0))
    assert extra is not None
    assert loss + float(extra) == pytest.approx(loss / (1 + 2 * wrong), rel=1e-5)


def test_a_client_that_held_nothing_back_is_trained_as_by_fedavg() -> None:
    errors = torch.rand(4, 3, 2, 8, 8, generator=torch.Generator().manual_seed(2))
    assert SMPLoRA().extra_loss(step(errors, 0.0)).tolist() == [0.0]  # type: ignore[union-attr]


def test_the_attacker_goes_on_from_round_to_round(play) -> None:  # type: ignore[no-untyped-def]
    first, second = (play("smp_lora", rate=1.0, rounds=rounds).clients[0]["attacker"] for rounds in (1, 2))
    assert not torch.equal(first, smp_proxy.initial())
    assert not torch.equal(first, second)

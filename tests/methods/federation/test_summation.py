"""Rounds through the grid and through secure aggregation, against the plain sum."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from privtalk.methods.adapters import AdapterBank
from privtalk.methods.config import FederationConfig
from privtalk.methods.federation.clients import ClientData
from privtalk.methods.federation.rounds import Federation, federate, play_round
from privtalk.methods.federation.state import TrainingState
from privtalk.methods.federation.summation import MINIMUM, summation
from privtalk.methods.federation.transcript import Keep
from privtalk.methods.privacy.mechanisms.discrete import DiscreteMechanism
from privtalk.methods.privacy.mechanisms.noise import NO_PRIVACY, GaussianMechanism
from privtalk.methods.privacy.secure_aggregation import Server, secure_sum
from privtalk.methods.registry import build

CLIP = 0.4


@pytest.fixture
def federation(
    backbone, template: AdapterBank, clients: tuple[ClientData, ...], config, stream
) -> Federation:
    config = config.model_copy(update={"rate": 1.0, "local_steps": 1})
    return Federation(
        backbone=backbone,
        template=template,
        clients=clients,
        config=config,
        method=build("fedavg"),
        stream=stream,
        keep=Keep(messages=True),
    )


def played(federation: Federation, mechanism, secure: bool) -> tuple[TrainingState, float | None]:
    """One round, and the grid's step."""
    config = federation.config.model_copy(update={"secure_aggregation": secure})
    sums = summation(config, mechanism, len(federation.clients), federation.template.dim)
    run = replace(federation, config=config, mechanism=mechanism, aggregate=sums.aggregate)
    return play_round(run, TrainingState.start(run.template)), sums.step


@pytest.mark.parametrize(
    "mechanism", [NO_PRIVACY, GaussianMechanism(clip=CLIP, noise_multiplier=0.7)], ids=["none", "central"]
)
def test_secure_aggregation_moves_a_round_by_its_quantisation_alone(federation: Federation, mechanism):
    (plain, no_step), (secure, step) = (played(federation, mechanism, on) for on in (False, True))
    assert no_step is None
    assert step is not None
    apart = (plain.adapters.double() - secure.adapters.double()).abs().max()
    rounding = plain.adapters.abs().max() * 2.0**-23
    assert 0 < apart <= len(federation.clients) * step / 2 / federation.denominator + rounding


@pytest.mark.parametrize("noise", [0.0, 0.8])
def test_distributed_noise_is_the_same_behind_secure_aggregation_bit_for_bit(federation: Federation, noise):
    mechanism = DiscreteMechanism(clip=CLIP, noise_multiplier=noise)
    (plain, step), (secure, same_step) = (played(federation, mechanism, on) for on in (False, True))
    assert step == same_step == mechanism.step
    assert torch.equal(plain.adapters, secure.adapters)


def test_shares_add_up_to_the_noise_that_is_accounted(federation: Federation):
    """The noise of the sum is zC whatever the cohort's size; a message alone carries 1/√K of it."""
    deviation = 0.8 * CLIP
    noisy, _ = played(federation, DiscreteMechanism(clip=CLIP, noise_multiplier=0.8), secure=False)
    clean, _ = played(federation, DiscreteMechanism(clip=CLIP, noise_multiplier=0.0), secure=False)
    apart = (noisy.adapters - clean.adapters).double()[0] * federation.denominator
    assert float(apart.std()) == pytest.approx(deviation, rel=0.1)
    alone = (noisy.transcript.messages[0] - clean.transcript.messages[0]).double()
    assert float(alone.std()) == pytest.approx(deviation / len(federation.clients) ** 0.5, rel=0.1)


def test_messages_are_multiples_of_the_step_within_the_clip(federation: Federation):
    mechanism = DiscreteMechanism(clip=CLIP, noise_multiplier=0.0)
    state, step = played(federation, mechanism, secure=False)
    sent = state.transcript.messages[0]
    whole = sent / step
    torch.testing.assert_close(whole, whole.round(), atol=1e-6, rtol=0)
    assert float(sent.norm(dim=1).max()) <= CLIP * (1 + 1e-3)


def test_a_round_too_small_to_hide_anybody_is_dropped(federation: Federation):
    run = replace(federation, clients=federation.clients[:1])
    assert len(run.clients) < MINIMUM
    for mechanism in (NO_PRIVACY, DiscreteMechanism(clip=CLIP, noise_multiplier=0.8)):
        state, _ = played(run, mechanism, secure=True)
        assert torch.equal(state.adapters, TrainingState.start(run.template).adapters)


@pytest.mark.parametrize(
    "mechanism", [NO_PRIVACY, DiscreteMechanism(clip=CLIP, noise_multiplier=0.8)], ids=["none", "distributed"]
)
def test_every_secure_sum_has_the_number_of_its_round(
    federation: Federation, mechanism, monkeypatch: pytest.MonkeyPatch
):
    """Keys, masks and envelopes are bound to it: what was said in one round does not fit into another."""
    rounds: list[int] = []

    class Numbered(Server):
        def __init__(self, round_: int, *rest, **more) -> None:
            rounds.append(round_)
            super().__init__(round_, *rest, **more)

    config = federation.config.model_copy(update={"secure_aggregation": True, "rounds": 3})
    sums = summation(config, mechanism, len(federation.clients), federation.template.dim)
    run = replace(federation, config=config, mechanism=mechanism, aggregate=sums.aggregate)
    monkeypatch.setattr(secure_sum, "Server", Numbered)
    *_, last = federate(run)
    assert rounds == [0, 1, 2]
    monkeypatch.setattr(secure_sum, "Server", Server)
    fixed = replace(run, aggregate=lambda messages, dim: sums.aggregate(messages, dim))
    assert torch.equal(list(federate(fixed))[-1].adapters, last.adapters)


def test_discrete_noise_needs_the_public_normalisation(federation: Federation):
    config = federation.config.model_copy(update={"normalisation": "appended"})
    with pytest.raises(ValueError, match="normalisation 'appended' works with fresh central noise alone"):
        replace(federation, config=config, mechanism=DiscreteMechanism(clip=1.0, noise_multiplier=1.0))


def test_the_grid_has_room_for_every_client_at_once():
    config = FederationConfig(secure_aggregation=True)
    for mechanism in (
        DiscreteMechanism(clip=0.2, noise_multiplier=1.5),
        GaussianMechanism(clip=0.2, noise_multiplier=1.5),
    ):
        sums = summation(config, mechanism, 1000, 5000)
        assert sums.bits is not None
        assert sums.step is not None
        assert 2 ** (sums.bits - 1) * sums.step >= 1000 * 0.2

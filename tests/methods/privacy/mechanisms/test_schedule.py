"""Adaptive clipping and correlated noise inside the round loop."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from privtalk.methods.config import FederationConfig
from privtalk.methods.federation.clients import ClientData
from privtalk.methods.federation.cohorts import choose_cohort
from privtalk.methods.federation.rounds import Federation, federate, play_round
from privtalk.methods.federation.state import TrainingState
from privtalk.methods.privacy.accounting.ledger import Budget, Ledger, Round
from privtalk.methods.privacy.mechanisms.adaptive_clipping import AdaptiveClipping
from privtalk.methods.privacy.mechanisms.matrix_factorisation import BandedMatrixFactorisation
from privtalk.methods.privacy.mechanisms.noise import GaussianMechanism
from privtalk.methods.registry import build


@pytest.fixture
def federation(backbone, template, clients: tuple[ClientData, ...], config, stream) -> Federation:
    return Federation(
        backbone=backbone,
        template=template,
        clients=clients,
        config=config,
        method=build("fedavg"),
        stream=stream,
    )


def last(federation: Federation) -> TrainingState:
    return list(federate(federation))[-1]


def adaptive(**changes) -> AdaptiveClipping:
    settings = {"noise_multiplier": 0.5, "expected_cohort": 3.0, "initial_clip": 0.3} | changes
    return AdaptiveClipping(**settings)


def test_the_clip_follows_the_norms(federation: Federation):
    """Far too high it falls, far too low it rises, by at most a factor of exp(η) a round without noise."""
    run = replace(federation, config=federation.config.model_copy(update={"rate": 1.0}))
    for start, rises in ((1e3, False), (1e-3, True)):
        quiet = adaptive(noise_multiplier=0.0, initial_clip=start, expected_cohort=5.0)
        clips = [
            *last(replace(run, mechanism=quiet)).curves["clip"],
            last(replace(run, mechanism=quiet)).clip,
        ]
        steps = [after / before for before, after in pairwise(clips)]
        assert all(step == pytest.approx(2.718281828**0.1 if rises else 2.718281828**-0.1) for step in steps)


def test_a_rate_of_zero_is_fixed_clipping_with_the_bits_price(federation: Federation):
    schedule = adaptive(rate=0.0)
    fixed = schedule.mechanism(schedule.start())
    assert fixed.noise_multiplier > schedule.noise_multiplier
    one, other = (last(replace(federation, mechanism=m)) for m in (schedule, fixed))
    assert torch.equal(one.adapters, other.adapters)


def test_an_interrupted_run_with_adaptive_clipping_goes_on_bit_for_bit(federation: Federation, tmp_path):
    run = replace(federation, mechanism=adaptive())
    whole = last(run)
    half = play_round(run, TrainingState.start(run.template))
    half.save(tmp_path / "s.safetensors")
    resumed = list(federate(run, TrainingState.load(tmp_path / "s.safetensors")))[-1]
    assert resumed.clip == whole.clip
    assert torch.equal(resumed.adapters, whole.adapters)
    assert resumed.curves == whole.curves


def turns(federation: Federation, rounds: int = 6) -> Federation:
    config = federation.config.model_copy(update={"rate": 0.4, "sampling": "cyclic", "rounds": rounds})
    return replace(federation, config=config)


def test_taking_turns_keeps_the_separation_and_leaves_nobody_out(federation: Federation):
    run = turns(federation)
    assert run.config.separation == 2
    cohorts = [[c.index for c in choose_cohort(run.clients, run.config, run.stream, r)] for r in range(6)]
    assert cohorts[:2] == [[0, 2, 4], [1, 3]]
    assert cohorts[2:] == cohorts[:2] * 2


def test_correlated_noise_cancels_over_rounds(federation: Federation):
    """Limit: without clients' updates the adapter is the noise's prefix sum, whose error is what rmse says."""
    run = turns(federation)
    noise = BandedMatrixFactorisation(clip=1.0, noise_multiplier=1.0, rounds=6, separation=2)
    still = run.config.model_copy(update={"lr": 1e-12})
    states = list(federate(replace(run, config=still, mechanism=noise)))
    start = TrainingState.start(run.template).adapters[0].double()
    errors = [float(((s.adapters[0].double() - start) * run.denominator).square().mean()) for s in states]
    assert (sum(errors) / 6) ** 0.5 == pytest.approx(noise.rmse(), rel=0.1)
    fresh = sum(noise.deviation**2 * (t + 1) for t in range(6)) / 6
    assert sum(errors) / 6 < 0.8 * fresh


@pytest.mark.parametrize(
    ("sampling", "mechanism"),
    [
        ("cyclic", GaussianMechanism(clip=1.0, noise_multiplier=1.0)),
        ("poisson", BandedMatrixFactorisation(clip=1.0, noise_multiplier=1.0, rounds=3, separation=2)),
    ],
)
def test_noise_without_an_account_is_refused(federation: Federation, sampling, mechanism):
    config = FederationConfig(rounds=3, rate=0.5, sampling=sampling)
    with pytest.raises(ValueError, match="sampling=cyclic and with nothing else"):
        replace(federation, config=config, mechanism=mechanism)


def test_a_budget_ends_training_cleanly(federation: Federation):
    """Before the round that would exceed it; resumed, nothing more is played."""
    noise = GaussianMechanism(clip=0.3, noise_multiplier=1.0)
    entry = Round(releases=(noise.release(),), rate=0.6)
    two = Ledger((replace(entry, count=2),)).epsilon(1e-3)
    budget = Budget(entry=entry, epsilon=two * 1.01, delta=1e-3)
    run = replace(federation, mechanism=noise, budget=budget)
    states = list(federate(run))
    assert [state.round for state in states] == [1, 2]
    assert run.config.rounds == 3
    assert list(federate(run, states[-1])) == []
    whole = list(federate(replace(run, budget=None)))
    assert torch.equal(whole[1].adapters, states[1].adapters)

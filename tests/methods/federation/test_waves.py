"""Waves change nothing but how much is held at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import get_args

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from privtalk.methods.config import FederationConfig, Normalisation
from privtalk.methods.federation import waves
from privtalk.methods.federation.aggregate import Aggregation, RoundSum, aggregate
from privtalk.methods.federation.residual import AveragingLoss, aggregation_residual
from privtalk.methods.federation.rounds import Federation, federate
from privtalk.methods.federation.state import TrainingState
from privtalk.methods.federation.summation import Unsent, summation
from privtalk.methods.federation.transcript import Keep
from privtalk.methods.messages import Collected, Message, begin, plain_sum
from privtalk.methods.privacy.mechanisms.adaptive_clipping import AdaptiveClipping
from privtalk.methods.privacy.mechanisms.discrete import DiscreteMechanism
from privtalk.methods.privacy.mechanisms.mechanism import RunMechanism
from privtalk.methods.privacy.mechanisms.noise import GaussianMechanism
from privtalk.methods.registry import METHODS, build
from tests.methods.federation.test_rounds import federation as federation

MECHANISMS: dict[str, RunMechanism] = {
    "central": GaussianMechanism(clip=0.3, noise_multiplier=1.0),
    "shares": DiscreteMechanism(clip=0.3, noise_multiplier=1.0),
    "adaptive": AdaptiveClipping(noise_multiplier=1.0, expected_cohort=3.0, initial_clip=0.3),
}


def trained(federation: Federation, method: str, mechanism: RunMechanism, secure: bool) -> TrainingState:
    """All clients in three rounds, in stacks of one client."""
    windows = federation.config.windows
    changes = {"rate": 1.0, "rounds": 3, "chunk": windows, "secure_aggregation": secure}
    if (
        method in ROUNDING
    ):  # whose last bits Adam would make large: its first steps have one size for any gradient
        changes |= {"optimizer": "sgd"}
    config = federation.config.model_copy(update=changes)
    built = build(method)
    length = built.message_length(federation.template)
    how = summation(config, mechanism, len(federation.clients), length)
    run = replace(federation, method=built, config=config, mechanism=mechanism, aggregate=how.aggregate)
    return list(federate(run))[-1]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_waves_of_any_size_give_the_same_bits(
    federation: Federation, monkeypatch: pytest.MonkeyPatch, method: str, mechanism: str
) -> None:
    """Adapters, messages, what devices keep, clip and curves; but for rounding where a method has passes of its own."""
    found = []
    secure = mechanism == "shares"
    for stacks in (1, 2, len(federation.clients)):
        monkeypatch.setattr(waves, "STACKS", stacks)
        found.append(trained(federation, method, MECHANISMS[mechanism], secure))
    for other in found[:-1]:
        assert differences(other, found[-1], ROUNDING.get(method, 0.0)) == []


ROUNDING = {"smp_lora": 1e-4}
"""Relative differences by what a method computes for a wave in passes of another width than a stack's."""


def differences(one: TrainingState, other: TrainingState, rounding: float) -> list[str]:
    """The names of what differs by more than `rounding`; the residual, a sum in float64, may by 1e-9 at least."""
    found = [
        name
        for name, a, b in (
            ("adapters", [one.adapters], [other.adapters]),
            ("server", [*one.server.values()], [*other.server.values()]),
            ("messages", [*one.transcript.messages.values()], [*other.transcript.messages.values()]),
            ("own", kept(one), kept(other)),
        )
        if len(a) != len(b)
        or not all(
            float((x.double() - y.double()).norm()) <= rounding * float(y.double().norm())
            for x, y in zip(a, b, strict=True)
        )
    ]
    found += (
        []
        if one.round == other.round and (one.clip or 0.0) == pytest.approx(other.clip or 0.0, rel=rounding)
        else ["clip"]
    )
    cohorts = [[log.cohort for log in state.transcript.log] for state in (one, other)]
    found += [] if cohorts[0] == cohorts[1] and one.clients.keys() == other.clients.keys() else ["cohorts"]
    for name, values in one.curves.items():
        allowed = max(rounding, 1e-9 if name == "residual" else 0.0)
        if values != pytest.approx(other.curves[name], rel=allowed, abs=0):
            found.append(name)
    return found


def kept(state: TrainingState) -> list[Tensor]:
    return [tensor for own in state.clients.values() for tensor in own.values()]


def test_no_more_than_a_wave_is_trained_at_once(
    federation: Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waves, "STACKS", 2)
    seen: list[int] = []
    work = waves.work

    def watched(method, devices):  # type: ignore[no-untyped-def]
        seen.append(len(devices.clients))
        return work(method, devices)

    monkeypatch.setattr(waves, "work", watched)
    trained(federation, "fedavg", GaussianMechanism(), False)
    assert seen == [2, 2, 1] * 3


def test_nobody_is_a_wave_of_nobody() -> None:
    assert [*waves.waves(0, FederationConfig())] == [slice(0, 0)]


@pytest.mark.parametrize("normalisation", get_args(Normalisation))
@given(st.integers(0, 9), st.lists(st.integers(1, 4), max_size=5), st.booleans())
def test_a_sum_in_parts_is_the_sum(
    normalisation: Normalisation, seed: int, sizes: list[int], grid: bool
) -> None:
    generator = torch.Generator().manual_seed(seed)
    count = sum(sizes)
    updates = torch.randn(count, 7, generator=generator)
    weights = torch.rand(count, generator=generator, dtype=torch.float64).clamp(min=0.1)
    run = MECHANISMS["shares" if grid and normalisation == "public" else "central"]
    config = FederationConfig(secure_aggregation=False, normalisation=normalisation)
    how = Aggregation(3.0, normalisation, sum_messages=summation(config, run, 50, 7).aggregate)
    numbers = [3 * k + 1 for k in range(count)]

    def stream(*names: str | int) -> torch.Generator:
        return torch.Generator().manual_seed(abs(hash(names)) % 2**31)

    used = run.in_round(0, None, stream)
    whole = aggregate(updates, weights, numbers, used, how, stream, 0)
    running = RoundSum(numbers, 7, used, how, stream, 0)
    messages: list[Message] = []
    first = 0
    for size in sizes:
        part = slice(first, first + size)
        messages += running.add(updates[part], weights[part], numbers[part])
        first += size
    total, mean = running.finish()
    assert torch.equal(total, whole.total)
    assert torch.equal(mean, whole.mean)
    assert [m.client for m in messages] == numbers
    assert all(torch.equal(a.vector, b.vector) for a, b in zip(messages, whole.messages, strict=True))


def test_an_aggregate_of_another_kind_is_given_all_messages_at_the_end() -> None:
    given_: list[int] = []

    def mine(messages: Sequence[Message], dim: int) -> Tensor:
        given_.append(len(messages))
        return plain_sum(messages, dim)

    running = begin(mine, [0, 1], 2)
    assert isinstance(running, Collected)
    running.add([Message(0, torch.ones(2))])
    running.add([Message(1, torch.ones(2))])
    assert running.total().tolist() == [2.0, 2.0]
    assert given_ == [2]


def test_a_secure_sum_of_too_few_is_that_of_nobody() -> None:
    how = summation(FederationConfig(secure_aggregation=True), GaussianMechanism(clip=1.0), 5, 3)
    running = begin(how.aggregate, [4], 3)
    assert isinstance(running, Unsent)
    running.add([Message(4, torch.ones(3))])
    assert running.total().tolist() == [0.0, 0.0, 0.0]


def test_a_loss_by_averaging_in_parts_is_that_of_all(federation: Federation) -> None:
    template = federation.template
    theta = torch.randn(6, template.dim, generator=torch.Generator().manual_seed(1))
    loss = AveragingLoss(template)
    for part in (theta[:1], theta[1:1], theta[1:4], theta[4:]):
        loss.add(part)
    found, expected = loss.value(), aggregation_residual(template, theta)
    assert found is not None
    assert expected is not None
    assert math.isclose(found, expected, rel_tol=1e-12)
    assert 0.1 < expected < 2


def test_only_what_is_kept_is_held(federation: Federation) -> None:
    """Without messages in the transcript none is handed on."""
    state = TrainingState.start(federation.template)
    for keep in (Keep(), Keep(messages=True)):
        run = replace(federation, keep=keep)
        cohort = run.clients
        mechanism = run.mechanism.in_round(0, None, run.stream)
        found = waves.play_cohort(run, state, cohort, mechanism)
        assert len(found.messages) == (len(cohort) if keep.messages else 0)

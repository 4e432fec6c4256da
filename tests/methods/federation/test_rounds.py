from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch

from privtalk.core.seeds import torch_stream
from privtalk.core.streams import Stream
from privtalk.methods.adapters import AdapterBank
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.config import FederationConfig
from privtalk.methods.federation.clients import ClientData, draw
from privtalk.methods.federation.cohorts import sample_cohort
from privtalk.methods.federation.local import forward, train_stacked
from privtalk.methods.federation.public import PublicConstants, client_weights
from privtalk.methods.federation.rounds import (
    Federation,
    federate,
    play_round,
)
from privtalk.methods.federation.state import TrainingState
from privtalk.methods.federation.transcript import Keep
from privtalk.methods.messages import Message, plain_sum
from privtalk.methods.privacy.mechanisms.noise import GaussianMechanism
from privtalk.methods.registry import build


@pytest.fixture
def federation(
    backbone: Backbone,
    template: AdapterBank,
    clients: tuple[ClientData, ...],
    config: FederationConfig,
    stream: Stream,
) -> Federation:
    return Federation(
        backbone=backbone,
        template=template,
        clients=clients,
        config=config,
        method=build("fedavg"),
        stream=stream,
        keep=Keep(messages=True, adapters=True),
    )


def test_cohorts_are_poisson_samples(clients: tuple[ClientData, ...], stream: Stream) -> None:
    cohorts = [[c.index for c in sample_cohort(clients, 0.3, stream, r)] for r in range(2000)]
    shares = torch.zeros(5)
    for cohort in cohorts:
        assert cohort == sorted(set(cohort))
        shares[cohort] += 1 / 2000
    assert (shares - 0.3).abs().max() < 0.05
    empty = sum(not cohort for cohort in cohorts) / 2000
    assert empty == pytest.approx(0.7**5, abs=0.04)  # independent draws
    assert sample_cohort(clients, 1.0, stream, 0) == list(clients)


def test_a_round_is_its_definition(federation: Federation) -> None:
    """The update spelled out for two methods, client by client."""
    clip = 0.3
    for method in (
        build("fedavg"),
        build("privfedtalk", {"gamma": 2.0, "lambda_tdc": 0.1, "expected_score": 0.5}),
    ):
        run = replace(federation, method=method, mechanism=GaussianMechanism(clip=clip))
        start = TrainingState.start(run.template)
        after = play_round(run, start)
        cohort = sample_cohort(run.clients, run.config.rate, run.stream, 0)
        assert len(cohort) > 1
        result = train_stacked(
            run.backbone,
            run.template,
            start.adapters.repeat(len(cohort), 1),
            cohort,
            run.config,
            method,
            run.stream,
            0,
        )
        largest = max(c.frames for c in run.clients)
        total = torch.zeros(run.template.dim, dtype=torch.float64)
        for client, theta, trust in zip(cohort, result.theta, result.reliability, strict=True):
            update = (theta - start.adapters[0]).double()
            total += client.frames / largest * trust * update * min(1.0, clip / float(update.norm()))
        mean_weight = sum(c.frames for c in run.clients) / largest / 5
        scale = (
            0.6
            * 5
            * mean_weight
            * (1.0 if method.name == "fedavg" else float(torch.exp(torch.tensor(2.0 * -0.5))))
        )
        torch.testing.assert_close(
            after.adapters[0].double(), start.adapters[0] + total / scale, rtol=1e-5, atol=1e-7
        )


def test_methods_see_the_same_draws(federation: Federation) -> None:
    """Cohorts are those of the seed, whatever the method; another seed has others."""
    runs = [replace(federation, method=build(name)) for name in ("fedavg", "fedprox", "privfedtalk")]
    logs = [[log.cohort for log in list(federate(run))[-1].transcript.log] for run in runs]
    assert logs[0] == logs[1] == logs[2]
    other = list(federate(replace(federation, stream=partial(torch_stream, 8))))[-1]
    assert [log.cohort for log in other.transcript.log] != logs[0]


def test_an_empty_round_adds_noise_and_nothing_else(federation: Federation) -> None:
    config = federation.config.model_copy(update={"rate": 1e-9, "rounds": 1})
    (quiet,) = federate(replace(federation, config=config))
    assert torch.equal(quiet.adapters, TrainingState.start(federation.template).adapters)
    assert quiet.curves["loss"] == (None,)
    assert quiet.transcript.communication == {"up": 0, "down": 0}
    mechanism = GaussianMechanism(clip=1e-9, noise_multiplier=2.0)
    (noisy,) = federate(replace(federation, config=config, mechanism=mechanism))
    moved = (noisy.adapters - quiet.adapters)[0].double()
    mean_weight = federation.public.mean_weight
    assert float(moved.std()) == pytest.approx(2e-9 / (1e-9 * 5 * mean_weight), rel=0.1)


def test_noise_is_of_the_stated_size_and_independent_of_the_method(federation: Federation) -> None:
    mechanism = GaussianMechanism(clip=0.5, noise_multiplier=3.0)
    moved = []
    for name in ("fedavg", "fedprox"):
        run = replace(federation, method=build(name))
        plain = next(federate(replace(run, mechanism=GaussianMechanism(clip=0.5))))
        noisy = next(federate(replace(run, mechanism=mechanism)))
        moved.append((noisy.server["momentum"] - plain.server["momentum"]) * run.denominator)
    assert float(moved[0].std()) == pytest.approx(1.5, rel=0.1)
    torch.testing.assert_close(moved[0], moved[1])


def test_messages_are_bounded_by_the_clip(federation: Federation) -> None:
    run = replace(federation, method=build("privfedtalk"), mechanism=GaussianMechanism(clip=0.2))
    state = list(federate(run))[-1]
    for sent, log in zip(state.transcript.messages.values(), state.transcript.log, strict=True):
        assert len(sent) == len(log.cohort)
        assert (sent.double().norm(dim=1) <= 0.2 * torch.tensor(log.weights)).all()
        assert all(0 < w <= 1 for w in log.weights)
    assert max(max(log.norms, default=0.0) for log in state.transcript.log) > 0.2


def test_transcript(federation: Federation) -> None:
    states = list(federate(federation))
    said = states[-1].transcript
    assert [log.round for log in said.log] == [0, 1, 2]
    taken = sum(len(log.cohort) for log in said.log)
    assert said.communication == {
        "up": 4 * taken * federation.template.dim,
        "down": 4 * taken * federation.template.dim,
    }
    assert torch.equal(said.adapters[1], states[0].adapters[0])
    assert states[-1].curves["cohort"] == tuple(float(len(log.cohort)) for log in said.log)
    assert not list(federate(replace(federation, keep=Keep())))[-1].transcript.messages


def averaging(federation: Federation, share: float) -> list[TrainingState]:
    config = federation.config.model_copy(update={"rounds": 5, "averaged_share": share})
    return list(federate(replace(federation, config=config)))


def test_what_is_released_is_the_mean_over_the_last_rounds(federation: Federation) -> None:
    plain, states = averaging(federation, 0.0), averaging(federation, 0.6)
    for one, other in zip(plain, states, strict=True):
        assert torch.equal(one.adapters, other.adapters)
        assert torch.equal(one.released, one.adapters)
    assert [state.averaged for state in states] == [0, 0, 1, 2, 3]
    mean = torch.stack([state.adapters for state in plain[2:]]).mean(0)
    torch.testing.assert_close(states[-1].released, mean)
    assert not torch.equal(states[-1].released, states[-1].adapters)
    bank = states[-1].bank(federation.template)
    assert torch.equal(bank.flatten(), states[-1].released)


def test_the_released_mean_has_moved_by_a_part_of_every_round(federation: Federation) -> None:
    """released = start + Σ_r part_r · (move in round r), as an attacker who sent messages reckons."""
    states = averaging(federation, 0.6)
    before = [federation.template.flatten(), *(state.adapters for state in states)]
    parts = [states[-1].part_of(r) for r in range(5)]
    assert parts == pytest.approx([1, 1, 1, 2 / 3, 1 / 3])
    moved = sum(part * (before[r + 1] - before[r]) for r, part in enumerate(parts))
    torch.testing.assert_close(states[-1].released, before[0] + moved)
    assert averaging(federation, 0.0)[-1].part_of(4) == 1


def test_training_lowers_the_clients_loss(federation: Federation) -> None:
    """On draws that training did not see, paired."""
    config = federation.config.model_copy(update={"rounds": 8, "rate": 1.0, "lr": 0.05})
    run = replace(federation, config=config)
    drawn = draw(run.clients, config.model_copy(update={"windows": 20}), 1000, run.stream, 99, 0)
    state = list(federate(run))[-1]
    losses = []
    for adapters in (TrainingState.start(run.template).adapters, state.adapters):
        theta = adapters.expand(5, -1)
        losses.append(forward(run.backbone, run.template, theta, theta, drawn)[1].mean())
    assert losses[1] < 0.97 * losses[0]


def test_sum_does_not_depend_on_the_order_of_arrival() -> None:
    vectors = torch.randn(6, 9, generator=torch.Generator().manual_seed(0))
    messages = [Message(k, vector) for k, vector in enumerate(vectors)]
    assert torch.equal(plain_sum(messages, 9), plain_sum(messages[::-1], 9))
    assert torch.equal(plain_sum([], 9), torch.zeros(9, dtype=torch.float64))


def test_aggregation_is_a_seam(federation: Federation) -> None:
    """Whatever sums the messages sees messages only; the server sees the sum only."""
    seen: list[int] = []

    def secure(messages: object, dim: int) -> torch.Tensor:
        seen.append(dim)
        return torch.zeros(dim, dtype=torch.float64)

    state = list(federate(replace(federation, aggregate=secure)))[-1]
    assert seen == [federation.template.dim] * 3
    assert torch.equal(state.adapters, TrainingState.start(federation.template).adapters)


def test_weights_and_public_constants(clients: tuple[ClientData, ...]) -> None:
    open_ = PublicConstants.of(clients, FederationConfig())
    weights = client_weights(clients, open_)
    assert float(weights.max()) == 1
    assert open_.mean_weight == pytest.approx(float(weights.mean()))
    declared = PublicConstants.of(clients, FederationConfig(reference_frames=10, mean_weight=0.9))
    assert declared == (5, 10, 0.9)
    assert client_weights(clients, declared).tolist() == [min(c.frames / 10, 1.0) for c in clients]


def test_unsorted_clients_are_refused(federation: Federation) -> None:
    with pytest.raises(ValueError, match="ascending order"):
        replace(federation, clients=federation.clients[::-1])


def test_a_foreign_state_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(ValueError, match="not a training state"):
        TrainingState.load(path)

"""The design's rule 2: limits are identities, bit for bit."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from privtalk.core.streams import Stream
from privtalk.methods.adapters import AdapterBank
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.config import FederationConfig
from privtalk.methods.federation.clients import ClientData, pooled
from privtalk.methods.federation.rounds import Federation, federate
from privtalk.methods.federation.state import TrainingState
from privtalk.methods.federation.transcript import Keep
from privtalk.methods.privacy.mechanisms.noise import GaussianMechanism
from privtalk.methods.references import centralised
from privtalk.methods.registry import build

NEUTRAL = {"lambda_tdc": 0.0, "gamma": 0.0}


@pytest.fixture
def fedavg(
    backbone: Backbone,
    template: AdapterBank,
    clients: tuple[ClientData, ...],
    config: FederationConfig,
    stream: Stream,
) -> Federation:
    config = config.model_copy(update={"rounds": 2})
    return Federation(
        backbone=backbone,
        template=template,
        clients=clients,
        config=config,
        method=build("fedavg"),
        stream=stream,
    )


def last(federation: Federation, state: TrainingState | None = None) -> TrainingState:
    return list(federate(federation, state))[-1]


def same(a: TrainingState, b: TrainingState) -> bool:
    """All that training goes on from, bit for bit."""
    kept = a.server.keys() == b.server.keys() and a.clients.keys() == b.clients.keys()
    return (
        kept
        and a.round == b.round
        and torch.equal(a.adapters, b.adapters)
        and all(torch.equal(a.server[name], b.server[name]) for name in a.server)
        and all(torch.equal(t, b.clients[k][n]) for k, own in a.clients.items() for n, t in own.items())
    )


def test_fedprox_without_its_term_is_fedavg(fedavg: Federation) -> None:
    assert same(last(replace(fedavg, method=build("fedprox", {"mu": 0.0}))), last(fedavg))


def test_fedprox_with_its_term_is_not(fedavg: Federation) -> None:
    assert not same(last(replace(fedavg, method=build("fedprox", {"mu": 5.0}))), last(fedavg))


def test_privfedtalk_without_tdc_and_isfa_is_fedavg(fedavg: Federation) -> None:
    assert same(last(replace(fedavg, method=build("privfedtalk", NEUTRAL))), last(fedavg))


@pytest.mark.parametrize("options", [{"lambda_tdc": 0.05}, {"gamma": 0.5}])
def test_either_part_of_privfedtalk_matters(fedavg: Federation, options: dict[str, float]) -> None:
    method = build("privfedtalk", NEUTRAL | options)
    assert not same(last(replace(fedavg, method=method)), last(fedavg))


def test_one_client_with_all_data_is_centralised(fedavg: Federation) -> None:
    everyone = pooled(fedavg.clients)
    config = fedavg.config.model_copy(update={"rate": 1.0, "windows": 3})
    one = last(replace(fedavg, clients=(everyone,), config=config))
    pool = list(centralised(fedavg.backbone, fedavg.template, [everyone], config, fedavg.stream))[-1]
    assert same(one, pool)


@pytest.mark.parametrize("server", [{"server_lr": 0.5}, {"server_momentum": 0.9}])
def test_the_pooled_row_has_no_server(fedavg: Federation, server: dict[str, float]) -> None:
    config = fedavg.config.model_copy(update=server)
    with_server, without = (
        list(centralised(fedavg.backbone, fedavg.template, fedavg.clients, c, fedavg.stream))[-1]
        for c in (config, fedavg.config)
    )
    assert same(with_server, without)
    assert not same(last(replace(fedavg, config=config)), last(fedavg))


@pytest.mark.parametrize("method", ["fedavg", "privfedtalk"])
def test_infinite_clip_without_noise_is_no_privacy(fedavg: Federation, method: str) -> None:
    """Also a finite clip that no update reaches."""
    plain = replace(fedavg, method=build(method))
    for clip in (math.inf, 1e9):
        assert same(
            last(replace(plain, mechanism=GaussianMechanism(clip=clip, noise_multiplier=0.0))), last(plain)
        )
    assert not same(last(replace(plain, mechanism=GaussianMechanism(clip=1e-3))), last(plain))


@pytest.mark.parametrize("method", ["fedavg", "fedprox", "privfedtalk"])
def test_a_resumed_run_is_the_uninterrupted_one(fedavg: Federation, tmp_path: Path, method: str) -> None:
    config = fedavg.config.model_copy(update={"server_momentum": 0.5})
    mechanism = GaussianMechanism(clip=0.1, noise_multiplier=0.5)
    run = replace(
        fedavg,
        config=config,
        mechanism=mechanism,
        method=build(method),
        keep=Keep(messages=True, adapters=True),
    )
    whole = last(run)
    next(federate(run)).save(tmp_path / "state.safetensors")
    resumed = last(run, TrainingState.load(tmp_path / "state.safetensors"))
    assert same(resumed, whole)
    assert resumed.curves == whole.curves
    assert resumed.transcript.log == whole.transcript.log
    for kept, expected in (
        (resumed.transcript.messages, whole.transcript.messages),
        (resumed.transcript.adapters, whole.transcript.adapters),
    ):
        assert list(kept) == list(expected) == [0, 1]
        assert all(torch.equal(kept[r], expected[r]) for r in kept)


def test_a_repeated_run_is_the_same(fedavg: Federation) -> None:
    assert same(last(fedavg), last(fedavg))

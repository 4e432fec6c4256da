"""The protocol: exact sums under any drop-out, and a federation that uses it in place of the plain sum."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import partial
from random import Random

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from privtalk.core.streams import Stream
from privtalk.methods.adapters import AdapterBank
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.config import FederationConfig
from privtalk.methods.federation.clients import ClientData
from privtalk.methods.federation.rounds import Federation, federate, play_round
from privtalk.methods.federation.state import TrainingState
from privtalk.methods.messages import Message, plain_sum
from privtalk.methods.privacy.mechanisms.noise import GaussianMechanism
from privtalk.methods.privacy.secure_aggregation import (
    IntegerGrid,
    OutOfRangeError,
    SecureSum,
    TooFewClientsError,
    Topology,
)
from privtalk.methods.privacy.secure_aggregation.secure_sum import SecureRound, ServerTranscript
from privtalk.methods.registry import build
from tests.methods.privacy.played_rounds import constant, random_messages, streamed

# Sums


@settings(max_examples=120, deadline=None)
@given(data=st.data(), seed=st.integers(0, 2**31), bits=st.sampled_from([12, 32, 40, 53]))
def test_any_dropout_that_leaves_a_threshold_gives_the_exact_sum(
    data: st.DataObject, seed: int, bits: int
) -> None:
    numbers = data.draw(st.lists(st.integers(0, 500), min_size=3, max_size=9, unique=True))
    order = data.draw(st.permutations(numbers))
    threshold = len(numbers) // 2 + 1
    gone = data.draw(st.integers(0, len(numbers) - threshold))
    silent = order[: data.draw(st.integers(0, gone))]
    lost = order[len(silent) : gone]
    messages = random_messages(numbers, 11, seed)
    secure = SecureSum(
        grid=IntegerGrid(bound=1, clients=len(numbers), bits=bits), keys=streamed(seed), round=seed
    )
    seen = secure.serve(messages, 11, silent, lost)
    expected = sum(secure.grid.encode(m.vector) for m in messages if m.client not in silent)
    assert np.array_equal(seen.total, expected)
    assert seen.survivors == tuple(sorted(set(numbers) - set(silent)))
    assert seen.dropped == tuple(sorted(silent))
    assert seen.threshold == threshold


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**31), n=st.integers(14, 30), data=st.data())
def test_the_same_on_a_sparse_graph(seed: int, n: int, data: st.DataObject) -> None:
    """Each client has 7 holders and needs 4 of them."""
    silent = data.draw(st.sets(st.integers(0, n - 1), max_size=2))
    lost = data.draw(st.sets(st.integers(0, n - 1), max_size=1)) - silent
    messages = random_messages(range(n), 5, seed)
    secure = SecureSum(grid=IntegerGrid(bound=1, clients=n), topology=Topology(degree=6))
    seen = secure.serve(messages, 5, silent, lost)
    expected = sum(secure.grid.encode(m.vector) for m in messages if m.client not in silent)
    assert np.array_equal(seen.total, expected)
    assert {len(group) for group in seen.neighbours.values()} == {6}
    assert seen.threshold == 4


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 999), data=st.data())
def test_neither_order_nor_keys_change_the_sum(seed: int, data: st.DataObject) -> None:
    messages = random_messages((3, 8, 1, 40), 20, seed)
    secure = SecureSum(grid=IntegerGrid(bound=1, clients=6))
    total = secure(messages, 20)
    assert torch.equal(secure(data.draw(st.permutations(messages)), 20), total)
    for other in (seed, seed + 1):
        assert torch.equal(replace(secure, keys=streamed(other), round=3)(messages, 20), total)
    assert (total - plain_sum(messages, 20)).abs().max() <= 4 * secure.grid.step / 2


def test_messages_of_grid_points_are_summed_as_plainly() -> None:
    """Bit for bit: the grid's points and their sums are exact in float64."""
    secure = SecureSum(grid=IntegerGrid(bound=3.7, clients=9))
    raw = random_messages(range(9), 50, 0, 3.5)
    on_grid = [Message(m.client, secure.grid.decode(secure.grid.encode(m.vector))) for m in raw]
    assert torch.equal(secure(on_grid, 50), plain_sum(on_grid, 50))


def test_the_largest_sums_do_not_wrap_around() -> None:
    for bits in (8, 32, 53):
        secure = SecureSum(grid=IntegerGrid(bound=1.0, clients=7, bits=bits))
        for sign in (1.0, -1.0):
            messages = [Message(k, torch.full((3,), sign)) for k in range(7)]
            assert secure(messages, 3).tolist() == [7 * sign] * 3


def test_sizes_at_the_edge() -> None:
    secure = SecureSum(grid=IntegerGrid(bound=1, clients=3))
    assert torch.equal(secure([], 4), torch.zeros(4, dtype=torch.float64))
    assert secure(random_messages((5, 9), 0, 0), 0).shape == (0,)
    assert secure([Message(0, torch.ones(2)), Message(1, torch.ones(2))], 2).tolist() == [2, 2]
    alone = random_messages((5,), 4, 0)
    with pytest.raises(TooFewClientsError, match="fewer than 2"):
        secure(alone, 4)
    with pytest.raises(TooFewClientsError, match="minimum is 1"):
        replace(secure, minimum=1)


def test_stochastic_rounding_is_of_its_stream() -> None:
    grid = IntegerGrid(bound=1, clients=4, bits=8, rounding="stochastic")
    messages = random_messages(range(4), 300, 1)
    secure = SecureSum(grid=grid, rounding=streamed(1), round=0)
    total = secure(messages, 300)
    assert torch.equal(secure(messages[::-1], 300), total)
    assert not torch.equal(secure.at(1)(messages, 300), total)
    assert (total - plain_sum(messages, 300)).abs().max() <= 4 * grid.step
    with pytest.raises(ValueError, match="stream for rounding"):
        SecureSum(grid=grid)
    with pytest.raises(ValueError, match="at\\(round\\)"):
        replace(secure, round=None)(messages, 300)


def test_traffic_is_what_was_said() -> None:
    """Keys 80 bytes each way; n - 1 envelopes of 24 + 12 + 66 + 16; d words; 33-byte shares."""
    n, d = 5, 100
    seen = SecureSum(grid=IntegerGrid(bound=1, clients=n)).serve(random_messages(range(n), d, 0), d)
    envelopes = n * (n - 1) * (24 + 12 + 66 + 16)
    assert seen.traffic.up == n * 80 + n * (16 + 32) + envelopes + n * (16 + 4 * d) + n * (16 + n * (8 + 33))
    assert seen.traffic.down == n * (40 + n * 80) + envelopes + n * 8 * (1 + n)
    assert SecureSum(grid=IntegerGrid(bound=1, clients=n)).traffic(n, d) == seen.traffic
    wide = SecureSum(
        grid=IntegerGrid(bound=1, clients=20, bits=40), topology=Topology(degree=4), keys=streamed(0), round=1
    )
    assert wide.traffic(20, d) == wide.serve(random_messages(range(20), d, 0), d).traffic
    assert wide.traffic(0, d) == (0, 0)


def test_noise_is_added_on_the_grid_by_the_clients() -> None:
    """Exactly, for the clients that arrive; never beyond what the sum can hold."""

    def noise(client: int, round_: int, dim: int) -> np.ndarray:
        return np.random.default_rng((client, round_)).integers(-50, 51, dim)

    grid = IntegerGrid(bound=2.0, clients=4, bits=16, clip=1.0)
    secure, messages = SecureSum(grid=grid, noise=noise, round=3), random_messages(range(4), 9, 0, 0.2)
    seen = secure.serve(messages, 9, silent=[2])
    expected = sum(grid.encode(m.vector) + noise(m.client, 3, 9) for m in messages if m.client != 2)
    assert np.array_equal(seen.total, expected)
    assert not np.array_equal(secure.at(4).serve(messages, 9, silent=[2]).total, expected)
    for size in (grid.room, np.iinfo(np.int64).max - grid.levels):
        loud = replace(secure, noise=partial(constant, size))
        with pytest.raises(OutOfRangeError, match="client 0's noise"):
            loud([Message(k, torch.full((9,), 0.2)) for k in range(2)], 9)
    with pytest.raises(ValueError, match="at\\(round\\)"):
        replace(secure, round=None)(messages, 9)


# In a federation


@pytest.fixture
def federation(
    backbone: Backbone,
    template: AdapterBank,
    clients: tuple[ClientData, ...],
    config: FederationConfig,
    stream: Stream,
) -> Federation:
    everyone = config.model_copy(update={"rate": 1.0})
    method = build("fedavg")
    return Federation(
        backbone=backbone, template=template, clients=clients, config=everyone, method=method, stream=stream
    )


def spied(aggregate: Callable[[Sequence[Message], int], Tensor], gaps: list[float]) -> object:
    """The aggregate, and how far each of its sums is from the plain one."""

    def total(messages: Sequence[Message], dim: int) -> Tensor:
        found = aggregate(messages, dim)
        gaps.append(float((found - plain_sum(messages, dim)).abs().max()))
        return found

    return total


def test_a_federation_differs_by_half_a_step_a_message_and_round(federation: Federation) -> None:
    """Each round's sum, over a whole run on a coarse and on a fine grid; each round's adapter, from the same start."""
    for bits in (16, 32):
        secure, gaps = SecureSum(grid=IntegerGrid(bound=1.0, clients=5, bits=bits)), list[float]()
        bound = 5 * secure.grid.step / 2
        run = replace(federation, aggregate=spied(secure, gaps))  # type: ignore[arg-type]
        states = list(federate(run))
        assert len(gaps) == 3
        assert bound / 10 < max(gaps) <= bound
        for before in (TrainingState.start(federation.template), *states[:-1]):
            plain, masked = (
                play_round(replace(federation, aggregate=a), before) for a in (plain_sum, secure)
            )
            moved = (plain.adapters - masked.adapters).abs().max()
            rounding = 2 * torch.finfo(torch.float32).eps * float(plain.adapters.abs().max())
            assert moved <= bound / federation.denominator * federation.config.server_lr + rounding
            assert plain.transcript.log == masked.transcript.log


def test_a_federation_does_not_depend_on_the_keys(federation: Federation) -> None:
    secure = SecureSum(grid=IntegerGrid(bound=1.0, clients=5))
    ends = [
        list(federate(replace(federation, aggregate=aggregate)))[-1]
        for aggregate in (secure, secure, replace(secure, keys=streamed(1), round=0))
    ]
    assert torch.equal(ends[0].adapters, ends[1].adapters)
    assert torch.equal(ends[0].adapters, ends[2].adapters)


def test_with_a_clip_every_message_on_the_grid_keeps_it(federation: Federation) -> None:
    """The sensitivity that noise is scaled to, C, holds for what is summed: one client moves the sum by at most C."""
    clip, dim = 0.05, federation.template.dim
    grid, sent = IntegerGrid.for_clip(clip, 5, dim), list[Message]()

    def total(messages: Sequence[Message], dim: int) -> Tensor:
        sent.extend(messages)
        return SecureSum(grid=grid)(messages, dim)

    mechanism = GaussianMechanism(clip=clip)
    list(federate(replace(federation, aggregate=total, mechanism=mechanism)))
    norms = [float(grid.decode(grid.encode(m.vector)).norm()) for m in sent]
    assert len(norms) == 15
    assert 0.99 * clip < max(norms) <= clip


def test_the_server_sees_the_masked_vectors_and_the_sum() -> None:
    messages = random_messages(range(4), 6, 0)
    secure = SecureSum(grid=IntegerGrid(bound=1, clients=4), keys=streamed(0), round=2)
    seen = secure.serve(messages, 6, silent=[3])
    assert set(seen.masked) == {0, 1, 2}
    assert all(w.dtype == np.dtype("<u4") and w.shape == (6,) for w in seen.masked.values())
    again, later = secure.serve(messages[::-1], 6, silent=[3]), secure.at(3).serve(messages, 6, silent=[3])
    for k in seen.masked:
        assert np.array_equal(seen.masked[k], again.masked[k])  # a named stream can be repeated
        assert not np.any(seen.masked[k] == later.masked[k])
    fresh = [replace(secure, keys=None).serve(messages, 6).masked[0] for _ in range(2)]
    assert not np.any(fresh[0] == fresh[1])


def test_a_sum_in_parts_is_the_sum_and_keeps_no_vector(monkeypatch: pytest.MonkeyPatch) -> None:
    messages = random_messages(range(6), 7, 1)
    secure = SecureSum(grid=IntegerGrid(bound=1, clients=6), keys=streamed(0), round=1)
    ended: list[ServerTranscript] = []
    finish = SecureRound.finish

    def watched(opened: SecureRound, lost: Collection[int] = ()) -> ServerTranscript:
        ended.append(finish(opened, lost))
        return ended[-1]

    monkeypatch.setattr(SecureRound, "finish", watched)
    running = secure.begin(range(6), 7)
    for first, last in ((0, 1), (1, 4), (4, 6)):
        running.add(messages[first:last])
    assert torch.equal(running.total(), secure.grid.decode(secure.serve(messages, 7).total))
    in_parts, whole = ended
    assert in_parts.masked == {}
    assert in_parts.survivors == whole.survivors == tuple(range(6))
    assert set(whole.masked) == set(range(6))


def test_secrets_are_drawn_at_random_where_no_stream_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = Random(0)
    counts: list[int] = []

    def urandom(n: int) -> bytes:
        counts.append(n)
        return drawn.randbytes(n)

    monkeypatch.setattr(os, "urandom", urandom)
    SecureSum(grid=IntegerGrid(bound=1, clients=3))(random_messages(range(3), 4, 0), 4)
    assert counts.count(32) == 3 * 3

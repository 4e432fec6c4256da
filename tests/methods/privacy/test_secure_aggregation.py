"""The protocol: exact sums under any drop-out, refusals, and a federation that uses it in place of the plain sum."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from random import Random

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from privtalk.core.seeds import torch_stream
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
    RefusedRequestError,
    RepeatedMessageError,
    SecureAggregationError,
    SecureClient,
    SecureSum,
    Server,
    StaleMessageError,
    TamperedError,
    TooFewClientsError,
    Topology,
    UnknownClientError,
    WrongLengthError,
)
from privtalk.methods.privacy.secure_aggregation.messages import Envelope, MaskedInput, Roster, UnmaskRequest
from privtalk.methods.registry import build

DIM = 7


def streamed(seed: int) -> Stream:
    return partial(torch_stream, seed)


def random_messages(numbers: Collection[int], dim: int, seed: int, size: float = 1.0) -> list[Message]:
    generator = torch.Generator().manual_seed(seed)
    return [Message(k, size * (2 * torch.rand(dim, generator=generator) - 1)) for k in numbers]


def constant(value: int, client: int, round_: int, dim: int) -> np.ndarray:
    return np.full(dim, value)


@dataclass
class Play:
    """A round by hand, to interfere with."""

    numbers: Sequence[int] = (0, 1, 2, 3, 4)
    round: int = 6
    topology: Topology = field(default_factory=Topology)
    clients: dict[int, SecureClient] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.server = Server(self.round, DIM, 32, self.topology, os.urandom)
        self.clients = {k: SecureClient(k, self.round, os.urandom) for k in self.numbers}

    def vector(self, k: int) -> np.ndarray:
        return np.arange(DIM, dtype=np.int64) * (k + 1) - 3

    def to_rosters(self) -> dict[int, Roster]:
        for client in self.clients.values():
            self.server.receive_keys(client.advertise())
        return self.server.rosters()

    def to_inboxes(self) -> dict[int, list[Envelope]]:
        for k, roster in self.to_rosters().items():
            self.server.receive_shares(self.clients[k].share(roster))
        return self.server.inboxes()

    def to_requests(self, silent: Collection[int] = ()) -> dict[int, UnmaskRequest]:
        for k, inbox in self.to_inboxes().items():
            if k not in silent:
                self.server.receive_masked(self.clients[k].mask(self.vector(k), inbox))
        return self.server.requests()

    def to_reveals(self, silent: Collection[int] = (), lost: Collection[int] = ()) -> None:
        for k, request in self.to_requests(silent).items():
            if k not in lost:
                self.server.receive_reveal(self.clients[k].reveal(request))


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


# Refusals: an error, and no sum


@pytest.mark.parametrize(("silent", "lost"), [(3, 0), (0, 3), (1, 2), (5, 0)])
def test_fewer_survivors_than_the_threshold(silent: int, lost: int) -> None:
    secure = SecureSum(grid=IntegerGrid(bound=1, clients=5))
    gone = list(range(5))
    with pytest.raises(TooFewClientsError, match=r"need 3|fewer than 2"):
        secure.serve(random_messages(range(5), 4, 0), 4, gone[:silent], gone[silent : silent + lost])


@pytest.mark.parametrize("what", ["keys", "shares", "masked", "reveal"])
def test_repeated_messages(what: str) -> None:
    play = Play()
    server, client = play.server, play.clients[2]
    keys = client.advertise()
    server.receive_keys(keys)
    if what == "keys":
        with pytest.raises(RepeatedMessageError, match="client 2 sent its public keys already"):
            server.receive_keys(keys)
    for k, other in play.clients.items():
        if k != 2:
            server.receive_keys(other.advertise())
    bundles = {k: play.clients[k].share(roster) for k, roster in server.rosters().items()}
    for bundle in bundles.values():
        server.receive_shares(bundle)
    if what == "shares":
        with pytest.raises(RepeatedMessageError, match="shares already"):
            server.receive_shares(bundles[2])
    inboxes = server.inboxes()
    masked = {k: play.clients[k].mask(play.vector(k), inbox) for k, inbox in inboxes.items()}
    for message in masked.values():
        server.receive_masked(message)
    if what == "masked":
        with pytest.raises(RepeatedMessageError, match="masked inputs already"):
            server.receive_masked(masked[2])
        with pytest.raises(RepeatedMessageError, match="done once"):  # two vectors under one mask
            client.mask(play.vector(3), inboxes[2])
    requests = server.requests()
    reveals = {k: play.clients[k].reveal(request) for k, request in requests.items()}
    for reveal in reveals.values():
        server.receive_reveal(reveal)
    if what == "reveal":
        with pytest.raises(RepeatedMessageError, match="reveals already"):
            server.receive_reveal(reveals[2])
        with pytest.raises(RepeatedMessageError, match="done once"):
            client.reveal(requests[2])
    assert np.array_equal(server.total(), sum(play.vector(k) for k in play.numbers))  # counted once


def test_messages_of_another_round() -> None:
    play, older = Play(), Play(round=5)
    with pytest.raises(StaleMessageError, match="is of round 5, this is round 6"):
        play.server.receive_keys(SecureClient(2, 5, os.urandom).advertise())
    rosters, stale_rosters = play.to_rosters(), older.to_rosters()
    with pytest.raises(StaleMessageError, match="round 5"):
        play.clients[1].share(stale_rosters[1])
    bundles = {k: play.clients[k].share(roster) for k, roster in rosters.items()}
    stale = {k: older.clients[k].share(roster) for k, roster in stale_rosters.items()}
    with pytest.raises(StaleMessageError):
        play.server.receive_shares(stale[1])
    for old, new in zip(stale.values(), bundles.values(), strict=True):
        older.server.receive_shares(old)
        play.server.receive_shares(new)
    inboxes, stale_inboxes = play.server.inboxes(), older.server.inboxes()
    with pytest.raises(StaleMessageError):
        play.clients[1].mask(play.vector(1), stale_inboxes[1])
    masked = older.clients[1].mask(play.vector(1), stale_inboxes[1])
    with pytest.raises(StaleMessageError):
        play.server.receive_masked(masked)
    for k, inbox in inboxes.items():
        play.server.receive_masked(play.clients[k].mask(play.vector(k), inbox))
    request = play.server.requests()[1]
    with pytest.raises(StaleMessageError):
        play.clients[1].reveal(request._replace(round=5))
    with pytest.raises(StaleMessageError):
        play.server.receive_reveal(play.clients[1].reveal(request)._replace(round=5))


def test_an_envelope_kept_from_another_round_does_not_open() -> None:
    """Relabelled, so that only the authentication can tell."""
    play, older = Play(), Play(round=5)
    kept = next(e for e in older.to_inboxes()[1] if e.sender == 0)
    inbox = play.to_inboxes()[1]
    forged = [e if e.sender else Envelope(play.round, 0, 1, kept.sealed) for e in inbox]
    play.clients[1].mask(play.vector(1), forged)
    with pytest.raises(TamperedError, match="client 0 for client 1"):
        play.clients[1].reveal(UnmaskRequest(play.round, frozenset(range(5)), frozenset()))


def test_out_of_turn() -> None:
    play = Play()
    with pytest.raises(StaleMessageError, match="cannot 'mask' before 'advertise'"):
        play.clients[0].mask(play.vector(0), [])
    with pytest.raises(StaleMessageError, match="not there yet"):
        play.server.inboxes()
    play.to_rosters()
    with pytest.raises(StaleMessageError, match="past public keys"):
        play.server.receive_keys(SecureClient(9, play.round, os.urandom).advertise())
    with pytest.raises(StaleMessageError):
        play.server.rosters()


@pytest.mark.parametrize("kind", ["seeds", "keys"])
def test_a_tampered_share_gives_no_sum(kind: str) -> None:
    """Of a revealed share, at any of the holders: the secret is not the one that was committed to."""
    for holder in (0, 1, 3):
        play = Play()
        for k, request in play.to_requests(silent=[4]).items():
            reveal = play.clients[k].reveal(request)
            if k == holder:
                changed = {j: bytes([s[0], *s[1:-1], s[-1] ^ 1]) for j, s in getattr(reveal, kind).items()}
                reveal = reveal._replace(seeds=changed) if kind == "seeds" else reveal._replace(keys=changed)
            play.server.receive_reveal(reveal)
        if holder == 3:  # beyond the three shares that are used
            assert np.array_equal(play.server.total(), sum(play.vector(k) for k in range(4)))
            continue
        with pytest.raises(TamperedError, match="a share was changed"):
            play.server.total()
        with pytest.raises(StaleMessageError, match="round 6 is lost"):
            play.server.total()


def test_a_tampered_envelope_gives_no_sum() -> None:
    play = Play()
    for k, inbox in play.to_inboxes().items():
        bent = [e._replace(sealed=e.sealed[:-1] + bytes([e.sealed[-1] ^ 1])) for e in inbox[:1]] + inbox[1:]
        play.server.receive_masked(play.clients[k].mask(play.vector(k), bent))
    for k, request in play.server.requests().items():
        with pytest.raises(TamperedError, match="fails authentication"):
            play.clients[k].reveal(request)
    with pytest.raises(TooFewClientsError):
        play.server.total()


def test_a_round_that_was_lost_stays_lost() -> None:
    play = Play()
    with pytest.raises(TooFewClientsError, match="2 of client 0's holders are left, its secrets need 3"):
        play.to_requests(silent=[1, 2, 3])
    for step in (play.server.requests, play.server.total):
        with pytest.raises(StaleMessageError, match="lost"):
            step()


@pytest.mark.parametrize("length", [0, DIM - 1, DIM + 1])
def test_wrong_lengths(length: int) -> None:
    play = Play()
    inboxes = play.to_inboxes()
    with pytest.raises(WrongLengthError, match=f"agreed are {DIM}"):
        play.clients[0].mask(np.zeros(length, np.int64), inboxes[0])
    for words in (np.zeros(length, "<u4"), np.zeros(DIM, "<u8"), np.zeros((DIM, 1), "<u4")):
        with pytest.raises(WrongLengthError, match="client 0 sends"):
            play.server.receive_masked(MaskedInput(play.round, 0, words))
    with pytest.raises(WrongLengthError, match="client 1 sends"):
        SecureSum(grid=IntegerGrid(bound=1, clients=2))(
            [Message(0, torch.ones(3)), Message(1, torch.ones(length))], 3
        )


def test_unknown_clients() -> None:
    play = Play()
    rosters = play.to_rosters()
    stranger = Play(numbers=(0, 1, 9))
    bundle = stranger.clients[9].share(stranger.to_rosters()[9])
    with pytest.raises(UnknownClientError, match="client 9 does not take part in shares"):
        play.server.receive_shares(bundle)
    for k in play.numbers:
        play.server.receive_shares(play.clients[k].share(rosters[k]))
    with pytest.raises(UnknownClientError):
        play.server.receive_masked(MaskedInput(play.round, 9, np.zeros(DIM, "<u4")))
    inbox = play.server.inboxes()
    with pytest.raises(UnknownClientError, match="from 9 to 0"):
        play.clients[0].mask(play.vector(0), [*inbox[0], Envelope(play.round, 9, 0, b"")])
    with pytest.raises(UnknownClientError, match="to 1"):
        play.clients[0].mask(play.vector(0), inbox[1])
    with pytest.raises(RepeatedMessageError, match="second envelope"):
        play.clients[0].mask(play.vector(0), [*inbox[0], inbox[0][0]])
    with pytest.raises(UnknownClientError, match="numbers are not negative"):
        SecureClient(-1, 0, os.urandom)


def test_an_envelope_for_each_neighbour_and_no_other() -> None:
    play = Play()
    rosters = play.to_rosters()
    bundle = play.clients[0].share(rosters[0])
    for envelopes in (
        bundle.envelopes[1:],
        bundle.envelopes[:1] * 4,
        (*bundle.envelopes, bundle.envelopes[0]),
    ):
        with pytest.raises(UnknownClientError, match="one for each"):
            play.server.receive_shares(bundle._replace(envelopes=envelopes))


def test_out_of_range() -> None:
    play = Play()
    inbox = play.to_inboxes()[0]
    for value in (2**31, -(2**31), np.iinfo(np.int64).min):
        with pytest.raises(OutOfRangeError, match="32 bits"):
            play.clients[0].mask(np.full(DIM, value, np.int64), inbox)
    grid = IntegerGrid(bound=1, clients=2)
    with pytest.raises(OutOfRangeError, match=r"client 1: a coordinate of size 1\.5"):
        SecureSum(grid=grid)([Message(0, torch.ones(2)), Message(1, torch.full((2,), 1.5))], 2)
    with pytest.raises(OutOfRangeError, match="3 messages on a grid for 2"):
        SecureSum(grid=grid)(random_messages(range(3), 2, 0), 2)
    with pytest.raises(RepeatedMessageError, match="client 4"):
        SecureSum(grid=grid)(random_messages((4, 4), 2, 0), 2)
    narrow = Server(0, 2, 9, Topology(), os.urandom)
    clients = [SecureClient(k, 0, os.urandom) for k in range(2)]
    for client in clients:
        narrow.receive_keys(client.advertise())
    for k, roster in narrow.rosters().items():
        narrow.receive_shares(clients[k].share(roster))
    narrow.inboxes()
    with pytest.raises(OutOfRangeError, match="beyond 9 bits"):
        narrow.receive_masked(MaskedInput(0, 0, np.array([0, 512], "<u4")))


# What clients refuse to do for the server


def test_no_client_gives_both_shares_of_anyone() -> None:
    everyone = frozenset(range(5))
    for both in range(5):
        play = Play()
        play.to_requests()
        with pytest.raises(RefusedRequestError, match=f"both shares of client {both}"):
            play.clients[0].reveal(UnmaskRequest(play.round, everyone, frozenset({both})))


def test_nor_one_after_the_other() -> None:
    play = Play()
    play.to_requests()
    answer = play.clients[0].reveal(UnmaskRequest(play.round, frozenset(range(4)), frozenset({4})))
    assert set(answer.seeds) == {0, 1, 2, 3}
    assert set(answer.keys) == {4}
    with pytest.raises(RepeatedMessageError):
        play.clients[0].reveal(UnmaskRequest(play.round, frozenset(range(5)), frozenset()))


def test_lies_to_different_clients_open_nobody() -> None:
    """The server tells some holders that client 4 survived and the others that it dropped: a majority of shares for
    one secret leaves no majority for the other."""
    for liars in range(5):
        play = Play()
        play.to_requests()
        seeds = keys = 0
        for k in range(4):
            told = frozenset({4}) if k < liars else frozenset()
            answer = play.clients[k].reveal(
                UnmaskRequest(play.round, frozenset(range(4)) | told, frozenset({4}) - told)
            )
            seeds, keys = seeds + (4 in answer.seeds), keys + (4 in answer.keys)
        assert min(seeds, keys) < 3


def test_a_client_knows_that_it_sent_and_whom_it_knows() -> None:
    play = Play()
    play.to_requests()
    client, four = play.clients[0], frozenset({1, 2, 3, 4})
    with pytest.raises(RefusedRequestError, match="counts it as dropped"):
        client.reveal(UnmaskRequest(play.round, four, frozenset({0})))
    with pytest.raises(UnknownClientError, match="client 9"):
        client.reveal(UnmaskRequest(play.round, four | {0}, frozenset({9})))
    with pytest.raises(TooFewClientsError, match="need 3"):
        client.reveal(UnmaskRequest(play.round, frozenset({0, 1}), frozenset({2, 3, 4})))


def test_rosters_that_a_client_refuses() -> None:
    play = Play()
    roster = play.to_rosters()[0]
    other = SecureClient(0, play.round, os.urandom).advertise()
    cases = {
        "own keys": roster._replace(keys={**roster.keys, 0: other}),
        "another client": roster._replace(keys={**roster.keys, 1: roster.keys[2]}),
        "no majority": roster._replace(terms=roster.terms._replace(threshold=2)),
    }
    for word, bad in cases.items():
        with pytest.raises(RefusedRequestError, match=word):
            play.clients[0].share(bad)
    with pytest.raises(TooFewClientsError):
        play.clients[0].share(roster._replace(terms=roster.terms._replace(threshold=6)))


def test_every_error_is_one_line_and_a_value_error() -> None:
    play = Play()
    for attempt in (
        partial(play.to_requests, [1, 2, 3]),
        partial(play.server.receive_masked, MaskedInput(5, 0, np.zeros(1, "<u4"))),
        partial(SecureSum(grid=IntegerGrid(bound=1, clients=2)), random_messages((1,), 2, 0), 2),
    ):
        with pytest.raises(SecureAggregationError) as caught:
            attempt()
        assert isinstance(caught.value, ValueError)
        assert "\n" not in str(caught.value)


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


def test_secrets_are_drawn_at_random_where_no_stream_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = Random(0)
    counts: list[int] = []

    def urandom(n: int) -> bytes:
        counts.append(n)
        return drawn.randbytes(n)

    monkeypatch.setattr(os, "urandom", urandom)
    SecureSum(grid=IntegerGrid(bound=1, clients=3))(random_messages(range(3), 4, 0), 4)
    assert counts.count(32) == 3 * 3

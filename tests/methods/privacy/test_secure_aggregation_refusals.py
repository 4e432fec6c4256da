"""What gives no sum, and what clients refuse to do for the server."""

from __future__ import annotations

import os
from functools import partial

import numpy as np
import pytest
import torch

from privtalk.methods.messages import Message
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
from privtalk.methods.privacy.secure_aggregation.messages import Envelope, MaskedInput, UnmaskRequest
from tests.methods.privacy.played_rounds import DIM, Play, random_messages

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

"""The protocol used bare: fields of any type and size, too few clients, numbers at the edges, sums that could wrap."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from privtalk.methods.privacy.secure_aggregation import (
    IntegerGrid,
    MalformedError,
    OutOfRangeError,
    RefusedRequestError,
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
    shamir,
)
from privtalk.methods.privacy.secure_aggregation.messages import (
    MaskedInput,
    PublicKeys,
    Roster,
    UnmaskRequest,
)

DIM, ROUND = 3, 2


class Round:
    """Three clients, step by step; kept so that every message can be spoilt."""

    def __init__(self, bits: int = 16) -> None:
        self.server = Server(ROUND, DIM, bits, Topology(), os.urandom)
        self.clients = {k: SecureClient(k, ROUND, os.urandom) for k in range(3)}
        self.keys = {k: client.advertise() for k, client in self.clients.items()}

    def rosters(self) -> dict[int, Roster]:
        for keys in self.keys.values():
            self.server.receive_keys(keys)
        return self.server.rosters()

    def inboxes(self) -> dict[int, list[Any]]:
        self.bundles = {k: self.clients[k].share(roster) for k, roster in self.rosters().items()}
        for bundle in self.bundles.values():
            self.server.receive_shares(bundle)
        return self.server.inboxes()

    def requests(self) -> dict[int, UnmaskRequest]:
        for k, inbox in self.inboxes().items():
            self.server.receive_masked(self.clients[k].mask(np.full(DIM, k), inbox))
        return self.server.requests()


# Who takes part


def test_a_client_alone_on_its_roster_refuses() -> None:
    client = SecureClient(0, ROUND, os.urandom)
    keys = client.advertise()
    whole = Round()
    terms = whole.rosters()[0].terms._replace(threshold=1, clients=1)
    with pytest.raises(TooFewClientsError, match="1 on client 0's roster, at least 2"):
        client.share(Roster(terms, {0: keys}))
    server = Server(ROUND, DIM, 16, Topology(), os.urandom)
    server.receive_keys(keys)
    with pytest.raises(TooFewClientsError, match="hides none"):
        server.rosters()


def test_a_client_refuses_fewer_than_it_was_told() -> None:
    play = Round()
    roster = play.rosters()[0]
    wary = SecureClient(0, ROUND, os.urandom, minimum=4)
    with pytest.raises(TooFewClientsError, match="at least 4"):
        wary.share(roster._replace(keys={**roster.keys, 0: wary.advertise()}))
    with pytest.raises(TooFewClientsError, match="minimum is 1"):
        SecureClient(0, ROUND, os.urandom, minimum=1)
    with pytest.raises(TooFewClientsError, match="minimum is 1"):
        SecureSum(grid=IntegerGrid(bound=1, clients=3), minimum=1)


def test_a_key_that_stands_on_a_roster_twice_is_refused() -> None:
    play = Round()
    roster = play.rosters()[0]
    twin = roster.keys[1]._replace(client=2)
    with pytest.raises(RefusedRequestError, match="a key twice"):
        play.clients[0].share(roster._replace(keys={**roster.keys, 2: twin}))


@pytest.mark.parametrize("number", [-1, -shamir.PRIME, shamir.PRIME - 1, 2**64, 2 * shamir.PRIME - 1])
def test_a_number_that_would_be_given_the_secret_itself_is_refused(number: int) -> None:
    with pytest.raises(UnknownClientError) as caught:
        SecureClient(number, ROUND, os.urandom)
    assert len(str(caught.value)) < 120
    play = Round()
    with pytest.raises(UnknownClientError):
        play.server.receive_keys(play.keys[0]._replace(client=number))
    roster = play.rosters()[0]
    with pytest.raises(UnknownClientError):
        play.clients[0].share(roster._replace(keys={**roster.keys, number: roster.keys[1]}))


def test_no_share_is_the_secret_and_no_two_holders_have_one() -> None:
    secret = os.urandom(32)
    for holder in (-1, shamir.PRIME - 1, -shamir.PRIME - 1):
        with pytest.raises(UnknownClientError, match="the secret itself"):
            shamir.share(secret, [0, 1, holder], 2, os.urandom)
    with pytest.raises(UnknownClientError, match="same share"):
        shamir.share(secret, [0, 1, shamir.PRIME], 2, os.urandom)
    shares = shamir.share(secret, [0, 1], 2, os.urandom)
    with pytest.raises(UnknownClientError):
        shamir.recover({0: shares[0], shamir.PRIME: shares[1]}, 2)
    with pytest.raises(UnknownClientError):
        shamir.recover({0: shares[0], shamir.PRIME - 1: shares[1]}, 2)


def test_the_last_number_of_the_wire_takes_part() -> None:
    numbers = (0, 2**64 - 1)
    server = Server(ROUND, DIM, 16, Topology(), os.urandom)
    clients = {k: SecureClient(k, ROUND, os.urandom) for k in numbers}
    for client in clients.values():
        server.receive_keys(client.advertise())
    for k, roster in server.rosters().items():
        server.receive_shares(clients[k].share(roster))
    for k, inbox in server.inboxes().items():
        server.receive_masked(clients[k].mask(np.full(DIM, 5), inbox))
    for k, request in server.requests().items():
        server.receive_reveal(clients[k].reveal(request))
    assert server.total().tolist() == [10] * DIM


# Sums that could wrap around


def test_a_sum_that_could_wrap_is_refused_before_it_is_masked() -> None:
    play = Round(bits=16)
    inboxes = play.inboxes()
    with pytest.raises(OutOfRangeError, match="reaches 32767, beyond 10922 the sum of 3 vectors in 16 bits"):
        play.clients[0].mask(np.full(DIM, 2**15 - 1), inboxes[0])
    with pytest.raises(OutOfRangeError, match="10923"):
        play.clients[1].mask(np.full(DIM, -10923), inboxes[1])
    for k, inbox in inboxes.items():
        play.server.receive_masked(play.clients[k].mask(np.full(DIM, 10922), inbox))
    for k, request in play.server.requests().items():
        play.server.receive_reveal(play.clients[k].reveal(request))
    assert play.server.total().tolist() == [3 * 10922] * DIM


def test_bits_that_hold_no_sum_of_so_many_are_refused_at_the_start() -> None:
    server = Server(ROUND, DIM, 3, Topology(), os.urandom)
    for k in range(4):
        server.receive_keys(SecureClient(k, ROUND, os.urandom).advertise())
    with pytest.raises(OutOfRangeError, match="3 bits do not hold a sum of 4 clients"):
        server.rosters()
    for bits in (0, 1, 54, -3):
        with pytest.raises(SecureAggregationError):
            Server(ROUND, DIM, bits, Topology(), os.urandom)


def test_terms_for_fewer_than_are_on_the_roster_are_refused() -> None:
    play = Round()
    roster = play.rosters()[0]
    with pytest.raises(RefusedRequestError, match="terms for 2 clients, 3 are"):
        play.clients[0].share(roster._replace(terms=roster.terms._replace(clients=2)))


# Fields of another type, size or range

NOTHING: tuple[Any, ...] = (None, "x", b"x", 3, 1.5, [], {}, object())


def refused(attempt: Callable[[], object]) -> None:
    with pytest.raises(SecureAggregationError) as caught:
        attempt()
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize("junk", NOTHING, ids=lambda junk: type(junk).__name__)
def test_anything_in_the_place_of_a_message_is_one_line(junk: Any) -> None:
    play = Round()
    refused(lambda: play.server.receive_keys(junk))
    rosters = play.rosters()
    refused(lambda: play.server.receive_shares(junk))
    refused(lambda: play.clients[0].share(junk))
    for k, roster in rosters.items():
        play.server.receive_shares(play.clients[k].share(roster))
    inboxes = play.server.inboxes()
    refused(lambda: play.server.receive_masked(junk))
    refused(lambda: play.clients[0].mask(junk, inboxes[0]))
    refused(lambda: play.clients[0].mask(np.zeros(DIM, np.int64), [junk]))
    for k, inbox in inboxes.items():
        play.server.receive_masked(play.clients[k].mask(np.full(DIM, k), inbox))
    requests = play.server.requests()
    refused(lambda: play.server.receive_reveal(junk))
    refused(lambda: play.clients[0].reveal(junk))
    for k, request in requests.items():
        play.server.receive_reveal(play.clients[k].reveal(request))
    assert play.server.total().tolist() == [3] * DIM


BAD_NUMBERS: tuple[Any, ...] = (None, "1", 1.0, True, -1, 2**64, [1])
BAD_BYTES: tuple[Any, ...] = (None, "x" * 32, b"", bytes(31), bytes(33 + 1), bytearray(32), 7)


@pytest.mark.parametrize(
    ("field", "values"),
    [("round", BAD_NUMBERS), ("client", BAD_NUMBERS), ("masking", BAD_BYTES), ("sealing", BAD_BYTES)],
)
def test_every_field_of_public_keys(field: str, values: tuple[Any, ...]) -> None:
    play = Round()
    for value in (*values, *((b"x",) if field == "signature" else ())):
        refused(lambda value=value: play.server.receive_keys(play.keys[0]._replace(**{field: value})))  # type: ignore[misc]
    refused(lambda: play.server.receive_keys(play.keys[0]._replace(signature=b"x")))
    refused(lambda: play.server.receive_keys(PublicKeys(ROUND, 0, "a", "b")))  # type: ignore[arg-type]


@pytest.mark.parametrize("field", ["round", "dim", "bits", "threshold", "clients"])
def test_every_field_of_the_terms(field: str) -> None:
    play = Round()
    roster = play.rosters()[0]
    for value in BAD_NUMBERS:
        bad = roster._replace(terms=roster.terms._replace(**{field: value}))
        refused(lambda bad=bad: play.clients[0].share(bad))  # type: ignore[misc]
    for keys in (None, [], {0: 3}, {"0": roster.keys[0]}):
        refused(lambda keys=keys: play.clients[0].share(roster._replace(keys=keys)))  # type: ignore[misc]
    assert play.clients[0].share(roster).client == 0


def test_every_field_of_shares_and_envelopes() -> None:
    play = Round()
    rosters = play.rosters()
    bundle = play.clients[0].share(rosters[0])
    one, *rest = bundle.envelopes
    for field in ("round", "client"):
        for value in BAD_NUMBERS:
            refused(lambda f=field, v=value: play.server.receive_shares(bundle._replace(**{f: v})))  # type: ignore[misc]
    for value in BAD_BYTES:
        refused(lambda v=value: play.server.receive_shares(bundle._replace(commitment=v)))  # type: ignore[misc]
        bent = bundle._replace(envelopes=(one._replace(sealed=value), *rest))
        refused(lambda bent=bent: play.server.receive_shares(bent))  # type: ignore[misc]
    for field in ("round", "sender", "recipient"):
        for value in BAD_NUMBERS:
            bent = bundle._replace(envelopes=(one._replace(**{field: value}), *rest))
            refused(lambda bent=bent: play.server.receive_shares(bent))  # type: ignore[misc]
    refused(lambda: play.server.receive_shares(bundle._replace(envelopes=list(bundle.envelopes))))  # type: ignore[arg-type]
    play.server.receive_shares(bundle)


def test_every_field_of_a_masked_vector() -> None:
    play = Round()
    play.inboxes()
    words = np.zeros(DIM, "<u4")
    for value in BAD_NUMBERS:
        refused(lambda v=value: play.server.receive_masked(MaskedInput(v, 0, words)))  # type: ignore[misc]
        refused(lambda v=value: play.server.receive_masked(MaskedInput(ROUND, v, words)))  # type: ignore[misc]
    for bad in (None, [0, 0, 0], "000", words.astype(float), words.astype("<u8"), np.array(["a", "b", "c"])):
        refused(lambda bad=bad: play.server.receive_masked(MaskedInput(ROUND, 0, bad)))  # type: ignore[misc]


def test_every_field_of_a_request() -> None:
    play = Round()
    request = play.requests()[0]
    for value in BAD_NUMBERS:
        refused(lambda v=value: play.clients[0].reveal(request._replace(round=v)))  # type: ignore[misc]
    for bad in (None, [0, 1, 2], (0, 1), "012", 3, frozenset({"0", 1}), frozenset({0.0, 1})):
        for field in ("survivors", "dropped"):
            refused(lambda f=field, b=bad: play.clients[0].reveal(request._replace(**{f: b})))  # type: ignore[misc]
    assert play.clients[0].reveal(request).client == 0


@pytest.mark.parametrize(
    "share",
    [
        None,
        "x" * 33,
        bytes(32),
        bytes(34),
        b"",
        bytearray(33),
        7,
        shamir.PRIME.to_bytes(33, "big"),
        b"\xff" * 33,
    ],
    ids=lambda share: str(share)[:12],
)
def test_a_share_that_is_none_is_refused_when_it_arrives(share: Any) -> None:
    play = Round()
    requests = play.requests()
    reveal = play.clients[0].reveal(requests[0])
    with pytest.raises(MalformedError, match="client 0's share of client 1"):
        play.server.receive_reveal(reveal._replace(seeds={**reveal.seeds, 1: share}))
    with pytest.raises(MalformedError):
        play.server.receive_reveal(reveal._replace(keys={1: share}))
    for seeds in (None, [], {"1": reveal.seeds[1]}):
        refused(lambda seeds=seeds: play.server.receive_reveal(reveal._replace(seeds=seeds)))  # type: ignore[misc]
    play.server.receive_reveal(reveal)
    for k in (1, 2):
        play.server.receive_reveal(play.clients[k].reveal(requests[k]))
    assert play.server.total().tolist() == [3] * DIM


def test_what_a_client_and_a_server_are_made_of() -> None:
    for bad in BAD_NUMBERS:
        refused(lambda bad=bad: SecureClient(bad, ROUND, os.urandom))  # type: ignore[misc]
        refused(lambda bad=bad: SecureClient(0, bad, os.urandom))  # type: ignore[misc]
        refused(lambda bad=bad: Server(bad, DIM, 16, Topology(), os.urandom))  # type: ignore[misc]
        refused(lambda bad=bad: Server(ROUND, bad, 16, Topology(), os.urandom))  # type: ignore[misc]
        refused(lambda bad=bad: Server(ROUND, DIM, bad, Topology(), os.urandom))  # type: ignore[misc]
    refused(lambda: Server(ROUND, DIM, 16, None, os.urandom))  # type: ignore[arg-type]


def test_vectors_of_another_kind() -> None:
    play = Round()
    inbox = play.inboxes()[0]
    for bad, error in (
        (np.zeros(DIM, np.int32), WrongLengthError),
        (np.zeros(DIM), WrongLengthError),
        ([0, 0, 0], MalformedError),
    ):
        with pytest.raises(error):
            play.clients[0].mask(bad, inbox)  # type: ignore[arg-type]


def test_messages_of_one_round_do_not_serve_in_another() -> None:
    """Relabelled: the keys under them are bound to the round."""
    play, later = Round(), Server(ROUND + 1, DIM, 16, Topology(), os.urandom)
    old = play.inboxes()
    clients = {k: SecureClient(k, ROUND + 1, os.urandom) for k in range(3)}
    for client in clients.values():
        later.receive_keys(client.advertise())
    for k, roster in later.rosters().items():
        later.receive_shares(clients[k].share(roster))
    with pytest.raises(StaleMessageError):
        clients[0].mask(np.zeros(DIM, np.int64), old[0])
    fresh = later.inboxes()
    relabelled = [envelope._replace(round=ROUND + 1) for envelope in old[0]]
    for k, inbox in fresh.items():
        later.receive_masked(clients[k].mask(np.zeros(DIM, np.int64), relabelled if k == 0 else inbox))
    with pytest.raises(TamperedError):
        clients[0].reveal(later.requests()[0])

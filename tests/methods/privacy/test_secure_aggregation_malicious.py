"""A server that deviates: what it reads from clients that take it for honest, and that it gets nothing from others."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from numpy.typing import NDArray

from privtalk.core.seeds import torch_stream
from privtalk.methods.messages import Message
from privtalk.methods.privacy.secure_aggregation import (
    InconsistentError,
    IntegerGrid,
    RefusedRequestError,
    RepeatedMessageError,
    SecureAggregationError,
    SecureClient,
    SecureSum,
    Server,
    SigningIdentity,
    StaleMessageError,
    TamperedError,
    TooFewClientsError,
    Topology,
    UnknownClientError,
    masks,
    shamir,
)
from privtalk.methods.privacy.secure_aggregation.client import pair_key
from privtalk.methods.privacy.secure_aggregation.keys import KeyPair
from privtalk.methods.privacy.secure_aggregation.messages import Confirmation, Reveal, Roster, UnmaskRequest
from privtalk.methods.privacy.secure_aggregation.signatures import keys_message, least_threshold

CLIENTS, DIM, BITS, ROUND = 6, 5, 32, 4
VICTIM, COLLUDERS = 0, (4, 5)
EVERYONE = frozenset(range(CLIENTS))


def vector(k: int) -> NDArray[np.int64]:
    return np.arange(DIM, dtype=np.int64) * (k + 3) - 7


def identities(numbers: Sequence[int]) -> dict[int, SigningIdentity]:
    keys = {k: Ed25519PrivateKey.generate() for k in numbers}
    directory = {k: key.public_key().public_bytes_raw() for k, key in keys.items()}
    return {k: SigningIdentity(key, directory) for k, key in keys.items()}


class Round:
    """Clients up to the point at which the server asks for shares; a server that keeps everything."""

    def __init__(self, malicious: bool, clients: int = CLIENTS) -> None:
        numbers = range(clients)
        signed = identities(numbers) if malicious else {}
        self.server = Server(ROUND, DIM, BITS, Topology(), os.urandom, malicious=malicious)
        self.clients = {
            k: SecureClient(
                k, ROUND, os.urandom, minimum=clients, malicious=malicious, identity=signed.get(k)
            )
            for k in numbers
        }
        self.keys = {k: client.advertise() for k, client in self.clients.items()}
        for keys in self.keys.values():
            self.server.receive_keys(keys)
        self.rosters = self.server.rosters()

    def ask(self) -> dict[int, UnmaskRequest]:
        for k, roster in self.rosters.items():
            self.server.receive_shares(self.clients[k].share(roster))
        for k, inbox in self.server.inboxes().items():
            self.server.receive_masked(self.clients[k].mask(vector(k), inbox))
        return self.server.requests()

    def read(self, answers: Mapping[int, Reveal]) -> NDArray[np.int64]:
        """The victim's vector, from shares of both of its secrets."""
        threshold = self.server.threshold
        seeds = {k: a.seeds[VICTIM] for k, a in answers.items() if VICTIM in a.seeds}
        keys = {k: a.keys[VICTIM] for k, a in answers.items() if VICTIM in a.keys}
        for colluder in COLLUDERS:  # who give the server whatever it likes
            own = self.clients[colluder]._shares_of(VICTIM)
            seeds[colluder], keys[colluder] = own.seed, own.key
        words = self.server.masked[VICTIM].copy()
        masks.subtract_mask(words, shamir.recover(seeds, threshold), BITS)
        pair = KeyPair.of(shamir.recover(keys, threshold))
        assert pair.public == self.keys[VICTIM].masking
        for k in self.clients:
            if k != VICTIM:
                key = pair_key(pair, self.keys[k].masking, ROUND, k, VICTIM)
                masks.subtract_mask(words, key, BITS)
        return masks.centred(words, BITS)


SURVIVED = UnmaskRequest(ROUND, EVERYONE, frozenset())
DROPPED = UnmaskRequest(ROUND, EVERYONE - {VICTIM}, frozenset({VICTIM}))
TOLD = {0: SURVIVED, 1: SURVIVED, 2: DROPPED, 3: DROPPED}
"""What each honest client hears: half of them that the victim survived."""


def test_two_of_six_with_an_equivocating_server_read_a_vector_that_is_only_masked() -> None:
    """The limit that the module states of clients that trust the server to follow the protocol."""
    play = Round(malicious=False)
    play.ask()
    answers = {k: play.clients[k].reveal(request) for k, request in TOLD.items()}
    assert np.array_equal(play.read(answers), vector(VICTIM))


def test_the_same_server_is_caught_by_clients_that_sign() -> None:
    play = Round(malicious=True)
    play.ask()
    confirmed = {k: play.clients[k].confirm(request) for k, request in TOLD.items()}
    helped = {
        request: tuple(
            [confirmed[k] for k in TOLD if TOLD[k] is request]
            + [_signed(play.clients[k], request) for k in COLLUDERS]
        )
        for request in (SURVIVED, DROPPED)
    }
    answers = {}
    for k, request in TOLD.items():
        with pytest.raises(InconsistentError, match=r"different things|dropped out, and confirms"):
            play.clients[k].reveal(request, confirmed.values())
        with pytest.raises(TooFewClientsError, match="need 5"):
            answers[k] = play.clients[k].reveal(request, helped[request])
    assert not answers
    with pytest.raises(TooFewClientsError):
        play.read(answers)


def _signed(client: SecureClient, request: UnmaskRequest) -> Confirmation:
    """A colluder signs whatever it is asked to."""
    from privtalk.methods.privacy.secure_aggregation.signatures import request_message

    assert client._identity is not None
    return Confirmation(ROUND, client.number, client._identity.sign(request_message(request)))


@pytest.mark.parametrize("silent", [(), (2,)])
@pytest.mark.parametrize("bits", [16, 40])
def test_signed_sums_are_the_same_to_the_bit(silent: tuple[int, ...], bits: int) -> None:
    grid = IntegerGrid(bound=1, clients=CLIENTS, bits=bits)
    secure = SecureSum(grid=grid, keys=partial(torch_stream, 3), round=7)
    generator = torch.Generator().manual_seed(0)
    messages = [Message(k, 2 * torch.rand(DIM, generator=generator) - 1) for k in range(CLIENTS)]
    signed = replace(secure, malicious=True)
    plain, found = (one.serve(messages, DIM, silent) for one in (secure, signed))
    assert np.array_equal(plain.total, found.total)
    assert (plain.threshold, found.threshold) == (4, 5)
    assert {k: w.tolist() for k, w in plain.masked.items()} == {
        k: w.tolist() for k, w in found.masked.items()
    }
    assert found.traffic.up > plain.traffic.up
    assert torch.equal(signed(messages, DIM), secure(messages, DIM))
    assert signed.traffic(CLIENTS, DIM) == signed.serve(messages, DIM).traffic


def test_above_fifty_clients_signed_sums_have_everyone_for_a_neighbour() -> None:
    messages = [Message(k, torch.full((2,), k / 60)) for k in range(52)]
    secure = SecureSum(grid=IntegerGrid(bound=1, clients=52), malicious=True)
    seen = secure.serve(messages, 2)
    assert {len(group) for group in seen.neighbours.values()} == {51}
    assert seen.threshold == least_threshold(52) == 35
    assert np.array_equal(seen.total, sum(secure.grid.encode(m.vector) for m in messages))
    with pytest.raises(TooFewClientsError, match="want everyone"):
        Server(0, 2, 32, Topology(degree=4), os.urandom, malicious=True)


def test_too_few_confirmations_end_the_round() -> None:
    secure = SecureSum(grid=IntegerGrid(bound=1, clients=CLIENTS), malicious=True)
    messages = [Message(k, torch.zeros(DIM)) for k in range(CLIENTS)]
    assert secure.serve(messages, DIM, lost=[1]).survivors == tuple(range(CLIENTS))
    for silent, lost in (((0, 1), ()), ((0,), (1,)), ((), (0, 1))):
        with pytest.raises(TooFewClientsError, match="need 5"):
            secure.serve(messages, DIM, silent, lost)


Forge = Callable[[Round, Roster], Roster]


def _with_keys(play: Round, roster: Roster, k: int, **fields: object) -> Roster:
    return roster._replace(keys={**roster.keys, k: roster.keys[k]._replace(**fields)})


def _put_in(play: Round, roster: Roster) -> Roster:
    """The server's own masking key, signed by a key of its own."""
    own = roster.keys[3]._replace(masking=KeyPair.of(os.urandom(32)).public)
    signature = Ed25519PrivateKey.generate().sign(keys_message(own))
    return _with_keys(play, roster, 3, masking=own.masking, signature=signature)


def _of_another_round(play: Round, roster: Roster) -> Roster:
    """Keys that client 3 signed for another round, relabelled."""
    identity = play.clients[3]._identity
    old = SecureClient(3, ROUND - 1, os.urandom, malicious=True, identity=identity).advertise()
    return _with_keys(play, roster, 3, **old._replace(round=ROUND)._asdict())


FORGED: dict[str, tuple[Forge, type[SecureAggregationError]]] = {
    "another masking key": (
        lambda play, r: _with_keys(play, r, 3, masking=KeyPair.of(os.urandom(32)).public),
        TamperedError,
    ),
    "another sealing key": (
        lambda play, r: _with_keys(play, r, 3, sealing=KeyPair.of(os.urandom(32)).public),
        TamperedError,
    ),
    "a key of the server's": (_put_in, TamperedError),
    "keys of another round": (_of_another_round, TamperedError),
    "no signature": (lambda play, r: _with_keys(play, r, 3, signature=b""), SecureAggregationError),
    "another's signature": (
        lambda play, r: _with_keys(play, r, 3, signature=r.keys[2].signature),
        TamperedError,
    ),
    "a roster that is cut": (
        lambda play, r: r._replace(
            keys={k: v for k, v in r.keys.items() if k < 4}, terms=r.terms._replace(clients=4, threshold=3)
        ),
        TooFewClientsError,
    ),
    "a threshold of a majority": (
        lambda play, r: r._replace(terms=r.terms._replace(threshold=4)),
        RefusedRequestError,
    ),
    "neighbours only": (lambda play, r: r._replace(terms=r.terms._replace(clients=60)), RefusedRequestError),
}


@pytest.mark.parametrize("forgery", FORGED)
def test_rosters_that_a_signing_client_refuses(forgery: str) -> None:
    play = Round(malicious=True)
    forge, error = FORGED[forgery]
    with pytest.raises(error) as caught:
        play.clients[1].share(forge(play, play.rosters[1]))
    assert "\n" not in str(caught.value)


def test_a_client_that_is_not_in_the_directory_is_refused() -> None:
    play = Round(malicious=True)
    identity = play.clients[1]._identity
    assert identity is not None
    known = {k: key for k, key in identity.directory.items() if k != 3}
    few = SecureClient(1, ROUND, os.urandom, malicious=True, identity=SigningIdentity(identity.key, known))
    keys = few.advertise()
    with pytest.raises(UnknownClientError, match="client 3 is not in the directory"):
        few.share(play.rosters[1]._replace(keys={**play.rosters[1].keys, 1: keys}))
    with pytest.raises(RefusedRequestError, match="own verification key"):
        SecureClient(2, ROUND, os.urandom, malicious=True, identity=identity)
    for settings in ({"malicious": True}, {"identity": identity}):
        with pytest.raises(RefusedRequestError, match="malicious=True goes with"):
            SecureClient(1, ROUND, os.urandom, **settings)  # type: ignore[arg-type]


def test_confirmations_that_a_client_refuses() -> None:
    play = Round(malicious=True)
    requests = play.ask()
    client = play.clients[1]
    with pytest.raises(StaleMessageError, match="cannot 'reveal' before 'confirm'"):
        client.reveal(requests[1])
    found = [play.clients[k].confirm(requests[k]) for k in range(CLIENTS)]
    with pytest.raises(RepeatedMessageError):
        client.confirm(requests[1])
    with pytest.raises(RefusedRequestError, match="confirmed another request"):
        client.reveal(requests[1]._replace(survivors=EVERYONE - {5}, dropped=frozenset({5})), found)
    with pytest.raises(RepeatedMessageError, match="confirms twice"):
        client.reveal(requests[1], [*found, found[0]])
    with pytest.raises(UnknownClientError, match="no survivor"):
        client.reveal(requests[1], [*found, found[0]._replace(client=9)])
    with pytest.raises(StaleMessageError, match="round 3"):
        client.reveal(requests[1], [found[0]._replace(round=3)])
    with pytest.raises(InconsistentError):
        client.reveal(requests[1], [*found[:-1], found[0]._replace(client=5)])
    with pytest.raises(TooFewClientsError, match="need 5"):
        client.reveal(requests[1], found[:4])
    assert set(client.reveal(requests[1], found[:5]).seeds) == EVERYONE


def test_only_clients_that_sign_confirm() -> None:
    play = Round(malicious=False)
    requests = play.ask()
    with pytest.raises(RefusedRequestError, match="malicious=True"):
        play.clients[0].confirm(requests[0])
    with pytest.raises(StaleMessageError):
        play.server.receive_confirmation(Confirmation(ROUND, 0, bytes(64)))

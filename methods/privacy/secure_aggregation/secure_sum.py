"""Secure aggregation in place of a plain sum: one process plays the server and every client, message by message."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import torch
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from numpy.typing import NDArray
from torch import Tensor

from privtalk.core.streams import Stream
from privtalk.methods.messages import Message, summed
from privtalk.methods.privacy.secure_aggregation.client import LEAST, SecureClient
from privtalk.methods.privacy.secure_aggregation.errors import (
    OutOfRangeError,
    RepeatedMessageError,
    TooFewClientsError,
    WrongLengthError,
)
from privtalk.methods.privacy.secure_aggregation.graph import Topology
from privtalk.methods.privacy.secure_aggregation.grid import IntegerGrid
from privtalk.methods.privacy.secure_aggregation.keys import SECRET_BYTES, Secrets, stream_secrets
from privtalk.methods.privacy.secure_aggregation.masks import word
from privtalk.methods.privacy.secure_aggregation.messages import Confirmation
from privtalk.methods.privacy.secure_aggregation.server import Server
from privtalk.methods.privacy.secure_aggregation.signatures import SigningIdentity

NAME = "secure-aggregation"
"""The name of its streams."""


class Traffic(NamedTuple):
    """Bytes of one round, summed over clients: the payload, without framing."""

    up: int
    down: int


class ServerTranscript(NamedTuple):
    """All that the server of one round learns of vectors, and what it knows beside."""

    total: NDArray[np.int64]
    """int64 [d]: the sum on the grid, of those who arrived."""
    masked: Mapping[int, NDArray[np.unsignedinteger]]
    """Client -> its masked vector [d], uint32 or uint64 below 2^b."""
    survivors: tuple[int, ...]
    """The clients whose vectors are in the sum, ascending."""
    dropped: tuple[int, ...]
    """Who shared secrets and sent no vector; their keys are known to the server."""
    neighbours: Mapping[int, tuple[int, ...]]
    """Client -> those it shares masks with."""
    threshold: int
    """Shares that recover a secret."""
    traffic: Traffic


class SecureRound:
    """One round of `server` with honest clients, from its start on: secrets are shared, vectors can be sent."""

    def __init__(self, server: Server, clients: Mapping[int, SecureClient]) -> None:
        self._server, self._clients = server, clients
        up = down = 0
        for client in clients.values():
            keys = client.advertise()
            up += keys.size
            server.receive_keys(keys)
        for k, roster in server.rosters().items():
            bundle = clients[k].share(roster)
            up, down = up + bundle.size, down + roster.size
            server.receive_shares(bundle)
        self._inboxes = server.inboxes()
        down += sum(e.size for inbox in self._inboxes.values() for e in inbox)
        self._up, self._down = up, down

    def send(self, k: int, vector: NDArray[np.int64]) -> None:
        """Client k sends its integers [d] of the grid, masked."""
        masked = self._clients[k].mask(vector, self._inboxes.pop(k))
        self._up += masked.size
        self._server.receive_masked(masked)

    def finish(self, lost: Collection[int] = ()) -> ServerTranscript:
        """Sums the vectors that were sent; `lost` clients left after they had sent theirs."""
        server, ending = self._server, _unmasked(self._server, self._clients, lost)
        return ServerTranscript(
            server.total(),
            server.masked,
            server.survivors,
            server.dropped,
            server.neighbours,
            server.threshold,
            Traffic(self._up + ending.up, self._down + ending.down),
        )


def _unmasked(server: Server, clients: Mapping[int, SecureClient], lost: Collection[int]) -> Traffic:
    """The part of a round after the vectors."""
    requests = server.requests()
    up, down = 0, sum(request.size for request in requests.values())
    left = {k: request for k, request in requests.items() if k not in lost}
    confirmed: Mapping[int, tuple[Confirmation, ...]] = {}
    if server.malicious:
        for k, request in left.items():
            confirmation = clients[k].confirm(request)
            up += confirmation.size
            server.receive_confirmation(confirmation)
        confirmed = server.confirmations()
        down += sum(one.size for found in confirmed.values() for one in found)
    for k, request in left.items():
        reveal = clients[k].reveal(request, confirmed.get(k, ()))
        up += reveal.size
        server.receive_reveal(reveal)
    return Traffic(up, down)


ClientNoise = Callable[[int, int, int], NDArray[np.int64]]
"""(client, round, d) -> integers [d]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecureSum:
    """In the place of `plain_sum`: (messages, d) -> their sum on the grid, float64 [d].

    It differs from the plain sum of K messages by at most K step / 2 a coordinate (K step with stochastic rounding; a
    grid with a clip may shrink vectors first, see `IntegerGrid`), and depends neither on their order nor on any key.

    Keys come from the operating system, as in a deployment, so that the masked vectors differ from run to run and the
    sum does not. With `keys`, they come from a named stream, and masked vectors can be repeated too: who knows the seed
    can take the masks off, so this is for simulations alone.

    With `malicious`, clients sign and check each other's signatures, at a threshold of two thirds and one: the sum is
    the same, and a server that tells them different things gets none.
    """

    grid: IntegerGrid
    topology: Topology = field(default_factory=Topology)
    minimum: int = 2
    """Fewest messages in a sum; a single one would be open. An empty round sums to zero. Below the minimum the round
    is refused, not set to zero: that would let one client move the sum by more than its own message."""
    keys: Stream | None = None
    """Names client and round."""
    rounding: Stream | None = None
    """For stochastic rounding; names client and round."""
    noise: ClientNoise | None = None
    """Distributed discrete noise: what each client adds on the grid before it masks. Give the grid a bound above the
    clip, for integers beyond `grid.room` are refused."""
    round: int | None = None
    """The number of the round that this sums; needed where something is drawn by name, so that no draw repeats."""
    malicious: bool = False
    """Whether the server is taken for one that deviates; verification keys are then drawn for every sum."""

    def __post_init__(self) -> None:
        if self.minimum < LEAST:
            raise TooFewClientsError(f"minimum is {self.minimum}, a sum of fewer than {LEAST} hides none")
        if (self.rounding is None) != (self.grid.rounding == "nearest"):
            raise ValueError("a stochastic grid needs a stream for rounding, and only that one does")

    def at(self, round_: int) -> SecureSum:
        """The same for one round."""
        return replace(self, round=round_)

    def __call__(self, messages: Sequence[Message], dim: int) -> Tensor:
        return summed(self, messages, dim)

    def begin(self, clients: Sequence[int], dim: int) -> RunningSecureSum:
        """The sum of messages that come in parts; the server forgets each vector once it has added it."""
        return RunningSecureSum(self, clients, dim)

    def serve(
        self,
        messages: Sequence[Message],
        dim: int,
        silent: Collection[int] = (),
        lost: Collection[int] = (),
    ) -> ServerTranscript:
        """The server's view of a round in which `silent` clients drop out before sending and `lost` ones after."""
        numbers = [message.client for message in messages]
        opened = self.opened(numbers, dim, fewer=len(set(numbers) & set(silent)))
        for message in messages:
            integers = self.encoded(message, dim)
            if message.client not in silent:
                opened.send(message.client, integers)
        return opened.finish(lost)

    def opened(
        self, numbers: Sequence[int], dim: int, *, fewer: int = 0, keep_masked: bool = True
    ) -> SecureRound:
        """A round of the clients `numbers`, of whom as many as `fewer` will send nothing."""
        if (self.keys or self.rounding or self.noise) and self.round is None:
            raise ValueError(
                "what a name determines would repeat in every round; say which it is by at(round)"
            )
        self._check(numbers, len(numbers) - fewer)
        drawn, round_ = self._secrets("server"), self.round or 0
        server = Server(
            round_,
            dim,
            self.grid.bits,
            self.topology,
            drawn,
            malicious=self.malicious,
            keep_masked=keep_masked,
        )
        return SecureRound(server, self._clients(numbers, round_))

    def _clients(self, numbers: Sequence[int], round_: int) -> dict[int, SecureClient]:
        if not self.malicious:
            return {k: SecureClient(k, round_, self._secrets("client", k)) for k in numbers}
        signing = {
            k: Ed25519PrivateKey.from_private_bytes(self._secrets("identity", k)(SECRET_BYTES))
            for k in numbers
        }
        directory = {k: key.public_key().public_bytes_raw() for k, key in signing.items()}
        return {
            k: SecureClient(
                k,
                round_,
                self._secrets("client", k),
                minimum=len(numbers),
                malicious=True,
                identity=SigningIdentity(signing[k], directory),
            )
            for k in numbers
        }

    def traffic(self, clients: int, dim: int) -> Traffic:
        """The bytes of a round without drop-outs, by playing one without coordinates: they depend on no vector."""
        if not clients:
            return Traffic(0, 0)
        dry = replace(self, keys=None, noise=None, minimum=LEAST, round=0)
        up, down = dry.serve([Message(k, torch.zeros(0)) for k in range(clients)], 0).traffic
        return Traffic(up + clients * dim * word(self.grid.bits).itemsize, down)

    def encoded(self, message: Message, dim: int) -> NDArray[np.int64]:
        """Integers [d] that a client masks: its message on the grid, and its noise."""
        client, shape = message.client, tuple(message.vector.shape)
        if shape != (dim,):
            raise WrongLengthError(f"client {client} sends a vector of shape {shape}; agreed are ({dim},)")
        try:
            integers = self.grid.encode(message.vector, self._rounding_of(client))
        except OutOfRangeError as error:
            raise OutOfRangeError(f"client {client}: {error}") from None
        return self._with_noise(client, integers) if self.noise else integers

    def _rounding_of(self, client: int) -> torch.Generator | None:
        return (
            self.rounding("client", client, "round", self.round or 0, "rounding") if self.rounding else None
        )

    def _with_noise(self, client: int, integers: NDArray[np.int64]) -> NDArray[np.int64]:
        assert self.noise is not None
        noisy = integers + self.noise(client, self.round or 0, len(integers))
        if int(np.abs(noisy).max(initial=0)) > self.grid.room:
            raise OutOfRangeError(
                f"client {client}'s noise leaves the grid: its sum could wrap around; use more bits"
            )
        return noisy

    def _check(self, numbers: Sequence[int], summed: int) -> None:
        if len(numbers) > self.grid.clients:
            raise OutOfRangeError(
                f"{len(numbers)} messages on a grid for {self.grid.clients}; the sum could wrap around"
            )
        if len(numbers) != len(set(numbers)):
            raise RepeatedMessageError(f"client {max(numbers, key=numbers.count)} sent more than one message")
        if summed < self.minimum:
            raise TooFewClientsError(
                f"{summed} messages to sum, a sum of fewer than {self.minimum} hides none"
            )

    def _secrets(self, *names: str | int) -> Secrets:
        if self.keys is None:
            return os.urandom
        return stream_secrets(self.keys(*names, "round", self.round or 0, NAME))


class RunningSecureSum:
    """A secure sum that is given a round's messages in parts; zero for an empty round."""

    def __init__(self, secure: SecureSum, clients: Sequence[int], dim: int) -> None:
        self._secure, self._dim = secure, dim
        self._round = secure.opened(clients, dim, keep_masked=False) if clients else None

    def add(self, messages: Sequence[Message]) -> None:
        for message in messages:
            assert self._round is not None
            self._round.send(message.client, self._secure.encoded(message, self._dim))

    def total(self) -> Tensor:
        if self._round is None:
            return torch.zeros(self._dim, dtype=torch.float64)
        return self._secure.grid.decode(self._round.finish().total)

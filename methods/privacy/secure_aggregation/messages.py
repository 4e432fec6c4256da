"""The messages of one round, in order:

client -> server   PublicKeys      two public keys
server -> client   Roster          the terms of the round, the public keys of the client's neighbours
client -> server   ShareBundle     its two secrets in shares, one envelope a neighbour
server -> client   Envelope ...    those that are addressed to it
client -> server   MaskedInput     its vector under all masks
server -> client   UnmaskRequest   whose message arrived and whose did not
client -> server   Reveal          self-mask shares of the first, key shares of the second

Against a malicious server, public keys are signed, and between the last two

client -> server   Confirmation    a signature of what the request says
server -> client   Confirmation .. those of all survivors
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from privtalk.methods.privacy.secure_aggregation.errors import StaleMessageError, TooFewClientsError

NUMBER_BYTES = 8
"""The bytes of a client's or round's number on the wire."""


class Terms(NamedTuple):
    """Public terms of one round, equal for all."""

    round: int
    """A number that no other round of the deployment has."""
    dim: int
    """d"""
    bits: int
    """b"""
    threshold: int
    """t"""
    clients: int
    """Vectors in the sum at most."""

    @property
    def room(self) -> int:
        """Largest |integer| that every vector may hold, so that the sum does not wrap around."""
        return int((2 ** (self.bits - 1) - 1) // max(1, self.clients))


class PublicKeys(NamedTuple):
    round: int
    client: int
    masking: bytes
    """32 bytes; its secret is shared, so that masks of a client that drops out can be taken off."""
    sealing: bytes
    """32 bytes; its secret never leaves the client."""
    signature: bytes = b""
    """64 bytes by the client's long-lived key, against a malicious server; empty otherwise."""

    @property
    def size(self) -> int:
        """Bytes on the wire."""
        return 2 * NUMBER_BYTES + len(self.masking) + len(self.sealing) + len(self.signature)


class Roster(NamedTuple):
    terms: Terms
    keys: Mapping[int, PublicKeys]
    """The keys of the client itself and of its neighbours."""

    @property
    def size(self) -> int:
        return len(self.terms) * NUMBER_BYTES + sum(keys.size for keys in self.keys.values())


class Envelope(NamedTuple):
    """Two shares under authenticated encryption, bound to round, sender and recipient."""

    round: int
    sender: int
    recipient: int
    sealed: bytes

    @property
    def size(self) -> int:
        return 3 * NUMBER_BYTES + len(self.sealed)


class ShareBundle(NamedTuple):
    round: int
    client: int
    commitment: bytes
    """SHA-256 of the self-mask's secret: a wrong recovery is noticed, the secret stays hidden."""
    envelopes: tuple[Envelope, ...]

    @property
    def size(self) -> int:
        return 2 * NUMBER_BYTES + len(self.commitment) + sum(e.size for e in self.envelopes)


@dataclass(frozen=True, slots=True, eq=False)
class MaskedInput:
    round: int
    client: int
    words: NDArray[np.unsignedinteger]
    """[d], modulo 2^b: uniform to whoever lacks a mask."""

    @property
    def size(self) -> int:
        return 2 * NUMBER_BYTES + self.words.nbytes


class UnmaskRequest(NamedTuple):
    round: int
    survivors: frozenset[int]
    """Holders whose masked input arrived."""
    dropped: frozenset[int]
    """Holders that shared secrets and sent nothing after."""

    @property
    def size(self) -> int:
        return NUMBER_BYTES * (1 + len(self.survivors) + len(self.dropped))


class Confirmation(NamedTuple):
    round: int
    client: int
    signature: bytes
    """64 bytes, of the request that this client was sent."""

    @property
    def size(self) -> int:
        return 2 * NUMBER_BYTES + len(self.signature)


class Reveal(NamedTuple):
    round: int
    client: int
    seeds: Mapping[int, bytes]
    """Survivor -> this client's share of its self-mask's secret."""
    keys: Mapping[int, bytes]
    """Dropped client -> this client's share of its masking key."""

    @property
    def size(self) -> int:
        shares = (*self.seeds.values(), *self.keys.values())
        return 2 * NUMBER_BYTES + sum(NUMBER_BYTES + len(s) for s in shares)


def check_round(expected: int, found: int, what: str) -> None:
    if found != expected:
        raise StaleMessageError(f"{what} is of round {found}, this is round {expected}")


def check_enough(found: int, threshold: int, client: int) -> None:
    if found < threshold:
        raise TooFewClientsError(
            f"{found} of client {client}'s holders are left, its secrets need {threshold}: start another round"
        )

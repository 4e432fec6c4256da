"""Signatures against a server that deviates (Bonawitz et al. 2017, sections 6.2 and 4, figure 4).

Every client has a long-lived signing key (Ed25519, RFC 8032), and all know all clients' verification keys from a
directory that the server has no say in. Public keys are signed, so that the server cannot put its own in their place;
before a client reveals a share, it wants the signatures of a threshold of clients under the same lists of survivors and
drop-outs that it was sent itself. With a threshold t of n clients, no two lists can gather that while fewer than 2t - n
clients work with the server: at t = ⌊2n/3⌋ + 1, up to a third.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from privtalk.methods.privacy.secure_aggregation.errors import (
    InconsistentError,
    RefusedRequestError,
    RepeatedMessageError,
    TamperedError,
    UnknownClientError,
)
from privtalk.methods.privacy.secure_aggregation.keys import PROTOCOL
from privtalk.methods.privacy.secure_aggregation.messages import (
    NUMBER_BYTES,
    Confirmation,
    PublicKeys,
    UnmaskRequest,
    check_enough,
    check_round,
)


def least_threshold(clients: int) -> int:
    """⌊2n/3⌋ + 1: the least threshold that two lists cannot both reach against up to a third of the clients.

    >>> [least_threshold(n) for n in (2, 3, 6, 9)]
    [2, 3, 5, 7]
    """
    return 2 * clients // 3 + 1


@dataclass(frozen=True, slots=True)
class SigningIdentity:
    """The signing key that one client brings against a malicious server; kept over rounds."""

    key: Ed25519PrivateKey = field(repr=False)
    directory: Mapping[int, bytes]
    """Client -> its verification key, 32 bytes, from a place that the server cannot write to."""

    def sign(self, message: bytes) -> bytes:
        return self.key.sign(message)

    def check(self, client: int, message: bytes, signature: bytes, what: str) -> None:
        """Raises unless the client's own key made the signature."""
        if client not in self.directory:
            raise UnknownClientError(f"client {client} is not in the directory of verification keys")
        try:
            Ed25519PublicKey.from_public_bytes(self.directory[client]).verify(signature, message)
        except (InvalidSignature, ValueError, TypeError):
            raise TamperedError(f"client {client}'s signature of {what} does not verify") from None

    def check_own(self, client: int) -> None:
        """Raises unless the directory has this very key under the client's number."""
        if self.directory.get(client) != self.key.public_key().public_bytes_raw():
            raise RefusedRequestError(f"the directory does not hold client {client}'s own verification key")

    def check_all(self, keys: Iterable[PublicKeys]) -> None:
        """Raises unless each client signed its own public keys of this round."""
        for one in keys:
            self.check(one.client, keys_message(one), one.signature, f"its public keys of round {one.round}")

    def check_consistent(
        self, request: UnmaskRequest, confirmations: Iterable[Confirmation], threshold: int, client: int
    ) -> None:
        """Raises unless a threshold of survivors signed the request that this client was sent, and nobody another."""
        confirmed: set[int] = set()
        for found in confirmations:
            check_round(request.round, found.round, f"the confirmation of client {found.client}")
            if found.client in request.dropped:
                raise InconsistentError(f"client {found.client} is said to have dropped out, and confirms")
            if found.client not in request.survivors:
                raise UnknownClientError(f"client {found.client} confirms and is no survivor")
            if found.client in confirmed:
                raise RepeatedMessageError(f"client {found.client} confirms twice")
            try:
                self.check(found.client, request_message(request), found.signature, "the survivors")
            except TamperedError:
                raise InconsistentError(
                    f"client {found.client} did not sign what client {client} was told of survivors and drop-outs: "
                    "the server tells them different things"
                ) from None
            confirmed.add(found.client)
        check_enough(len(confirmed), threshold, client)


def keys_message(keys: PublicKeys) -> bytes:
    """The bytes that are signed of a client's public keys."""
    return _message("keys", keys.round, keys.client) + keys.masking + keys.sealing


def request_message(request: UnmaskRequest) -> bytes:
    """The bytes that are signed of who survived and who dropped out."""
    survivors, dropped = sorted(request.survivors), sorted(request.dropped)
    return _message("survivors", request.round, len(survivors), *survivors, *dropped)


def _message(purpose: str, *numbers: int) -> bytes:
    whole = b"".join(number.to_bytes(NUMBER_BYTES, "big") for number in numbers)
    return PROTOCOL + f"|signed|{purpose}|".encode() + whole

"""Secrets, X25519 key agreement (RFC 7748) and HKDF-SHA256 (RFC 5869).

A derived key is bound to its purpose, the round, both clients and both public keys, and serves once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from privtalk.methods.privacy.secure_aggregation.errors import TamperedError

PROTOCOL = b"privtalk secure aggregation 1"
SECRET_BYTES = 32

Secrets = Callable[[int], bytes]
"""n -> n secret bytes. `os.urandom` is one, and the one for deployment."""


def stream_secrets(generator: torch.Generator) -> Secrets:
    """Secrets that can be repeated, for simulations: who knows the seed knows them all."""

    def draw(count: int) -> bytes:
        return torch.randint(256, (count,), generator=generator, dtype=torch.uint8).numpy().tobytes()

    return draw


class KeyPair(NamedTuple):
    """Made anew for every round."""

    secret: bytes
    """32 bytes, as drawn."""
    private: X25519PrivateKey
    public: bytes
    """32 bytes."""

    @classmethod
    def of(cls, secret: bytes) -> KeyPair:
        private = X25519PrivateKey.from_private_bytes(secret)
        return cls(secret, private, private.public_key().public_bytes_raw())


class KeyBinding(NamedTuple):
    """The names that a derived key is bound to."""

    purpose: str
    round: int
    sender: int
    recipient: int

    def label(self) -> bytes:
        return PROTOCOL + f"|{self.purpose}|{self.round}|{self.sender}|{self.recipient}|".encode()


class Agreed(NamedTuple):
    """The secret that two clients have in common, from which keys for several purposes are derived."""

    shared: bytes
    """X25519's, 32 bytes; not yet a key."""
    publics: bytes
    """Both public keys, in the order of their bytes."""

    def key(self, link: KeyBinding) -> bytes:
        """32 bytes, of this link alone."""
        info = link.label() + self.publics
        return HKDF(algorithm=SHA256(), length=SECRET_BYTES, salt=None, info=info).derive(self.shared)


def agree(own: KeyPair, other: bytes) -> Agreed:
    """The same at both ends, each from its own secret and the other's public key."""
    try:
        shared = own.private.exchange(X25519PublicKey.from_public_bytes(other))
    except ValueError:
        raise TamperedError(f"{other.hex()[:16]}… is not a valid public key") from None
    return Agreed(shared, b"".join(sorted((own.public, other))))

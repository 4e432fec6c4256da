"""Authenticated encryption of shares: ChaCha20-Poly1305 (RFC 8439), a key for each direction and round.

The associated data names round, sender and recipient: an envelope that is changed, delivered to another
client, or kept for another round does not open.
"""

from __future__ import annotations

from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from privtalk.methods.privacy.secure_aggregation.errors import TamperedError
from privtalk.methods.privacy.secure_aggregation.keys import Agreed, KeyBinding, Secrets
from privtalk.methods.privacy.secure_aggregation.messages import Envelope
from privtalk.methods.privacy.secure_aggregation.shamir import SHARE_BYTES

_NONCE_BYTES = 12
_TAG_BYTES = 16
SEALED_BYTES = _NONCE_BYTES + 2 * SHARE_BYTES + _TAG_BYTES


def share_link(round_: int, sender: int, recipient: int) -> KeyBinding:
    """The way of an envelope."""
    return KeyBinding("share", round_, sender, recipient)


class SharePair(NamedTuple):
    """One holder's shares of one client's two secrets; never both revealed."""

    seed: bytes
    """The share of the self-mask's secret."""
    key: bytes
    """The share of the masking key."""


def seal(shares: SharePair, agreed: Agreed, link: KeyBinding, secrets: Secrets) -> Envelope:
    """Addressed along `link`."""
    nonce = secrets(_NONCE_BYTES)
    box = ChaCha20Poly1305(agreed.key(link))
    sealed = nonce + box.encrypt(nonce, shares.seed + shares.key, link.label())
    return Envelope(link.round, link.sender, link.recipient, sealed)


def unseal(envelope: Envelope, agreed: Agreed, link: KeyBinding) -> SharePair:
    """The content that the sender put in."""
    nonce, sealed = envelope.sealed[:_NONCE_BYTES], envelope.sealed[_NONCE_BYTES:]
    try:
        opened = ChaCha20Poly1305(agreed.key(link)).decrypt(nonce, sealed, link.label())
    except (InvalidTag, ValueError):
        raise TamperedError(
            f"the share of client {link.sender} for client {link.recipient} fails authentication"
        ) from None
    if len(opened) != 2 * SHARE_BYTES:
        raise TamperedError(
            f"the share of client {link.sender} for client {link.recipient} has a wrong length"
        )
    return SharePair(opened[:SHARE_BYTES], opened[SHARE_BYTES:])

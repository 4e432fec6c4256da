"""The checks of every field of a message before it is used: its type, its size and its range, one line an error."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any

import numpy as np

from privtalk.methods.privacy.secure_aggregation.errors import (
    MalformedError,
    OutOfRangeError,
    UnknownClientError,
)
from privtalk.methods.privacy.secure_aggregation.grid import MOST_BITS
from privtalk.methods.privacy.secure_aggregation.messages import (
    NUMBER_BYTES,
    Confirmation,
    Envelope,
    MaskedInput,
    PublicKeys,
    Reveal,
    Roster,
    ShareBundle,
    Terms,
    UnmaskRequest,
)
from privtalk.methods.privacy.secure_aggregation.sealing import SEALED_BYTES
from privtalk.methods.privacy.secure_aggregation.shamir import PRIME, SHARE_BYTES

KEY_BYTES = 32
COMMITMENT_BYTES = 32
SIGNATURE_BYTES = 64
BEYOND = 2 ** (8 * NUMBER_BYTES)
"""The bound that numbers on the wire lie below."""


def check_kind(value: Any, kind: type[Any], what: str) -> Any:
    """The value itself; refused where it is of another type."""
    if not isinstance(value, kind):
        raise MalformedError(f"{what} is {type(value).__name__}, must be {kind.__name__}")
    return value


def check_whole(value: object, what: str) -> int:
    """A number as it goes over the wire."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise MalformedError(f"{what} is {type(value).__name__}, must be a whole number")
    if not 0 <= value < BEYOND:
        raise MalformedError(
            f"{what} is out of range: numbers are not negative and below 2^{8 * NUMBER_BYTES}"
        )
    return value


def check_client(value: object) -> int:
    """A client's number: it holds the shares at the point number + 1, which must not be 0 in the field."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise MalformedError(f"a client's number is {type(value).__name__}, must be a whole number")
    if not 0 <= value < BEYOND:
        shown = value if abs(value) < BEYOND else "beyond that"
        raise UnknownClientError(f"client {shown}: numbers are not negative and below 2^{8 * NUMBER_BYTES}")
    return value


def check_bytes(value: object, size: int, what: str) -> None:
    if not isinstance(value, bytes):
        raise MalformedError(f"{what} is {type(value).__name__}, must be {size} bytes")
    if len(value) != size:
        raise MalformedError(f"{what} has {len(value)} bytes, must have {size}")


def check_share(value: object, what: str) -> None:
    """One element of the field."""
    check_bytes(value, SHARE_BYTES, what)
    assert isinstance(value, bytes)
    if int.from_bytes(value, "big") >= PRIME:
        raise MalformedError(f"{what} is no element of the field")


def check_terms(terms: Terms) -> None:
    """Numbers that a round can be played with: the sum of so many vectors fits into so many bits."""
    check_kind(terms, Terms, "the terms of the round")
    for name, value in terms._asdict().items():
        check_whole(value, f"{name} of the round's terms")
    if not 2 <= terms.bits <= MOST_BITS:
        raise OutOfRangeError(f"{terms.bits} bits; a sum needs 2 to {MOST_BITS}")
    if terms.room < 1:
        raise OutOfRangeError(
            f"{terms.bits} bits do not hold a sum of {terms.clients} clients; use more bits"
        )


def check_keys(keys: PublicKeys, signed: bool) -> None:
    check_kind(keys, PublicKeys, "a client's keys")
    check_whole(keys.round, "the round of a client's keys")
    whose = f"client {check_client(keys.client)}'s"
    check_bytes(keys.masking, KEY_BYTES, f"{whose} masking key")
    check_bytes(keys.sealing, KEY_BYTES, f"{whose} sealing key")
    check_bytes(keys.signature, SIGNATURE_BYTES if signed else 0, f"the signature of {whose} keys")


def check_roster(roster: Roster, signed: bool) -> None:
    check_kind(roster, Roster, "the roster")
    check_terms(roster.terms)
    check_kind(roster.keys, Mapping, "the roster's keys")
    for number, keys in roster.keys.items():
        check_client(number)
        check_keys(keys, signed)


def check_envelope(envelope: Envelope) -> None:
    """Who and where; what is inside is looked at once it is known to be expected."""
    check_kind(envelope, Envelope, "an envelope")
    check_whole(envelope.round, "the round of an envelope")
    check_client(envelope.sender)
    check_client(envelope.recipient)


def check_sealed(envelope: Envelope) -> None:
    check_bytes(
        envelope.sealed, SEALED_BYTES, f"client {envelope.sender}'s envelope for {envelope.recipient}"
    )


def check_bundle(bundle: ShareBundle) -> None:
    check_kind(bundle, ShareBundle, "a client's shares")
    check_whole(bundle.round, "the round of a client's shares")
    check_bytes(bundle.commitment, COMMITMENT_BYTES, f"client {check_client(bundle.client)}'s commitment")
    for envelope in check_kind(bundle.envelopes, tuple, f"client {bundle.client}'s envelopes"):
        check_envelope(envelope)


def check_masked(masked: MaskedInput) -> None:
    check_kind(masked, MaskedInput, "a masked vector")
    check_whole(masked.round, "the round of a masked vector")
    check_kind(masked.words, np.ndarray, f"client {check_client(masked.client)}'s masked vector")


def check_words(masked: MaskedInput, bits: int) -> None:
    if int(masked.words.max(initial=0)) >> bits:
        raise OutOfRangeError(f"client {masked.client} sends a word beyond {bits} bits")


def check_request(request: UnmaskRequest) -> None:
    check_kind(request, UnmaskRequest, "the request to unmask")
    check_whole(request.round, "the round of the request to unmask")
    for name in ("survivors", "dropped"):
        for client in check_kind(getattr(request, name), Set, f"{name} of the request to unmask"):
            check_client(client)


def check_confirmation(found: Confirmation) -> None:
    check_kind(found, Confirmation, "a confirmation")
    check_whole(found.round, "the round of a confirmation")
    check_bytes(found.signature, SIGNATURE_BYTES, f"client {check_client(found.client)}'s confirmation")


def check_reveal(reveal: Reveal) -> None:
    check_kind(reveal, Reveal, "a client's reveal")
    check_whole(reveal.round, "the round of a reveal")
    check_client(reveal.client)
    for name in ("seeds", "keys"):
        shares: Mapping[Any, Any] = check_kind(
            getattr(reveal, name), Mapping, f"{name} that client {reveal.client} reveals"
        )
        for client, share in shares.items():
            check_share(share, f"client {reveal.client}'s share of client {check_client(client)}'s secret")

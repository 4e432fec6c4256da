"""One client in one round. It keeps the secrets, and it refuses: the server is trusted with the sum alone.

A client reveals for each holder either the share of its self-mask or that of its key, once; it masks one vector, once.
With `malicious`, it also wants signatures for what it believes: of the others' public keys, and of who survived.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from privtalk.methods.privacy.secure_aggregation import checks, masks, shamir
from privtalk.methods.privacy.secure_aggregation.errors import (
    OutOfRangeError,
    RefusedRequestError,
    RepeatedMessageError,
    StaleMessageError,
    TooFewClientsError,
    UnknownClientError,
    WrongLengthError,
)
from privtalk.methods.privacy.secure_aggregation.keys import (
    SECRET_BYTES,
    Agreed,
    KeyBinding,
    KeyPair,
    Secrets,
    agree,
)
from privtalk.methods.privacy.secure_aggregation.messages import (
    Confirmation,
    Envelope,
    MaskedInput,
    PublicKeys,
    Reveal,
    Roster,
    ShareBundle,
    UnmaskRequest,
    check_enough,
    check_round,
)
from privtalk.methods.privacy.secure_aggregation.sealing import SharePair, seal, share_link, unseal
from privtalk.methods.privacy.secure_aggregation.signatures import (
    SigningIdentity,
    keys_message,
    least_threshold,
    request_message,
)

STEPS = ("advertise", "share", "mask", "confirm", "reveal")
LEAST = 2
"""Clients on a roster: the vector of one alone would be the sum."""


def pair_key(own: KeyPair, other: bytes, round_: int, one: int, two: int) -> bytes:
    """Key of the mask that two clients share; the lower number adds it, the higher subtracts it."""
    return agree(own, other).key(KeyBinding("mask", round_, min(one, two), max(one, two)))


class SecureClient:
    """The steps, in order, each once; `confirm` with `malicious` alone."""

    _roster: Roster
    _own: SharePair
    _inbox: Mapping[int, Envelope]
    _request: UnmaskRequest | None = None

    def __init__(
        self,
        number: int,
        round_: int,
        secrets: Secrets,
        *,
        minimum: int = LEAST,
        malicious: bool = False,
        identity: SigningIdentity | None = None,
    ) -> None:
        """`secrets` is `os.urandom` in a deployment.

        minimum: fewest clients on a roster that this one takes part with. malicious: trust the server with nothing
        but the sum, given an `identity`; a third of `minimum` clients may then work with it.
        """
        self.number = checks.check_client(number)
        self.round = checks.check_whole(round_, "the round")
        if minimum < LEAST:
            raise TooFewClientsError(
                f"minimum is {minimum}, a client alone would be unmasked: at least {LEAST}"
            )
        if malicious != (identity is not None):
            raise RefusedRequestError("malicious=True goes with an identity to sign with, and only that does")
        if identity is not None:
            identity.check_own(number)
        self._minimum, self._identity = minimum, identity
        self._secrets = secrets
        self._masking, self._sealing = KeyPair.of(secrets(SECRET_BYTES)), KeyPair.of(secrets(SECRET_BYTES))
        self._seed = secrets(SECRET_BYTES)
        self._agreed: dict[int, Agreed] = {}
        self._step = 0

    def advertise(self) -> PublicKeys:
        """The public keys of the round."""
        self._due("advertise")
        self._step += 1
        return self._public

    def share(self, roster: Roster) -> ShareBundle:
        """The self-mask's secret and the masking key, in shares for all holders; the own ones stay here."""
        self._due("share")
        self._check_roster(roster)
        self._step, self._roster = self._step + 1, roster
        holders, threshold = sorted(roster.keys), roster.terms.threshold
        seeds = shamir.share(self._seed, holders, threshold, self._secrets)
        keys = shamir.share(self._masking.secret, holders, threshold, self._secrets)
        self._own = SharePair(seeds[self.number], keys[self.number])
        envelopes = tuple(self._seal(k, SharePair(seeds[k], keys[k])) for k in holders if k != self.number)
        return ShareBundle(self.round, self.number, hashlib.sha256(self._seed).digest(), envelopes)

    def mask(self, integers: NDArray[np.int64], envelopes: Iterable[Envelope]) -> MaskedInput:
        """The vector [d] under its self-mask and a mask for every neighbour of whom there is an envelope."""
        self._due("mask")
        self._check_vector(integers)
        inbox = self._received(envelopes)
        self._step, self._inbox = self._step + 1, inbox
        bits = self._roster.terms.bits
        words = masks.to_words(integers, bits)
        masks.add_mask(words, self._seed, bits)
        for other in inbox:
            apply = masks.add_mask if self.number < other else masks.subtract_mask
            key = pair_key(self._masking, self._roster.keys[other].masking, self.round, self.number, other)
            apply(words, key, bits)
        return MaskedInput(self.round, self.number, masks.reduce(words, bits))

    def confirm(self, request: UnmaskRequest) -> Confirmation:
        """A signature of who survived and who dropped out, as this client was told."""
        if self._identity is None:
            raise RefusedRequestError("only a client with malicious=True confirms")
        self._due("confirm")
        self._check_request(request)
        self._step, self._request = self._step + 1, request
        return Confirmation(self.round, self.number, self._identity.sign(request_message(request)))

    def reveal(self, request: UnmaskRequest, confirmations: Iterable[Confirmation] = ()) -> Reveal:
        """Shares of the self-masks of survivors and of the keys of the dropped; of no one both."""
        self._due("reveal")
        self._check_request(request)
        if self._identity is not None:
            self._check_confirmed(self._identity, request, confirmations)
        self._step = len(STEPS)
        seeds = {k: self._shares_of(k).seed for k in sorted(request.survivors)}
        keys = {k: self._shares_of(k).key for k in sorted(request.dropped)}
        return Reveal(self.round, self.number, seeds, keys)

    @property
    def _public(self) -> PublicKeys:
        keys = PublicKeys(self.round, self.number, self._masking.public, self._sealing.public)
        if self._identity is None:
            return keys
        return keys._replace(signature=self._identity.sign(keys_message(keys)))

    def _due(self, step: str) -> None:
        due = STEPS.index(step)
        if step == "reveal" and self._identity is None and self._step == STEPS.index("confirm"):
            return
        if self._step > due:
            raise RepeatedMessageError(
                f"client {self.number} did '{step}' in round {self.round}; it is done once"
            )
        if self._step < due:
            raise StaleMessageError(f"client {self.number} cannot '{step}' before '{STEPS[self._step]}'")

    def _seal(self, other: int, shares: SharePair) -> Envelope:
        way = share_link(self.round, self.number, other)
        self._agreed[other] = agree(self._sealing, self._roster.keys[other].sealing)
        return seal(shares, self._agreed[other], way, self._secrets)

    def _shares_of(self, other: int) -> SharePair:
        if other == self.number:
            return self._own
        way = share_link(self.round, other, self.number)
        return unseal(self._inbox[other], self._agreed[other], way)

    def _check_roster(self, roster: Roster) -> None:
        checks.check_roster(roster, signed=self._identity is not None)
        check_round(self.round, roster.terms.round, "the roster")
        if roster.keys.get(self.number) != self._public:
            raise RefusedRequestError(f"the roster does not hold client {self.number}'s own keys")
        if any(k != keys.client or keys.round != self.round for k, keys in roster.keys.items()):
            raise RefusedRequestError("the roster holds keys of another client or round")
        parts = [key for keys in roster.keys.values() for key in (keys.masking, keys.sealing)]
        if len(set(parts)) < len(parts):
            raise RefusedRequestError("the roster holds a key twice")
        holders, terms = len(roster.keys), roster.terms
        if holders < self._minimum:
            raise TooFewClientsError(
                f"{holders} on client {self.number}'s roster, at least {self._minimum} must be: fewer would unmask it"
            )
        if not holders < 2 * terms.threshold:
            raise RefusedRequestError(f"a threshold of {terms.threshold} is no majority of {holders} holders")
        if terms.clients < holders:
            raise RefusedRequestError(f"terms for {terms.clients} clients, {holders} are on the roster")
        if self._identity is not None:
            self._check_signed(self._identity, roster)

    def _check_signed(self, identity: SigningIdentity, roster: Roster) -> None:
        """Checks what a malicious server could choose: whose keys these are, who sees them, how many open them."""
        holders, terms = len(roster.keys), roster.terms
        if terms.clients != holders:
            raise RefusedRequestError(
                f"{holders} of {terms.clients} clients on a roster; signatures want all on each"
            )
        if terms.threshold < least_threshold(holders):
            raise RefusedRequestError(
                f"a threshold of {terms.threshold} of {holders} holders; against a malicious server it takes "
                f"{least_threshold(holders)}, two thirds and one"
            )
        identity.check_all(roster.keys.values())

    def _check_vector(self, integers: NDArray[np.int64]) -> None:
        terms = self._roster.terms
        checks.check_kind(integers, np.ndarray, f"client {self.number}'s vector")
        if integers.shape != (terms.dim,):
            raise WrongLengthError(f"a vector of shape {integers.shape}; agreed are {terms.dim} coordinates")
        if integers.dtype != np.int64:
            raise WrongLengthError(f"a vector of {integers.dtype}; the grid's integers are int64")
        largest = max(int(integers.max(initial=0)), -int(integers.min(initial=0)))
        if largest > terms.room:
            raise OutOfRangeError(
                f"client {self.number}'s vector reaches {largest}, beyond {terms.room} the sum of {terms.clients} "
                f"vectors in {terms.bits} bits could wrap around; use more bits"
            )

    def _received(self, envelopes: Iterable[Envelope]) -> dict[int, Envelope]:
        inbox: dict[int, Envelope] = {}
        neighbours = self._roster.keys.keys() - {self.number}
        for envelope in envelopes:
            checks.check_envelope(envelope)
            sender, recipient = envelope.sender, envelope.recipient
            check_round(self.round, envelope.round, f"an envelope of client {sender}")
            if recipient != self.number or sender not in neighbours:
                raise UnknownClientError(f"client {self.number} got an envelope from {sender} to {recipient}")
            if sender in inbox:
                raise RepeatedMessageError(f"client {self.number} got a second envelope of client {sender}")
            checks.check_sealed(envelope)
            inbox[sender] = envelope
        check_enough(1 + len(inbox), self._roster.terms.threshold, self.number)
        return inbox

    def _check_confirmed(
        self, identity: SigningIdentity, request: UnmaskRequest, confirmations: Iterable[Confirmation]
    ) -> None:
        if request != self._request:
            raise RefusedRequestError(f"client {self.number} confirmed another request than it is sent now")
        found = list(confirmations)
        for one in found:
            checks.check_confirmation(one)
        identity.check_consistent(request, found, self._roster.terms.threshold, self.number)

    def _check_request(self, request: UnmaskRequest) -> None:
        checks.check_request(request)
        check_round(self.round, request.round, "the request to unmask")
        if both := request.survivors & request.dropped:
            raise RefusedRequestError(
                f"both shares of client {min(both)} are asked for; together they unmask it"
            )
        if self.number not in request.survivors:
            raise RefusedRequestError(
                f"client {self.number} sent its vector, the server counts it as dropped"
            )
        if unknown := (request.survivors | request.dropped) - self._inbox.keys() - {self.number}:
            raise UnknownClientError(f"client {min(unknown)} shared no secret with client {self.number}")
        check_enough(len(request.survivors), self._roster.terms.threshold, self.number)

"""The server in one round: it carries envelopes, adds up masked vectors, and takes off the masks of their sum alone.

Anything that does not fit is refused, and a round that was refused once gives no sum. Where clients take it for
malicious, it also carries their signatures, of which it needs to believe none: they do not protect it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from privtalk.methods.privacy.secure_aggregation import checks, masks, shamir
from privtalk.methods.privacy.secure_aggregation.client import LEAST, pair_key
from privtalk.methods.privacy.secure_aggregation.errors import (
    RepeatedMessageError,
    StaleMessageError,
    TamperedError,
    TooFewClientsError,
    UnknownClientError,
    WrongLengthError,
)
from privtalk.methods.privacy.secure_aggregation.graph import Topology, holders
from privtalk.methods.privacy.secure_aggregation.keys import KeyPair, Secrets
from privtalk.methods.privacy.secure_aggregation.messages import (
    Confirmation,
    Envelope,
    MaskedInput,
    PublicKeys,
    Reveal,
    Roster,
    ShareBundle,
    Terms,
    UnmaskRequest,
    check_enough,
    check_round,
)
from privtalk.methods.privacy.secure_aggregation.signatures import least_threshold

PHASES = ("public keys", "shares", "masked inputs", "confirmations", "reveals")
KEYS, SHARES, MASKED, CONFIRMATIONS, REVEALS = range(len(PHASES))
LOST = len(PHASES) + 1


class _Received(Protocol):
    @property
    def round(self) -> int: ...
    @property
    def client(self) -> int: ...


class Server:
    """Takes what clients send, phase by phase; `rosters`, `inboxes`, `requests` and `total` each close a phase, and
    with `malicious` so does `confirmations`, before reveals.

    A message that does not fit is refused and not counted: its client may be taken as dropped. A phase that cannot be
    closed ends the round.
    """

    def __init__(
        self,
        round_: int,
        dim: int,
        bits: int,
        topology: Topology,
        secrets: Secrets,
        *,
        malicious: bool = False,
        keep_masked: bool = True,
    ) -> None:
        """`secrets` draws the order of the ring of neighbours.

        malicious: clients take the server for one; they sign, everyone is everyone's neighbour, and the threshold is at
        least two thirds of them and one.
        keep_masked: whether masked vectors stay after they were added, for who plays a curious server (`masked`).
        """
        checks.check_kind(topology, Topology, "the topology")
        checks.check_terms(Terms(round_, dim, bits, threshold=1, clients=1))
        if malicious and topology.degree is not None:
            raise TooFewClientsError(
                f"{topology.degree} neighbours: signatures against a malicious server want everyone; use degree=None"
            )
        self.round, self.malicious = round_, malicious
        self._dim, self._bits = dim, bits
        self._topology, self._secrets = topology, secrets
        self._phase = KEYS
        self._threshold = 0
        self._holders: Mapping[int, tuple[int, ...]] = {}
        self._keys: dict[int, PublicKeys] = {}
        self._bundles: dict[int, ShareBundle] = {}
        self._arrived: set[int] = set()
        self._masked: dict[int, masks.Words] | None = {} if keep_masked else None
        self._words = np.zeros(dim, masks.word(bits))
        self._confirmed: dict[int, Confirmation] = {}
        self._reveals: dict[int, Reveal] = {}

    def receive_keys(self, keys: PublicKeys) -> None:
        """Whoever sends keys in time takes part."""
        checks.check_keys(keys, self.malicious)
        self._check(KEYS, keys, self._keys, {keys.client})
        self._keys[keys.client] = keys

    def rosters(self) -> dict[int, Roster]:
        """Draws the neighbours among those who sent keys."""
        with self._closing(KEYS):
            clients = len(self._keys)
            if clients < LEAST:
                raise TooFewClientsError(
                    f"{clients} clients in round {self.round}, a sum of fewer than {LEAST} hides none"
                )
            degree = clients - 1 if self.malicious else self._topology.degree_for(clients)
            self._holders = holders(self._keys, degree, self._secrets)
            self._threshold = self._topology.threshold_for(degree + 1)
            if self.malicious:
                self._threshold = max(self._threshold, least_threshold(clients))
            terms = Terms(self.round, self._dim, self._bits, self._threshold, clients)
            checks.check_terms(terms)
            return {k: Roster(terms, {j: self._keys[j] for j in group}) for k, group in self._holders.items()}

    def receive_shares(self, bundle: ShareBundle) -> None:
        """One envelope for each neighbour."""
        checks.check_bundle(bundle)
        self._check(SHARES, bundle, self._bundles, self._keys)
        recipients = [(e.round, e.sender, e.recipient) for e in bundle.envelopes]
        others = (j for j in self._holders[bundle.client] if j != bundle.client)
        if sorted(recipients) != [(self.round, bundle.client, j) for j in others]:
            raise UnknownClientError(
                f"client {bundle.client}'s envelopes are not one for each of its neighbours"
            )
        for envelope in bundle.envelopes:
            checks.check_sealed(envelope)
        self._bundles[bundle.client] = bundle

    def inboxes(self) -> dict[int, list[Envelope]]:
        """Envelopes to those who shared, from those who shared."""
        with self._closing(SHARES):
            found: dict[int, list[Envelope]] = {k: [] for k in sorted(self._bundles)}
            for k in found:
                check_enough(len(self._among(k, self._bundles)), self._threshold, k)
                for envelope in self._bundles[k].envelopes:
                    if envelope.recipient in found:
                        found[envelope.recipient].append(envelope)
            return found

    def receive_masked(self, masked: MaskedInput) -> None:
        """The vector of one client, under its masks."""
        checks.check_masked(masked)
        self._check(MASKED, masked, self._arrived, self._bundles)
        words, word = masked.words, masks.word(self._bits)
        if words.shape != (self._dim,) or words.dtype != word:
            raise WrongLengthError(
                f"client {masked.client} sends {words.dtype} {words.shape}; agreed are {word} ({self._dim},)"
            )
        checks.check_words(masked, self._bits)
        np.add(self._words, words, out=self._words)
        self._arrived.add(masked.client)
        if self._masked is not None:
            self._masked[masked.client] = words

    def requests(self) -> dict[int, UnmaskRequest]:
        """The requests to each survivor; the round ends where a secret can no longer be recovered."""
        with self._closing(MASKED):
            for k in sorted(self._bundles):
                check_enough(len(self._among(k, self._arrived)), self._threshold, k)
            if not self._arrived:
                raise TooFewClientsError(f"no vector arrived in round {self.round}; start another")
            return {k: self._request(k) for k in self.survivors}

    def receive_confirmation(self, found: Confirmation) -> None:
        """The signature of one survivor; it is checked by the others."""
        checks.check_confirmation(found)
        self._check(CONFIRMATIONS, found, self._confirmed, self._arrived)
        self._confirmed[found.client] = found

    def confirmations(self) -> dict[int, tuple[Confirmation, ...]]:
        """All of them, to those who sent one."""
        with self._closing(CONFIRMATIONS):
            for k in sorted(self._confirmed):
                check_enough(len(self._confirmed), self._threshold, k)
            if not self._confirmed:
                raise TooFewClientsError(f"nobody confirmed who survived round {self.round}; start another")
            found = tuple(self._confirmed[k] for k in sorted(self._confirmed))
            return dict.fromkeys(sorted(self._confirmed), found)

    def receive_reveal(self, reveal: Reveal) -> None:
        """Just the shares that were asked for."""
        checks.check_reveal(reveal)
        self._check(REVEALS, reveal, self._reveals, self._confirmed if self.malicious else self._arrived)
        asked = self._request(reveal.client)
        if set(reveal.seeds) != asked.survivors or set(reveal.keys) != asked.dropped:
            raise UnknownClientError(f"client {reveal.client} reveals other shares than it was asked for")
        self._reveals[reveal.client] = reveal

    def total(self) -> NDArray[np.int64]:
        """Sum [d] of the vectors that arrived, in [-2^(b-1), 2^(b-1)), exact; it or nothing."""
        with self._closing(REVEALS):
            seeds = {k: self._seed(k) for k in self.survivors}
            pairs = {k: self._pair(k) for k in self.dropped}
            words = self._words.copy()
            for seed in seeds.values():
                masks.subtract_mask(words, seed, self._bits)
            for k, pair in pairs.items():
                self._take_off(words, k, pair)
            return masks.centred(words, self._bits)

    @property
    def masked(self) -> dict[int, NDArray[np.unsignedinteger]]:
        """Client -> its masked vector, as received; nobody where they are not kept."""
        return dict(sorted((self._masked or {}).items()))

    @property
    def survivors(self) -> tuple[int, ...]:
        """Those whose masked vector arrived."""
        return tuple(sorted(self._arrived))

    @property
    def dropped(self) -> tuple[int, ...]:
        """Those who shared their secrets and sent no vector."""
        return tuple(sorted(self._bundles.keys() - self._arrived))

    @property
    def neighbours(self) -> dict[int, tuple[int, ...]]:
        """Client -> those it shares masks with."""
        return {k: tuple(j for j in group if j != k) for k, group in self._holders.items()}

    @property
    def threshold(self) -> int:
        return self._threshold

    def _among(self, client: int, group: Container[int]) -> list[int]:
        return [k for k in self._holders[client] if k in group]

    def _request(self, client: int) -> UnmaskRequest:
        shared = set(self._among(client, self._bundles))
        arrived = frozenset(shared & self._arrived)
        return UnmaskRequest(self.round, arrived, frozenset(shared - arrived))

    def _seed(self, client: int) -> bytes:
        """The seed of a survivor's self-mask."""
        shares = {k: self._reveals[k].seeds[client] for k in self._among(client, self._reveals)}
        seed = self._recovered(client, shares)
        if hashlib.sha256(seed).digest() != self._bundles[client].commitment:
            raise TamperedError(
                f"client {client}'s self-mask is not the one committed to: a share was changed"
            )
        return seed

    def _pair(self, client: int) -> KeyPair:
        """Masking keys of a client that dropped out."""
        shares = {k: self._reveals[k].keys[client] for k in self._among(client, self._reveals)}
        pair = KeyPair.of(self._recovered(client, shares))
        if pair.public != self._keys[client].masking:
            raise TamperedError(f"client {client}'s key is not the one advertised: a share was changed")
        return pair

    def _recovered(self, client: int, shares: Mapping[int, bytes]) -> bytes:
        check_enough(len(shares), self._threshold, client)
        return shamir.recover(shares, self._threshold)

    def _take_off(self, words: masks.Words, lost: int, pair: KeyPair) -> None:
        """The masks that survivors share with a client that dropped out."""
        for k in self._among(lost, self._arrived):
            key = pair_key(pair, self._keys[k].masking, self.round, k, lost)
            (masks.subtract_mask if k < lost else masks.add_mask)(words, key, self._bits)

    def _check(self, phase: int, message: _Received, seen: Container[int], expected: Container[int]) -> None:
        check_round(self.round, message.round, f"a message of client {message.client}")
        if message.client not in expected:
            raise UnknownClientError(f"client {message.client} does not take part in {PHASES[phase]}")
        if message.client in seen:
            raise RepeatedMessageError(f"client {message.client} sent its {PHASES[phase]} already")
        self._at(phase)

    def _at(self, phase: int) -> None:
        if self._phase == LOST:
            raise StaleMessageError(f"round {self.round} is lost; start another")
        if self._phase != phase:
            raise StaleMessageError(f"round {self.round} is past {PHASES[phase]}, or not there yet")

    @contextmanager
    def _closing(self, phase: int) -> Iterator[None]:
        """One phase on, or the round is lost."""
        self._at(phase)
        self._phase = LOST
        yield
        skipped = phase == MASKED and not self.malicious
        self._phase = phase + (2 if skipped else 1)

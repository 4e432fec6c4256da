"""A message alone is indistinguishable from uniform, and tests that two published shortcuts fail.

The shortcuts take the place of the key stream in the same protocol:

- `seeded`: the key is folded to 32 bits that seed a Mersenne twister (flwr 1.42), and `folded`: as text, as that
  library's agreed keys are, of which 28 bits vary. Streams look uniform; keys collide, and all can be tried.
- `scalar`: one mask for all coordinates of a client. Differences of coordinates are open.
"""

from __future__ import annotations

import base64
import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import numba
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.stats import chi2

from privtalk.core.seeds import torch_stream
from privtalk.methods.messages import Message
from privtalk.methods.privacy.secure_aggregation import (
    IntegerGrid,
    SecureClient,
    SecureSum,
    Server,
    Topology,
    masks,
)
from privtalk.methods.privacy.secure_aggregation.client import pair_key
from privtalk.methods.privacy.secure_aggregation.keys import SECRET_BYTES, KeyPair, stream_secrets

KeyStream = Callable[[bytes, int, int], masks.Words]
DIM = 1 << 15
LEAK = 1e-6
"""Chance below which a statistic tells a message from uniform."""


# Ways to tell: each gives the chance of what is seen under uniform words


def byte_chance(words: masks.Words) -> float:
    """χ² of the histogram of bytes."""
    return uniform_chance(np.ascontiguousarray(words).view(np.uint8), 256)


def serial_chance(words: masks.Words) -> float:
    """χ² of pairs of neighbouring coordinates, by their upper four bits."""
    upper = (words >> (8 * words.itemsize - 4)).astype(np.int64)
    return uniform_chance(16 * upper[0::2] + upper[1::2], 256)


def difference_chance(words: masks.Words) -> float:
    """χ² of the upper byte of differences of neighbouring coordinates (disjoint pairs)."""
    return uniform_chance((words[1::2] - words[0::2]) >> (8 * words.itemsize - 8), 256)


def correlation_chance(words: masks.Words, vector: NDArray[np.int64]) -> float:
    """Of the correlation with the vector itself, by the normal law; 1 for a constant vector."""
    if np.ptp(vector) == 0:
        return 1.0
    r = np.corrcoef(masks.centred(words, 8 * words.itemsize), vector)[0, 1]
    return math.erfc(abs(r) * math.sqrt(len(vector) / 2))


def uniform_chance(values: NDArray[np.generic], buckets: int) -> float:
    counts = np.bincount(values.astype(np.int64), minlength=buckets)
    expected = len(values) / buckets
    return float(chi2.sf(((counts - expected) ** 2 / expected).sum(), buckets - 1))


def least_chance(words: masks.Words, vector: NDArray[np.int64]) -> float:
    return min(
        byte_chance(words),
        serial_chance(words),
        difference_chance(words),
        correlation_chance(words, vector),
    )


def collisions(stream: KeyStream, draws: int, seed: int = 0) -> int:
    """Pairs of fresh 32-byte keys whose streams begin alike (64 bits)."""
    keys = torch.randint(
        256, (draws, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed)
    ).numpy()
    heads = [stream(key.tobytes(), 2, 32).tobytes() for key in keys]
    return draws - len(set(heads))


# The two shortcuts


def fold(text: bytes) -> int:
    """flwr's: 4-byte words, little endian, XORed."""
    return int(np.bitwise_xor.reduce(np.frombuffer(text, "<u4")))


def folded(key: bytes, dim: int, bits: int) -> masks.Words:
    """28 bits."""
    return twisted(fold(base64.urlsafe_b64encode(key)), dim, bits)


def seeded(key: bytes, dim: int, bits: int) -> masks.Words:
    """32 bits."""
    return twisted(fold(key), dim, bits)


TWISTER = np.random.RandomState(0)


def twisted(seed: int, dim: int, bits: int) -> masks.Words:
    TWISTER.seed(seed)
    return TWISTER.randint(0, 2**32 - 1, dim, dtype=np.int64).astype(masks.word(bits))


def scalar(key: bytes, dim: int, bits: int) -> masks.Words:
    return np.full(dim, REAL(key, 1, bits)[0])


REAL = masks.key_stream


@contextmanager
def replaced(stream: KeyStream) -> Iterator[None]:
    """The protocol with another key stream."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(masks, "key_stream", stream)
        yield


# What a client sends


def vectors(levels: int) -> dict[str, NDArray[np.int64]]:
    """The plainest that a client could send."""
    return {
        "zero": np.zeros(DIM, np.int64),
        "largest": np.full(DIM, levels),
        "ramp": np.linspace(-levels, levels, DIM).astype(np.int64),
        "waves": (levels * np.sin(np.arange(DIM) / 50)).astype(np.int64),
        "sparse": np.where(np.arange(DIM) % 97, 0, levels),
    }


def sent(vector: NDArray[np.int64], seed: int, clients: int = 3) -> masks.Words:
    """Client 0's message in a round of the protocol."""
    grid = IntegerGrid(bound=1.0, clients=clients)
    messages = [Message(k, grid.decode(vector)) for k in range(clients)]
    secure = SecureSum(grid=grid, keys=partial(torch_stream, seed), round=0)
    return secure.serve(messages, DIM).masked[0].astype("<u4")


def test_the_tests_find_nothing_in_true_randomness() -> None:
    """Their chances are uniform: of 300 uniform messages, about one in twenty is below .05."""
    generator = np.random.default_rng(0)
    vector = vectors(1000)["waves"][:4096]
    words = generator.integers(0, 2**32, (300, 4096), dtype=np.uint32)
    for chance in (
        byte_chance,
        serial_chance,
        difference_chance,
        partial(correlation_chance, vector=vector),
    ):
        below = np.mean([chance(w) < 0.05 for w in words])
        assert 0.015 < below < 0.1


@pytest.mark.parametrize("kind", vectors(1))
def test_a_message_alone_looks_uniform(kind: str) -> None:
    vector = vectors(IntegerGrid(bound=1.0, clients=3).levels)[kind]
    chances = [least_chance(sent(vector, seed), vector) for seed in range(12)]
    assert min(chances) > LEAK
    assert max(chances) > 1e-3  # and not always just above it
    assert byte_chance(masks.to_words(vector, 32)) < LEAK  # unmasked, it would be seen


def test_messages_of_equal_vectors_are_unrelated() -> None:
    """Between rounds (seeds) and between clients: their differences are uniform too."""
    vector = vectors(IntegerGrid(bound=1.0, clients=3).levels)["ramp"]
    one, two = sent(vector, 0), sent(vector, 1)
    assert least_chance(one - two, vector) > LEAK
    assert not np.any(one == two) or np.mean(one == two) < 1e-3


def test_one_scalar_a_client_gives_every_difference_away() -> None:
    vector = vectors(IntegerGrid(bound=1.0, clients=3).levels)["waves"]
    with replaced(scalar):
        words = sent(vector, 0)
    assert difference_chance(words) < LEAK
    assert byte_chance(words) < LEAK
    opened = masks.centred(words - words[0], 32)
    assert np.array_equal(opened, vector - vector[0])  # the whole vector, up to one number
    assert not np.array_equal(masks.centred(sent(vector, 0) - sent(vector, 0)[0], 32), vector - vector[0])


def test_keys_do_not_collide() -> None:
    """2^16 fresh keys, as of twenty rounds of 81 clients: 8 colliding pairs are expected of 28 bits, none of 256."""
    assert collisions(REAL, 1 << 16) == 0
    assert 0 < collisions(folded, 1 << 16) < 25


def test_folded_text_has_twenty_eight_bits() -> None:
    seeds = [fold(base64.urlsafe_b64encode(os.urandom(32))) for _ in range(2000)]
    varying = int(np.bitwise_or.reduce(seeds)) & ~int(np.bitwise_and.reduce(seeds))
    assert varying.bit_count() == 28


# Trying all keys


@numba.njit(cache=False)
def search(words: NDArray[np.uint32], largest: int, first: int, count: int) -> NDArray[np.int64]:
    """Seeds of a Mersenne twister, from `first` on, that leave values of at most `largest` in size in all `words`."""
    m, checked = 397, len(words)
    state = np.empty(m + checked + 1, np.uint32)
    found = np.empty(count, np.int64)
    hits = 0
    for i in range(count):
        state[0] = np.uint32(first + i)
        for j in range(1, m + checked + 1):
            before = state[j - 1]
            state[j] = np.uint32(1812433253) * (before ^ (before >> np.uint32(30))) + np.uint32(j)
        fits = True
        for j in range(checked):
            y = (state[j] & np.uint32(0x80000000)) | (state[j + 1] & np.uint32(0x7FFFFFFF))
            v = state[j + m] ^ (y >> np.uint32(1))
            if y & np.uint32(1):
                v ^= np.uint32(0x9908B0DF)
            v ^= v >> np.uint32(11)
            v ^= (v << np.uint32(7)) & np.uint32(0x9D2C5680)
            v ^= (v << np.uint32(15)) & np.uint32(0xEFC60000)
            v ^= v >> np.uint32(18)
            left = np.int64(np.int32(np.uint32(words[j] - v)))
            if left > largest or left < -largest:
                fits = False
                break
        if fits:
            found[hits] = first + i
            hits += 1
    return found[:hits].copy()


def late_message(stream: KeyStream, seed: int) -> tuple[masks.Words, bytes, NDArray[np.int64], int]:
    """What a server holds of client 0, which it has unmasked as dropped and whose message then arrives late.

    Its pairwise masks can be taken off; only the self-mask is left. Gives the words, the self-mask's secret (to
    check), the vector, and the largest value on the grid.
    """
    clients = {k: SecureClient(k, 0, stream_secrets(torch_stream(seed, k))) for k in range(4)}
    known = stream_secrets(torch_stream(seed, 0))
    masking, _, secret = (known(SECRET_BYTES) for _ in range(3))
    levels = IntegerGrid(bound=1.0, clients=4).levels
    vector = np.random.default_rng(seed).integers(-levels, levels + 1, DIM)
    server = Server(0, DIM, 32, Topology(), os.urandom)
    with replaced(stream):
        public = {k: client.advertise() for k, client in clients.items()}
        for keys in public.values():
            server.receive_keys(keys)
        for k, roster in server.rosters().items():
            server.receive_shares(clients[k].share(roster))
        inboxes = server.inboxes()
        late = clients[0].mask(vector, inboxes[0]).words.copy()
        pair = KeyPair.of(masking)
        assert pair.public == public[0].masking  # as the server recovers it
        for k in (1, 2, 3):
            masks.subtract_mask(late, pair_key(pair, public[k].masking, 0, 0, k), 32)
    return late, secret, vector, levels


def test_the_self_mask_protects_a_late_message() -> None:
    words, secret, vector, levels = late_message(REAL, 0)
    assert least_chance(words, vector) > LEAK
    assert len(search(words[:24].astype(np.uint32), levels, 0, 1 << 18)) == 0
    masks.subtract_mask(words, secret, 32)
    assert np.array_equal(masks.centred(words, 32), vector)  # it was the last mask


@pytest.mark.parametrize(("stream", "bits"), [(folded, 28), (seeded, 32)])
def test_a_seed_of_few_bits_is_found_by_trying(stream: KeyStream, bits: int) -> None:
    """2^17 seeds around the true one; all of them take 2^11 times as long for 28 bits, 2^15 for 32."""
    words, secret, vector, levels = late_message(stream, 1)
    assert least_chance(words, vector) > LEAK  # no histogram shows this
    true = fold(base64.urlsafe_b64encode(secret) if stream is folded else secret)
    head = words[:24].astype(np.uint32)
    search(head, levels, 0, 1)  # compile
    began = time.process_time()
    found = search(head, levels, true >> 17 << 17, 1 << 17)
    hours = (time.process_time() - began) * 2 ** (bits - 17) / 3600
    assert found.tolist() == [true]
    assert np.array_equal(masks.centred(words - stream(secret, DIM, 32), 32), vector)
    assert hours < 24  # on one core


@pytest.mark.parametrize("bits", [12, 32, 40, 53])
def test_uniform_at_every_modulus(bits: int) -> None:
    """The lower b bits of a message, by their upper byte; the rest of a word is empty."""
    grid = IntegerGrid(bound=1.0, clients=2, bits=bits)
    messages = [Message(k, torch.zeros(DIM)) for k in range(2)]
    words = SecureSum(grid=grid, keys=partial(torch_stream, 5), round=0).serve(messages, DIM).masked[1]
    assert words.dtype.itemsize == (4 if bits <= 32 else 8)
    assert int(words.max()) < 2**bits
    assert uniform_chance(words >> (bits - 8), 256) > LEAK
    assert uniform_chance(words & 255, 256) > LEAK

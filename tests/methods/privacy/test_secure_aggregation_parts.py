"""The grid, secret sharing, keys and the graph, each against its definition or an independent oracle."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import replace
from random import Random

import networkx  # type: ignore[import-untyped]
import numpy as np
import pytest
import torch
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import isprime, prevprime  # type: ignore[import-untyped]

from privtalk.methods.privacy.mechanisms.clipping import clip_factors
from privtalk.methods.privacy.secure_aggregation import (
    IntegerGrid,
    OutOfRangeError,
    TamperedError,
    TooFewClientsError,
    Topology,
    shamir,
)
from privtalk.methods.privacy.secure_aggregation.graph import COMPLETE_UP_TO, holders
from privtalk.methods.privacy.secure_aggregation.keys import KeyBinding, KeyPair, agree
from privtalk.methods.privacy.secure_aggregation.masks import centred, key_stream, word
from privtalk.methods.privacy.secure_aggregation.messages import Envelope
from privtalk.methods.privacy.secure_aggregation.sealing import SharePair, seal, share_link, unseal

SCALES = st.floats(1e-6, 1e6)


def random_bytes(seed: int) -> Callable[[int], bytes]:
    return Random(seed).randbytes


# The grid


@settings(max_examples=300, deadline=None)
@given(bound=SCALES, clients=st.integers(1, 5000), bits=st.integers(16, 53))
def test_the_step_is_the_least_power_of_two_that_holds_the_sum(bound: float, clients: int, bits: int) -> None:
    grid = IntegerGrid(bound=bound, clients=clients, bits=bits)
    assert math.frexp(grid.step)[0] == 0.5
    assert grid.levels * grid.step >= bound
    assert clients * grid.levels < 2 ** (bits - 1)
    assert clients * math.ceil(bound / (grid.step / 2)) >= 2 ** (bits - 1)


@settings(max_examples=200, deadline=None)
@given(bound=SCALES, bits=st.integers(10, 53), seed=st.integers(0, 9999), nearest=st.booleans())
def test_rounding_moves_no_coordinate_by_more_than_claimed(
    bound: float, bits: int, seed: int, nearest: bool
) -> None:
    generator = torch.Generator().manual_seed(seed)
    grid = IntegerGrid(bound=bound, clients=9, bits=bits, rounding="nearest" if nearest else "stochastic")
    vector = (bound * (2 * torch.rand(50, generator=generator, dtype=torch.float64) - 1)).float()
    vector[:2] = torch.tensor([bound, -bound]).clamp(-bound, bound) * (1 - 2.0**-20)
    integers = grid.encode(vector, None if nearest else generator)
    assert np.abs(integers).max() <= grid.levels
    error = (grid.decode(integers) - vector.double()).abs()
    assert (error <= grid.coordinate_error).all()
    assert (error.norm() <= grid.slack(50)).item()
    wide = replace(grid, bound=grid.levels * grid.step)  # the same grid, up to its last point
    again = wide.encode(grid.decode(integers), None if nearest else generator)
    assert wide.step == grid.step
    assert np.array_equal(again, integers)  # grid points stay where they are, stochastically too


def test_stochastic_rounding_is_unbiased_and_nearest_is_not() -> None:
    vector = torch.full((200_000,), 0.3)
    for rounding, expected in (("nearest", 0.0), ("stochastic", 0.3)):
        grid = IntegerGrid(bound=1.0, clients=1, bits=2, rounding=rounding)  # type: ignore[arg-type]
        assert grid.step == 1.0
        mean = grid.encode(vector, torch.Generator().manual_seed(0)).mean()
        assert mean == pytest.approx(expected, abs=0.005)
    with pytest.raises(ValueError, match="generator"):
        IntegerGrid(bound=1.0, clients=1, rounding="stochastic").encode(vector)


@settings(max_examples=300, deadline=None)
@given(
    clip=SCALES,
    dim=st.integers(1, 400),
    bits=st.integers(14, 40),
    excess=st.floats(0.5, 1.5),
    seed=st.integers(0, 9999),
    nearest=st.booleans(),
)
def test_with_a_clip_the_rounded_norm_never_exceeds_it(
    clip: float, dim: int, bits: int, excess: float, seed: int, nearest: bool
) -> None:
    grid = IntegerGrid(
        bound=2 * clip, clients=4, bits=bits, clip=clip, rounding="nearest" if nearest else "stochastic"
    )
    generator = torch.Generator().manual_seed(seed)
    vector = torch.randn(dim, generator=generator, dtype=torch.float64)
    vector *= excess * clip / vector.norm()
    sent = grid.decode(grid.encode(vector, generator))
    assert sent.norm() <= clip
    assert grid.sensitivity(clip, dim) == clip


def test_without_a_clip_rounding_does_lift_the_norm_and_within_the_stated_slack() -> None:
    """Every coordinate just above a half step: the worst case, and nearly the bound."""
    grid = IntegerGrid(bound=1.0, clients=1, bits=8)
    vector = torch.full((400,), grid.step * 0.5001)
    norm, rounded = float(vector.norm()), float(grid.decode(grid.encode(vector)).norm())
    assert norm + 0.99 * grid.slack(400) < rounded <= norm + grid.slack(400)
    assert rounded <= grid.sensitivity(norm, 400)
    shrunk = IntegerGrid(bound=1.0, clients=1, bits=8, clip=norm)
    assert shrunk.decode(shrunk.encode(vector)).norm() <= norm


@settings(max_examples=60, deadline=None)
@given(clip=SCALES, dim=st.integers(1, 5000), clients=st.integers(1, 300), seed=st.integers(0, 999))
def test_clipped_updates_pass_a_grid_for_their_clip_unshrunk(
    clip: float, dim: int, clients: int, seed: int
) -> None:
    """As clients send them; the error stays half a step, and the norm within the clip."""
    grid = IntegerGrid.for_clip(clip, clients, dim)
    update = 3 * clip * torch.randn(1, dim, generator=torch.Generator().manual_seed(seed))
    vector = (update * clip_factors(update, clip).to(update)[:, None])[0]
    sent = grid.decode(grid.encode(vector))
    assert (sent - vector.double()).abs().max() <= grid.step / 2
    assert sent.norm() <= clip
    if grid.bits > 2 + clients.bit_length():
        coarser = IntegerGrid(bound=clip, clients=clients, bits=grid.bits - 1, clip=clip)
        assert coarser.slack(dim) > 2.0**-21 * clip


@pytest.mark.parametrize("value", [1.0 + 2.0**-20, -1.1, math.nan, math.inf, -math.inf])
def test_what_the_grid_does_not_hold_is_refused(value: float) -> None:
    grid = IntegerGrid(bound=1.0, clients=2)
    with pytest.raises(OutOfRangeError, match="bound 1"):
        grid.encode(torch.tensor([0.0, value]))
    assert grid.encode(torch.tensor([1.0, -1.0])).tolist() == [grid.levels, -grid.levels]
    assert grid.encode(torch.zeros(0)).shape == (0,)


@pytest.mark.parametrize(
    ("kwargs", "word"),
    [
        ({"bound": 0.0}, "bound"),
        ({"bound": math.inf}, "bound"),
        ({"bound": math.nan}, "bound"),
        ({"clients": 0}, "clients"),
        ({"bits": 54}, "bits"),
        ({"bits": 4, "clients": 8}, "more bits"),
        ({"clip": math.inf}, "clip"),
    ],
)
def test_nonsense_grids_are_refused(kwargs: dict[str, float], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        IntegerGrid(**{"bound": 1.0, "clients": 2} | kwargs)  # type: ignore[arg-type]
    with pytest.raises(OutOfRangeError, match="more bits"):
        IntegerGrid(bound=1.0, clients=2, bits=4, clip=0.5).encode(torch.zeros(100))


# Secret sharing


def test_the_field_holds_every_secret() -> None:
    assert isprime(shamir.PRIME)
    assert prevprime(shamir.PRIME) < 2**256 < shamir.PRIME


@settings(max_examples=60, deadline=None)
@given(secret=st.binary(min_size=32, max_size=32), data=st.data(), seed=st.integers(0, 999))
def test_any_threshold_of_shares_recovers_the_secret(secret: bytes, data: st.DataObject, seed: int) -> None:
    people = data.draw(st.lists(st.integers(0, 10**6), min_size=1, max_size=12, unique=True))
    threshold = data.draw(st.integers(1, len(people)))
    shares = shamir.share(secret, people, threshold, random_bytes(seed))
    kept = data.draw(st.permutations(people))[: data.draw(st.integers(threshold, len(people)))]
    assert shamir.recover({k: shares[k] for k in kept}, threshold) == secret
    with pytest.raises(TooFewClientsError):
        shamir.recover({k: shares[k] for k in kept[: threshold - 1]}, threshold)


def test_fewer_shares_tell_nothing() -> None:
    """For t - 1 shares, each secret has exactly one polynomial: the shares' distribution does not depend on it.

    Shown on the shares themselves: for two extreme secrets, the bits of a share are fair coins.
    """
    for secret in (bytes(32), b"\xff" * 32):
        draw = random_bytes(3)
        bits = np.concatenate(
            [
                np.unpackbits(np.frombuffer(shamir.share(secret, [0, 1, 2], 2, draw)[1][1:], np.uint8))
                for _ in range(400)
            ]
        ).reshape(400, 256)
        assert np.abs(bits.mean(0) - 0.5).max() < 5 * 0.5 / math.sqrt(400)


def test_the_extremes_of_the_field_are_shared_exactly() -> None:
    for secret in (bytes(32), b"\xff" * 32, b"\x00" * 31 + b"\x01"):
        for draw in (bytes, lambda n: b"\xff" * n):  # zero and largest coefficients
            shares = shamir.share(secret, range(5), 3, draw)
            for chosen in itertools.combinations(range(5), 3):
                assert shamir.recover({k: shares[k] for k in chosen}, 3) == secret


# Keys and masks


def test_two_ends_agree_and_every_link_has_a_key_of_its_own() -> None:
    one, two, three = (KeyPair.of(bytes([n]) * 32) for n in (1, 2, 3))
    links = [
        KeyBinding(purpose, r, i, j)
        for purpose in ("mask", "share")
        for r in (0, 1)
        for i, j in ((1, 2), (2, 1), (1, 22), (11, 2))
    ]
    keys = [agree(one, two.public).key(link) for link in links]
    assert keys == [agree(two, one.public).key(link) for link in links]
    assert len({*keys, agree(one, three.public).key(links[0])}) == len(links) + 1
    with pytest.raises(TamperedError, match="public key"):
        agree(one, bytes(32))  # of low order: the agreed secret would be public


@pytest.mark.parametrize("bits", [7, 32, 33, 53])
def test_masks_are_aes_in_counter_mode(bits: int) -> None:
    """Against one block cipher call a counter."""
    key, dim = bytes(range(32)), 37
    block = Cipher(AES(key), ECB()).encryptor()
    stream = b"".join(block.update(n.to_bytes(16, "big")) for n in range(20))
    size = word(bits).itemsize
    expected = [int.from_bytes(stream[i * size : (i + 1) * size], "little") for i in range(dim)]
    assert key_stream(key, dim, bits).tolist() == expected
    values = np.array([0, 1, 2 ** (bits - 1) - 1, 2 ** (bits - 1), 2**bits - 1], word(bits))
    assert centred(values, bits).tolist() == [0, 1, 2 ** (bits - 1) - 1, -(2 ** (bits - 1)), -1]


def test_envelopes_open_on_their_own_way_only() -> None:
    one, two = KeyPair.of(b"1" * 32), KeyPair.of(b"2" * 32)
    shares, way = SharePair(b"s" * 33, b"k" * 33), share_link(4, 1, 2)
    envelope = seal(shares, agree(one, two.public), way, random_bytes(0))
    agreed = agree(two, one.public)
    assert unseal(envelope, agreed, way) == shares
    assert shares.seed not in envelope.sealed
    for wrong in (share_link(5, 1, 2), share_link(4, 2, 1), share_link(4, 1, 3), share_link(4, 3, 2)):
        with pytest.raises(TamperedError, match="fails authentication"):
            unseal(envelope, agreed, wrong)
    for i in range(len(envelope.sealed)):
        changed = bytearray(envelope.sealed)
        changed[i] ^= 1
        with pytest.raises(TamperedError):
            unseal(Envelope(4, 1, 2, bytes(changed)), agreed, way)
    with pytest.raises(TamperedError):
        unseal(Envelope(4, 1, 2, b""), agreed, way)


# The graph


@settings(max_examples=40, deadline=None)
@given(n=st.integers(3, 40), half=st.integers(1, 8), seed=st.integers(0, 999))
def test_the_graph_is_as_connected_as_it_can_be(n: int, half: int, seed: int) -> None:
    """k-regular and k-connected (networkx): it takes k drop-outs to cut it."""
    numbers = Random(seed).sample(range(1000), n)
    degree = min(2 * half, n - 1)
    found = holders(numbers, degree, random_bytes(seed))
    graph = networkx.Graph((a, b) for a, group in found.items() for b in group if a != b)
    assert set(graph) == set(numbers)
    assert {d for _, d in graph.degree()} == {degree}
    assert all(a in found[b] for a, group in found.items() for b in group)
    assert networkx.node_connectivity(graph) == degree


def test_neighbours_are_drawn_anew() -> None:
    one, two = (holders(range(200), 20, random_bytes(seed)) for seed in (0, 1))
    shared = [len(set(one[k]) & set(two[k])) - 1 for k in range(200)]
    assert np.mean(shared) == pytest.approx(20 * 20 / 199, abs=0.5)


def test_everyone_up_to_fifty_and_logarithmically_many_above() -> None:
    topology = Topology()
    assert [topology.degree_for(n) for n in (1, 2, 32, COMPLETE_UP_TO)] == [0, 1, 31, COMPLETE_UP_TO - 1]
    degrees = [topology.degree_for(n) for n in (51, 100, 1000, 10_000)]
    assert degrees == sorted(degrees)
    assert degrees[0] < 50
    assert degrees[-1] < 200
    assert Topology(degree=5).degree_for(30) == 6
    assert Topology(degree=50).degree_for(30) == 29
    assert [topology.threshold_for(n) for n in (1, 2, 3, 32, 33)] == [1, 2, 2, 17, 17]
    for n in (64, 200, 1000):
        k = topology.degree_for(n)
        assert topology.safe(n, k)
        assert not topology.safe(n, k - 2)


def test_the_chances_bound_what_is_simulated() -> None:
    """At a degree so small that failures are common; each bound is at least the frequency, and not by far."""
    topology, n, k = Topology(corrupt=0.25, dropout=0.25), 40, 8
    generator = np.random.default_rng(0)
    threshold = topology.threshold_for(k + 1)
    opened = apart = stuck = 0.0
    for trial in range(1500):
        groups = holders(range(n), k, random_bytes(trial))
        order = generator.permutation(n)
        corrupt, lost = set(order[:10].tolist()), set(order[10:20].tolist())
        opened += sum(len(corrupt & set(groups[v]) - {v}) >= threshold for v in range(n)) / 1500
        stuck += sum(k - len(lost & set(groups[v]) - {v}) < threshold for v in range(n)) / 1500
        left = networkx.Graph()
        left.add_nodes_from(set(range(n)) - corrupt - lost)
        left.add_edges_from((a, b) for a in left for b in groups[a] if b in left and b != a)
        apart += (not networkx.is_connected(left)) / 1500
    assert 0.1 < opened <= topology.chance_open(n, k) * 1.1
    assert topology.chance_open(n, k) < 2 * opened
    assert 0.1 < stuck <= topology.chance_stuck(n, k) * 1.1
    assert topology.chance_stuck(n, k) < 2 * stuck
    assert 0 < apart <= topology.chance_apart(n, k)


@pytest.mark.parametrize(
    "kwargs", [{"threshold": 0.4}, {"threshold": 1.0}, {"corrupt": 0.6, "dropout": 0.5}, {"degree": 1}]
)
def test_nonsense_topologies_are_refused(kwargs: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"threshold|shares|neighbours"):
        Topology(**kwargs)  # type: ignore[arg-type]

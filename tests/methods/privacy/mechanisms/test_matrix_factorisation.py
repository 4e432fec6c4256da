"""Correlated noise: the factorisation, its sensitivity by brute force, its error by simulation."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import toeplitz

from privtalk.methods.privacy.accounting import sampled_gaussian as accounting
from privtalk.methods.privacy.mechanisms.matrix_factorisation import (
    BandedMatrixFactorisation,
    best_bandwidth,
    inverse,
    sensitivity,
    square_root,
)


def noise(used: BandedMatrixFactorisation, dim: int, t: int, streams) -> torch.Tensor:
    return used.at(t, streams).noise(dim, streams(t))


BASE = BandedMatrixFactorisation(clip=0.5, noise_multiplier=2.0, rounds=32, separation=8)


def lower(column: np.ndarray) -> np.ndarray:
    return toeplitz(column, np.zeros_like(column))


def generators(seed: int):
    return lambda t: torch.Generator().manual_seed(1000 * seed + t)


def test_the_square_root_squares_to_prefix_sums() -> None:
    root = lower(square_root(20, 20))
    np.testing.assert_allclose(root @ root, np.tril(np.ones((20, 20))), atol=1e-12)


@pytest.mark.parametrize("bandwidth", [1, 3, 12])
def test_inverse(bandwidth: int) -> None:
    column = square_root(12, bandwidth)
    np.testing.assert_allclose(lower(inverse(column)) @ lower(column), np.eye(12), atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(
    rounds=st.integers(1, 9), separation=st.integers(1, 5), bandwidth=st.integers(1, 9), k=st.integers(1, 4)
)
def test_no_pattern_of_participation_moves_more(rounds: int, separation: int, bandwidth: int, k: int) -> None:
    """Every pattern of at most k rounds, b apart, with every choice of signs of unit contributions in one dimension."""
    column = square_root(rounds, min(bandwidth, rounds))
    k = min(k, math.ceil(rounds / separation))
    matrix, worst = lower(column), 0.0
    for size in range(1, k + 1):
        for times in itertools.combinations(range(rounds), size):
            if all(b - a >= separation for a, b in itertools.pairwise(times)):
                for signs in itertools.product([-1, 1], repeat=size):
                    worst = max(worst, float(np.linalg.norm(matrix[:, times] @ signs)))
    assert sensitivity(column, k, separation) == pytest.approx(worst)


def test_bands_within_the_separation_are_orthogonal() -> None:
    """p ≤ b: √k times one column's norm, but for columns that are cut off at the end."""
    column = square_root(40, 8)
    assert sensitivity(column, 4, 8) == pytest.approx(2 * np.linalg.norm(column))


def test_noise_is_the_inverse_times_independent_noise() -> None:
    fresh = np.stack(
        [torch.randn(5, generator=generators(0)(t), dtype=torch.float64).numpy() for t in range(32)]
    )
    expected = BASE.deviation * lower(inverse(BASE.column)) @ fresh
    for t in (0, 1, 9, 31):
        np.testing.assert_allclose(noise(BASE, 5, t, generators(0)).numpy(), expected[t], atol=1e-12)


def test_error_by_simulation() -> None:
    used = replace(BASE, rounds=12, separation=4)
    sums = torch.stack([noise(used, 4000, t, generators(1)) for t in range(12)]).cumsum(0)
    assert float((sums**2).mean().sqrt()) == pytest.approx(used.rmse(), rel=0.03)


def tree_rmse(used: BandedMatrixFactorisation) -> float:
    """Binary-tree aggregation (Kairouz et al. 2021, without the estimator of Honaker 2015), by its own matrices."""
    levels = math.ceil(math.log2(used.rounds)) + 1
    size = 2 ** (levels - 1)
    nodes = [(start, width) for width in (2**i for i in range(levels)) for start in range(0, size, width)]
    encode = np.array([[s <= t < s + w for t in range(used.rounds)] for s, w in nodes], dtype=float)
    hits = encode[:, :: used.separation][:, : used.most]
    lengths = [t.bit_count() for t in range(1, used.rounds + 1)]
    scale = used.noise_multiplier * used.clip * float(np.linalg.norm(hits.sum(1)))
    return scale * math.sqrt(np.mean(lengths))


@pytest.mark.parametrize(("rounds", "separation"), [(32, 32), (64, 16), (128, 32)])
def test_error_is_below_independent_noise_and_the_tree(rounds: int, separation: int) -> None:
    used = replace(BASE, rounds=rounds, separation=separation)
    independent = replace(used, bandwidth=1)
    k = used.most
    closed = used.noise_multiplier * used.clip * math.sqrt(k * (rounds + 1) / 2)
    assert independent.rmse() == pytest.approx(closed)
    assert used.rmse() < 0.75 * independent.rmse()
    assert used.rmse() < 0.75 * tree_rmse(used)


def test_the_best_band_is_no_worse_than_any() -> None:
    used = replace(BASE, rounds=64, separation=16)
    best = replace(used, bandwidth=best_bandwidth(used))
    assert best.rmse() == min(replace(used, bandwidth=p).rmse() for p in range(1, 17))


def test_limits() -> None:
    single = replace(BASE, bandwidth=1, separation=32)
    assert single.sensitivity == 1
    assert single.deviation == 2.0 * 0.5
    noises = torch.stack([noise(single, 3, t, generators(2)) for t in range(4)])
    fresh = torch.stack([torch.randn(3, generator=generators(2)(t), dtype=torch.float64) for t in range(4)])
    assert torch.equal(noises, fresh)
    assert not noise(replace(BASE, noise_multiplier=0.0), 3, 5, generators(0)).any()
    assert not replace(BASE, noise_multiplier=0.0).private


def test_one_gaussian_event() -> None:
    """z is what is charged, however many rounds; independent noise for k rounds costs the same ε at equal z."""
    assert BASE.epsilon(1e-5) == accounting.gaussian_epsilon(2.0, 1, 1e-5)
    assert BASE.epsilon(1e-5, "fixed") == accounting.gaussian_epsilon(1.0, 1, 1e-5)
    independent = replace(BASE, bandwidth=1)
    z = independent.deviation / independent.clip
    assert accounting.gaussian_epsilon(z, independent.most, 1e-5) == pytest.approx(BASE.epsilon(1e-5))
    assert replace(BASE, noise_multiplier=0.0).epsilon(1e-5) == math.inf


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"clip": math.inf}, "without a clip"),
        ({"rounds": 0}, "rounds is 0"),
        ({"separation": 0}, "separation is 0"),
        ({"participations": 5}, "1 to 4 of 32"),
        ({"bandwidth": 33}, "bandwidth is 33"),
    ],
)
def test_nonsense_is_refused(change, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        replace(BASE, **change)
    with pytest.raises(ValueError, match="made for 32 rounds"):
        BASE.at(32, generators(0))

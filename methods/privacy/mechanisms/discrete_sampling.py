"""Integer noise from explicit generators: discrete Gaussian, discrete Laplace, Skellam.

The discrete Gaussian is sampled exactly (Canonne, Kamath and Steinke 2020, algorithms 1-3): only whole-number
arithmetic and fair bits, so that no rounding of floating-point numbers weakens the guarantee. Vectorised over
coordinates; where a fraction's terms outgrow 64 bits, Python's integers take over. Skellam is a difference of
Poissons, whose sampler (the transformed rejection of Hörmann 1993) computes in float64.
"""

from __future__ import annotations

from fractions import Fraction
from math import isqrt

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

BITS = 62
"""Fair bits drawn at a time."""
LARGEST = 2.0**52
"""The largest mean of a Poisson: above it float64 misses whole numbers."""

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


def skellam(variance: float, dim: int, generator: torch.Generator) -> Tensor:
    """int64 [dim]: Poisson(v/2) − Poisson(v/2), of mean 0 and variance v."""
    if not 0 <= variance <= LARGEST:
        raise ValueError(f"variance is {variance:g}, it must lie in [0, 2**52]; lower the grid's scale")
    means = torch.full((2, dim), variance / 2, dtype=torch.float64)
    plus, minus = torch.poisson(means, generator=generator).long()
    return plus - minus


def discrete_gaussian(variance: Fraction | int, dim: int, generator: torch.Generator) -> Tensor:
    """int64 [dim] with P(x) ∝ exp(−x²/(2σ²)), exact for a rational σ².

    Discrete Laplace of scale t = ⌊σ⌋ + 1, accepted with chance exp(−(|y| − σ²/t)²/(2σ²)).
    """
    variance = Fraction(variance)
    if variance < 0:
        raise ValueError(f"variance is {variance}, it must not be negative")
    result = np.zeros(dim, dtype=np.int64)
    open_ = np.arange(dim) if variance else np.arange(0)
    t = isqrt(variance.numerator // variance.denominator) + 1
    while len(open_):
        drawn = discrete_laplace(t, len(open_), generator)
        kept = bernoulli_exp(*_exponent(drawn, variance, t), generator)
        result[open_[kept]] = drawn[kept]
        open_ = open_[~kept]
    return torch.from_numpy(result)


def _exponent(drawn: Ints, variance: Fraction, t: int) -> tuple[NDArray[np.object_], int]:
    """(|y| − σ²/t)²/(2σ²) as whole numerators over one denominator: (|y| t b − a)² / (2 a b t²) for σ² = a/b."""
    a, b = variance.numerator, variance.denominator
    centred = np.abs(drawn).astype(object) * (t * b) - a
    return centred * centred, 2 * a * b * t * t


def discrete_laplace(t: int, dim: int, generator: torch.Generator) -> Ints:
    """int64 [dim] with P(x) ∝ exp(−|x|/t) for a whole t ≥ 1: sign · (u + t v), and no negative zero."""
    result = np.zeros(dim, dtype=np.int64)
    open_ = np.arange(dim)
    while len(open_):
        u = uniform_below(t, len(open_), generator)
        kept = bernoulli_exp(u, t, generator)
        open_kept, u = open_[kept], u[kept]
        size = u + t * _geometric(len(u), generator)
        negative = uniform_below(2, len(u), generator) == 1
        good = ~(negative & (size == 0))
        result[open_kept[good]] = np.where(negative, -size, size)[good]
        open_ = np.concatenate([open_[~kept], open_kept[~good]])
    return result


def _geometric(dim: int, generator: torch.Generator) -> Ints:
    """int64 [dim]: number of successes of chance e⁻¹ before the first failure."""
    counts = np.zeros(dim, dtype=np.int64)
    going = np.arange(dim)
    while len(going):
        going = going[bernoulli_exp(np.ones(len(going), dtype=np.int64), 1, generator)]
        counts[going] += 1
    return counts


def bernoulli_exp(
    numerators: NDArray[np.int64] | NDArray[np.object_], denominator: int, generator: torch.Generator
) -> Bools:
    """[K] true with chance exp(−γ_k), γ_k = numerator/denominator ≥ 0: e⁻¹ for each whole, then the rest."""
    alive = np.ones(len(numerators), dtype=bool)
    quotients = numerators // denominator
    rest, wholes = numerators - quotients * denominator, quotients.astype(np.int64)
    going = np.flatnonzero(wholes > 0)
    while len(going):
        passed = _exp_unit(np.ones(len(going), dtype=np.int64), 1, generator)
        alive[going[~passed]] = False
        going = going[passed]
        wholes[going] -= 1
        going = going[wholes[going] > 0]
    left = np.flatnonzero(alive)
    alive[left] = _exp_unit(rest[left], denominator, generator)
    return alive


def _exp_unit(
    numerators: NDArray[np.int64] | NDArray[np.object_], denominator: int, generator: torch.Generator
) -> Bools:
    """[K] true with chance exp(−γ), γ in [0, 1]: first K with a failed Bernoulli(γ/K) is odd (von Neumann)."""
    odd = np.zeros(len(numerators), dtype=bool)
    going, k = np.arange(len(numerators)), 1
    while len(going):
        passed = bernoulli(numerators[going], denominator * k, generator)
        odd[going[~passed]] = k % 2 == 1
        going, k = going[passed], k + 1
    return odd


def bernoulli(
    numerators: NDArray[np.int64] | NDArray[np.object_], denominator: int, generator: torch.Generator
) -> Bools:
    """[K] true with chance numerator/denominator exactly: its binary digits against fair bits, 62 at a time."""
    result = np.zeros(len(numerators), dtype=bool)
    going, left = np.arange(len(numerators)), numerators.astype(object)
    while len(going):
        shifted = left << BITS
        digits = shifted // denominator
        drawn = bits(len(going), generator)
        result[going] = (drawn < digits).astype(bool)
        tied = (digits == drawn).astype(bool)
        going, left = going[tied], (shifted - digits * denominator)[tied]
    return result


def uniform_below(bound: int, dim: int, generator: torch.Generator) -> Ints:
    """int64 [dim] uniform over 0 .. bound − 1: fair bits with the incomplete last block rejected."""
    limit = (1 << BITS) // bound * bound
    result = bits(dim, generator)
    while (over := result >= limit).any():
        result[over] = bits(int(over.sum()), generator)
    return result % bound


def bits(dim: int, generator: torch.Generator) -> Ints:
    """int64 [dim] of 62 fair bits each."""
    drawn: Ints = torch.randint(0, 1 << BITS, (dim,), generator=generator, dtype=torch.int64).numpy()
    return drawn

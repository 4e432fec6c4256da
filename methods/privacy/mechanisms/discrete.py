"""Distributed discrete noise: each client adds a share to its update on the integer grid, before secure aggregation.

A grid of scale s has steps of C/s: an update is clipped to C, multiplied by s/C, rounded at random to whole numbers
within a bound on the norm, and gets a share of integer noise. What is summed is what is accounted: integers, with the
sensitivity after rounding, not a Gaussian that they resemble.

- Skellam (Agarwal, Kairouz and Liu 2021): shares add up to a Skellam exactly, whatever their number.
- Discrete Gaussian (Kairouz, Liu and Steinke 2021): their sum is close to one, and the distance τ is charged.

Shape legend: d numbers in an update, n clients that share the noise of a round.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import torch
from torch import Tensor

from privtalk.core.streams import Stream
from privtalk.methods.privacy.accounting.discrete_accounting import DiscreteNoise, Family
from privtalk.methods.privacy.accounting.ledger import Release
from privtalk.methods.privacy.mechanisms.clipping import check_clip
from privtalk.methods.privacy.mechanisms.discrete_rounding import round_to_grid
from privtalk.methods.privacy.mechanisms.discrete_sampling import discrete_gaussian, skellam
from privtalk.methods.privacy.mechanisms.mechanism import RoundMechanism, RunMechanism, WholeNumbers

DEVIATIONS = 8.0
"""Standard deviations of noise that the grid has room for."""

ENOUGH_BITS = 18
"""At which the price of rounding vanishes for adapters of up to about a million numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscreteMechanism(RunMechanism, RoundMechanism):
    """Σ_k (⌊s ω_k clip_C(Δ_k) / C⌉ + share_k) · C/s: total noise of standard deviation zC, made by the clients.

    z = 0 adds nothing: rounding alone. To the server it is an integer vector; `decode` gives the sum in units of Δ.
    """

    clip: float
    """C."""
    noise_multiplier: float
    """z, of all shares together."""
    scale: int = 2**ENOUGH_BITS
    """s: grid steps in C."""
    family: Family = "skellam"

    def __post_init__(self) -> None:
        if math.isinf(check_clip(self.clip)):
            raise ValueError("clip is inf: a grid needs a finite one")
        self.accounted(1, 1)

    @property
    def private(self) -> bool:
        return self.noise_multiplier > 0

    @property
    def deviation(self) -> float:
        """Standard deviation of the noise on the sum, in units of Δ."""
        return self.noise_multiplier * self.clip

    @property
    def step(self) -> float:
        """C/s: size of a grid step in units of Δ, for the record."""
        return self.clip / self.scale

    @property
    def variance(self) -> Fraction:
        """The variance of all shares together, in grid steps squared; exact, as the sampler needs it."""
        return self.accounted(1, 1).variance

    def encode(self, update: Tensor, generator: torch.Generator) -> Tensor:
        """int64 [d] of a clipped update [d]: rounded at random, without bias but for the bound on the norm."""
        return round_to_grid(update.double() * (self.scale / self.clip), self.scale, generator)

    def share(self, dim: int, generator: torch.Generator, cohort: int) -> Tensor:
        """int64 [d]: one client's share of the noise, of 1/n of the variance.

        `cohort` is n: as many shares as must reach the sum (the round's roster less the drop-outs that are allowed).
        """
        if cohort < 1:
            raise ValueError(f"cohort is {cohort}, a share needs at least one client")
        if not self.private:
            return torch.zeros(dim, dtype=torch.int64)
        if self.family == "skellam":
            return skellam(float(self.variance / cohort), dim, generator)
        return discrete_gaussian(self.variance / cohort, dim, generator)

    def noise(self, dim: int, generator: torch.Generator, cohort: int = 1) -> Tensor:
        """float64 [d]: all the noise of one round on the sum, as `GaussianMechanism.noise` gives it."""
        shares = (self.share(dim, generator, cohort) for _ in range(cohort))
        return self.decode(sum(shares, torch.zeros(dim, dtype=torch.int64)))

    def decode(self, total: Tensor) -> Tensor:
        """float64 [d] in units of Δ, of a sum of integers [d]."""
        return total.double() * self.step

    def bits(self, cohort: int, deviations: float = 8.0) -> int:
        """b such that a sum of n messages fits into integers mod 2^b, but for noise beyond so many deviations."""
        largest = cohort * self.scale + deviations * math.sqrt(self.variance)
        return math.ceil(math.log2(2 * largest + 1)) + 1

    any_normalisation = False
    by_clients = True

    @property
    def first_clip(self) -> float:
        return self.clip

    def in_round(self, round_: int, clip: float | None, stream: Stream) -> DiscreteMechanism:
        """The same in every round."""
        return self

    def leave(
        self, vectors: Tensor, numbers: Sequence[int], cohort: int, stream: Stream, round_: int
    ) -> Tensor:
        """float64 [k, m]: `vectors` [k, m] of norm at most C on the grid, each with one of `cohort` shares of the sum's
        noise."""
        sent = vectors.new_zeros(vectors.shape, dtype=torch.float64)
        for row, vector, number in zip(sent, vectors, numbers, strict=True):
            names = ("client", number, "round", round_)
            whole = self.encode(vector, stream(*names, "rounding"))
            share = self.share(len(vector), stream(*names, "privacy"), cohort)
            row.copy_(self.decode(whole + share))
        return sent

    def releases(self, dim: int, fewest: int) -> tuple[Release, ...]:
        """One sum of whole numbers."""
        return (self.release(dim, fewest),)

    def noise_seen(self, dim: int, cohort: int) -> DiscreteNoise:
        return self.accounted(dim, cohort)

    @property
    def whole_numbers(self) -> WholeNumbers:
        largest = self.scale + DEVIATIONS * math.sqrt(self.variance) + 1
        return WholeNumbers(self.step, largest)

    def accounted(self, dim: int, cohort: int) -> DiscreteNoise:
        """The noise that an ε is computed from."""
        return DiscreteNoise(
            family=self.family,
            noise_multiplier=self.noise_multiplier,
            scale=self.scale,
            dim=dim,
            cohort=cohort,
        )

    def release(self, dim: int, cohort: int, name: str = "adapter") -> Release:
        """One round's sum, for the ledger."""
        return Release(
            kind="update_sum",
            name=name,
            noise_multiplier=self.noise_multiplier,
            discrete=self.accounted(dim, cohort),
        )

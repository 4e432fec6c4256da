"""DP-FTRL: noise that is correlated over rounds, for clients that cannot be sampled at random.

What training uses are the prefix sums A X of the rounds' sums X [T, d] (A: ones on and below the diagonal). With
A = B C, releasing A (X + C⁻¹ Z) for Gaussian Z is one Gaussian mechanism on C X, whatever B is after it; noise of one
round is partly taken back in the next. Here C is the banded square root of A (Kalinin and Lampert 2024): Toeplitz,

    C[i, j] = c_{i−j},   c_0 = 1,   c_k = c_{k−1} (2k − 1)/(2k),   c_k = 0 from the bandwidth p on.

One client in at most k rounds, at least b rounds apart, moves C X by at most C_clip ‖Σ_{i<k} C[:, 1 + ib]‖₂ (theorem 2
there: coefficients are non-negative and fall). No sampling, no amplification: ε is that of a single Gaussian at z,
and rounds may be chosen adaptively (Denisov et al. 2022).

p = 1 is independent noise, of sensitivity √k.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from privtalk.core.streams import Stream
from privtalk.methods.privacy.accounting.gaussian import check, gaussian_epsilon
from privtalk.methods.privacy.accounting.ledger import Ledger, Release, Round
from privtalk.methods.privacy.accounting.privacy_loss import SENSITIVITY, Sampling
from privtalk.methods.privacy.mechanisms.mechanism import RoundMechanism, RunMechanism
from privtalk.methods.privacy.mechanisms.noise import GaussianMechanism

Floats = NDArray[np.float64]
Generators = Callable[[int], torch.Generator]
"""Round -> its own generator, the same whenever it is asked for."""


def square_root(rounds: int, bandwidth: int) -> Floats:
    """c [T]: first column of the banded square root.

    >>> square_root(4, 3).tolist()
    [1.0, 0.5, 0.375, 0.0]
    """
    steps = np.arange(1, rounds)
    column = np.concatenate([[1.0], np.cumprod((2 * steps - 1) / (2 * steps))])
    column[bandwidth:] = 0
    return column


def inverse(column: Floats) -> Floats:
    """First column [T] of the inverse of a lower-triangular Toeplitz matrix with the given one."""
    result = np.zeros_like(column)
    result[0] = 1 / column[0]
    for k in range(1, len(column)):
        result[k] = -(column[1 : k + 1] @ result[k - 1 :: -1]) / column[0]
    return result


def sensitivity(column: Floats, participations: int, separation: int) -> float:
    """‖Σ_{i<k} C[:, 1 + ib]‖₂ for a clip of 1: largest for a client that comes early and as often as it may."""
    total = np.zeros_like(column)
    for i in range(participations):
        start = i * separation
        total[start:] += column[: len(column) - start]
    return float(np.linalg.norm(total))


@dataclass(frozen=True, slots=True, kw_only=True)
class BandedMatrixFactorisation(RunMechanism):
    """Noise z · C_clip · sens · (C⁻¹ Z)_t on the sum of round t."""

    clip: float
    """L2 bound of a client's update."""
    noise_multiplier: float
    """z of the one Gaussian event that the whole run is."""
    rounds: int
    """T."""
    separation: int
    """b: a client that takes part in round t may do so again from round t + b on; enforced by who picks cohorts."""
    participations: int | None = None
    """k: most rounds of one client; all that the separation allows, ⌈T/b⌉, if open."""
    bandwidth: int | None = None
    """p; the separation if open. A round's noise needs that of the p − 1 rounds before it."""

    def __post_init__(self) -> None:
        GaussianMechanism(clip=self.clip, noise_multiplier=self.noise_multiplier)
        for name in ("rounds", "separation"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, it must be at least 1")
        if not 1 <= self.most <= self._fit:
            raise ValueError(
                f"{self.participations} participations: at separation {self.separation} a client fits into "
                f"1 to {self._fit} of {self.rounds} rounds"
            )
        if not 1 <= self.band <= self.rounds:
            raise ValueError(f"bandwidth is {self.bandwidth}, it must lie in [1, {self.rounds}]")

    @property
    def _fit(self) -> int:
        return math.ceil(self.rounds / self.separation)

    @property
    def most(self) -> int:
        """k."""
        return self._fit if self.participations is None else self.participations

    @property
    def band(self) -> int:
        """p."""
        return min(self.separation, self.rounds) if self.bandwidth is None else self.bandwidth

    @property
    def private(self) -> bool:
        return self.noise_multiplier > 0

    @property
    def column(self) -> Floats:
        """c [T]."""
        return square_root(self.rounds, self.band)

    @property
    def sensitivity(self) -> float:
        """The sensitivity of C X, in units of the clip."""
        return sensitivity(self.column, self.most, self.separation)

    @property
    def deviation(self) -> float:
        """Standard deviation of the noise before it is correlated, which is also that of the first round."""
        return self.noise_multiplier * self.clip * self.sensitivity if self.private else 0.0

    any_normalisation = False
    correlated = True

    @property
    def first_clip(self) -> float:
        return self.clip

    def in_round(self, round_: int, clip: float | None, stream: Stream) -> CorrelatedRound:
        """The round's noise, of its own stream and those of the rounds before it."""
        return self.at(round_, lambda r: stream("round", r, "privacy"))

    def releases(self, dim: int, fewest: int) -> tuple[Release, ...]:
        """The whole run as one event."""
        return (self.release(),)

    def booked(self, rate: float, rounds: int, dim: int, fewest: int) -> Ledger:
        """One entry, of everybody: no cohort is drawn."""
        return Ledger((Round(releases=self.releases(dim, fewest)),))

    def at(self, round_: int, generators: Generators) -> CorrelatedRound:
        """The mechanism of one round; `generators` gives those of the rounds before it."""
        if not 0 <= round_ < self.rounds:
            raise ValueError(
                f"round {round_}: the factorisation was made for {self.rounds} rounds; make a longer one"
            )
        return CorrelatedRound(factorisation=self, round=round_, generators=generators)

    def release(self, name: str = "adapter") -> Release:
        """All rounds' sums as one event, for the ledger: an entry of rate 1 and count 1 for the whole run."""
        return Release(kind="correlated_sums", name=name, noise_multiplier=self.noise_multiplier)

    def rmse(self) -> float:
        """Root mean square error of a prefix sum, over rounds, in each coordinate: z C_clip sens ‖A C⁻¹‖_F / √T."""
        error = np.cumsum(inverse(self.column))
        counts = np.arange(self.rounds, 0, -1)
        return self.deviation * math.sqrt(float(counts @ error**2) / self.rounds)

    def epsilon(self, delta: float, sampling: Sampling = "poisson") -> float:
        """ε of the whole run against the outsider: a client's contributions replaced by none (or, under `fixed`, by
        another's), in the rounds it took part in; exact."""
        check(self.noise_multiplier, 1.0, 1, delta)
        return gaussian_epsilon(self.noise_multiplier / SENSITIVITY[sampling], 1, delta)


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrelatedRound(RoundMechanism):
    """Noise on the sum of one round."""

    factorisation: BandedMatrixFactorisation
    round: int
    generators: Generators

    @property
    def clip(self) -> float:
        return self.factorisation.clip

    @property
    def private(self) -> bool:
        return self.factorisation.private

    @property
    def deviation(self) -> float:
        return self.factorisation.deviation

    def added(self, dim: int, generator: torch.Generator, sensitivity: float) -> Tensor:
        return self.noise(dim, generator)

    def noise(self, dim: int, generator: torch.Generator) -> Tensor:
        """float64 [dim]: x_t = z_t − Σ_{0<j<p} c_j x_{t−j}, z_t from `generator`.

        Past noise is drawn again from its rounds' generators, so that nothing is carried from round to round and a
        resumed run is the uninterrupted one: t draws of `dim`.
        """
        if not self.private:
            return torch.zeros(dim, dtype=torch.float64)
        weights = self.factorisation.column[1 : self.factorisation.band].tolist()
        past: list[Tensor] = []  # the latest first
        for t in range(self.round):
            past = [self._next(past, weights, dim, self.generators(t)), *past[: len(weights) - 1]]
        return self._next(past, weights, dim, generator)

    def _next(self, past: list[Tensor], weights: list[float], dim: int, generator: torch.Generator) -> Tensor:
        fresh = self.deviation * torch.randn(dim, generator=generator, dtype=torch.float64)
        for weight, before in zip(weights, past, strict=False):
            fresh -= weight * before
        return fresh


def best_bandwidth(mechanism: BandedMatrixFactorisation) -> int:
    """p in 1 .. b of the least error: wide bands cancel more noise, but late rounds pay for them."""
    widths = range(1, min(mechanism.separation, mechanism.rounds) + 1)
    return min(widths, key=lambda p: replace(mechanism, bandwidth=p).rmse())

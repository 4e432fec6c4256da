"""Canary clients: random directions of full clip norm, in or out of a sum by coins (arXiv 2302.03098, 2305.08846).

A canary is C times a random unit vector, which is what a client of the largest allowed influence would send. It costs
no training: it is added to a sum of clipped updates and looked for in what is released, by ⟨c_i, ·⟩. In d dimensions
two canaries overlap by about 1/√d; what n of them, and the other clients, put into each other's scores acts as more
noise, which weakens a bound and does not break it. Canaries change what is trained: audit a copy of the run.

Vectors are drawn in blocks from a named stream and never all held. Shape legend: n canaries, d numbers, T rounds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from privtalk.core.streams import Stream
from privtalk.methods.privacy.mechanisms.clipping import MARGIN, check_clip

BLOCK = 64
"""Canaries drawn at a time: 50 MB at d = 100,000."""


def unit_vectors(count: int, dim: int, generator: torch.Generator) -> Tensor:
    """float64 [n, d]: uniform on the unit sphere.

    >>> unit_vectors(2, 5, torch.Generator().manual_seed(0)).norm(dim=1).round(decimals=6)
    tensor([1., 1.], dtype=torch.float64)
    """
    vectors = torch.randn(count, dim, generator=generator, dtype=torch.float64)
    return vectors / vectors.norm(dim=1, keepdim=True)


def coins(count: int, generator: torch.Generator, rate: float = 0.5) -> Tensor:
    """bool [n]: each true with chance `rate`, by itself."""
    return torch.rand(count, generator=generator, dtype=torch.float64) < rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Canaries:
    """n canaries in d dimensions; all that is random about them comes from the stream."""

    count: int
    """n, those that are out included."""
    dim: int
    """d."""
    norm: float
    """C: the clip of the run."""
    stream: Stream

    def __post_init__(self) -> None:
        if self.count < 2 or self.dim < 1:
            raise ValueError(
                f"{self.count} canaries in {self.dim} dimensions: at least two in one are needed"
            )
        check_clip(self.norm)
        if self.norm == float("inf"):
            raise ValueError("a canary has the norm of the clip, which is infinite; give one that is finite")

    @property
    def included(self) -> Tensor:
        """bool [n]: which ones are in, by fair coins."""
        return coins(self.count, self.stream("audit", "canaries", "coins"))

    def present(self, round_: int, rate: float) -> Tensor:
        """bool [n]: which of those that are in take part in a round of Poisson sampling at q."""
        drawn = coins(self.count, self.stream("audit", "canaries", "round", round_), rate)
        return self.included & drawn

    def blocks(self) -> Iterator[tuple[slice, Tensor]]:
        """(which ones, their unit vectors [b, d])."""
        for first in range(0, self.count, BLOCK):
            size = min(BLOCK, self.count - first)
            generator = self.stream("audit", "canaries", "block", first // BLOCK)
            yield slice(first, first + size), unit_vectors(size, self.dim, generator)

    def total(self, present: Tensor | None = None) -> Tensor:
        """float64 [d]: Σ C c_i of those that are present, [n]; of all that are in, where it is left out."""
        chosen = self.included if present is None else present
        return self.totals(chosen[None], torch.tensor([self.norm], dtype=torch.float64))[0]

    def totals(self, present: Tensor, norms: Tensor) -> Tensor:
        """float64 [T, d]: the same of T rounds with `present` bool [T, n], whose canaries are `norms` [T] long."""
        weights = present.double() * norms[:, None] * MARGIN
        total = torch.zeros(len(present), self.dim, dtype=torch.float64)
        for which, vectors in self.blocks():
            total += weights[:, which] @ vectors
        return total

    def scores(self, released: Tensor) -> Tensor:
        """float64 [..., n]: ⟨c_i, ·⟩ of what was released, [..., d]: a sum, a step, or iterates."""
        return torch.cat([released.double() @ vectors.T for _, vectors in self.blocks()], dim=-1)

    def cosines(self, released: Tensor) -> Tensor:
        """float64 [..., n]: the same over ‖·‖; of those that are out, N(0, 1/d) in high dimensions."""
        return self.scores(released) / released.double().norm(dim=-1, keepdim=True)


def summed(scores: Tensor, present: Tensor | None = None) -> Tensor:
    """[n] of scores [T, n] of T rounds: their sum, over the rounds of `present` [T, n] where it is known.

    Whoever sees every step knows a canary's rounds only if the cohort is public; if not, leave `present` out.

    >>> summed(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor([4., 6.])
    """
    return (scores if present is None else scores * present).sum(0)

"""Real vectors on an integer grid, whose sums are exact whatever the order.

x -> round(x / step), an integer of at most `levels` in size, so that `clients` of them sum to less than
2^(bits-1) in size and never wrap around modulo 2^bits. The step is a power of two: grid points, and sums of
them, are exact in float64.

Rounding can lift an L2 norm: by at most step √d / 2 to the nearest point, step √d stochastically (each
coordinate moves by at most step / 2, or step). A vector clipped to C is then no longer within C. With `clip`,
the vector is shrunk to C - that slack before it is rounded, so that what is sent never exceeds C; Kairouz et
al. 2021 (arXiv 2102.06387) re-draw the rounding instead, for which C must be raised.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from privtalk.methods.privacy.secure_aggregation.errors import OutOfRangeError

MOST_BITS = 53
"""Sums stay exact in float64."""
FREE = 2.0**-21
"""Slack over clip that costs nothing: `clip_factors` leaves 2^-20, of which float32 takes up less than 2^-22."""

Rounding = Literal["nearest", "stochastic"]


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegerGrid:
    """The grid: which integers stand for which numbers.

    >>> grid = IntegerGrid(bound=1.0, clients=3, bits=8)
    >>> grid.step, grid.levels
    (0.03125, 32)
    >>> grid.encode(torch.tensor([0.5, -1.0, 0.02]))
    array([ 16, -32,   1])
    """

    bound: float
    """Largest |coordinate| that is accepted; larger ones are refused, never cut."""
    clients: int
    """Most vectors in one sum."""
    bits: int = 32
    """b: sums are taken modulo 2^b. Words on the wire have 32 bits up to b = 32, 64 above."""
    rounding: Rounding = "nearest"
    """`nearest` (ties to even) moves a coordinate by at most step / 2 and draws nothing; `stochastic` is unbiased."""
    clip: float | None = None
    """L2 norm that an encoded vector never exceeds; None leaves vectors as they are."""

    def __post_init__(self) -> None:
        if not (0 < self.bound < math.inf):
            raise ValueError(f"bound is {self.bound}, it must be positive and finite")
        if self.clients < 1:
            raise ValueError(f"a grid for {self.clients} clients; it must hold at least one vector")
        if not 2 <= self.bits <= MOST_BITS:
            raise ValueError(f"{self.bits} bits; a sum needs 2 to {MOST_BITS}")
        if self.clip is not None and not 0 < self.clip < math.inf:
            raise ValueError(f"clip is {self.clip}, it must be positive and finite; use None for none")
        if self.room < 1:
            raise ValueError(f"{self.bits} bits do not hold a sum of {self.clients} clients; use more bits")

    @classmethod
    def for_clip(cls, clip: float, clients: int, dim: int) -> IntegerGrid:
        """The coarsest grid on which vectors of `dim` coordinates that `clip_factors` clipped need no shrinking."""
        for bits in range(2 + clients.bit_length(), MOST_BITS + 1):
            grid = cls(bound=clip, clients=clients, bits=bits, clip=clip)
            if grid.slack(dim) <= FREE * clip:
                return grid
        raise ValueError(
            f"no grid of {MOST_BITS} bits is fine enough for {clients} clients, {dim} coordinates"
        )

    @property
    def room(self) -> int:
        """Largest |integer| that every vector of the largest sum may hold, noise included."""
        return int((2 ** (self.bits - 1) - 1) // self.clients)

    @property
    def step(self) -> float:
        """Distance of grid points, in units of the vector: the least power of two that leaves room for the sum."""
        step = 2.0 ** math.floor(math.log2(self.bound / self.room))
        while math.ceil(self.bound / step) > self.room:
            step *= 2
        return step

    @property
    def levels(self) -> int:
        """Largest |integer| of one vector."""
        return math.ceil(self.bound / self.step)

    @property
    def coordinate_error(self) -> float:
        """Most that rounding moves one coordinate by; a sum of K vectors is off by at most K times that."""
        return self.step / 2 if self.rounding == "nearest" else self.step

    def slack(self, dim: int) -> float:
        """Most that rounding lifts the L2 norm of `dim` coordinates by."""
        return self.coordinate_error * math.sqrt(dim)

    def sensitivity(self, clip: float, dim: int) -> float:
        """Largest norm on the grid of a vector of norm at most `clip`: what noise must be scaled to."""
        return min(clip + self.slack(dim), self.clip or math.inf)

    def encode(self, vector: Tensor, generator: torch.Generator | None = None) -> NDArray[np.int64]:
        """Integers [d] of a vector [d]; `generator` is for stochastic rounding alone."""
        values = self._shrunk(vector.detach().cpu().double().numpy())
        largest = float(np.abs(values).max(initial=0.0))
        if not largest <= self.bound:
            raise OutOfRangeError(
                f"a coordinate of size {largest:g} is beyond the grid's bound {self.bound:g}; clip it, or raise bound"
            )
        return self._rounded(values / self.step, generator).astype(np.int64)

    def decode(self, integers: NDArray[np.int64]) -> Tensor:
        """float64 [d], exact."""
        return torch.from_numpy(integers * self.step)

    def _shrunk(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.clip is None:
            return values
        limit = self.clip - self.slack(len(values))
        if limit <= 0:
            raise OutOfRangeError(
                f"steps of {self.step:g} in {len(values)} coordinates exceed clip {self.clip:g}; use more bits"
            )
        norm = float(np.linalg.norm(values))
        return values * (limit / norm * (1 - 2.0**-48)) if norm > limit else values

    def _rounded(self, values: NDArray[np.float64], generator: torch.Generator | None) -> NDArray[np.float64]:
        if self.rounding == "nearest":
            return np.rint(values)
        if generator is None:
            raise ValueError("stochastic rounding draws: give encode a generator")
        below = np.floor(values)  # not floor(values + u): the sum is rounded where values are large
        u = torch.rand(len(values), generator=generator, dtype=torch.float64).numpy()
        return below + (u < values - below)

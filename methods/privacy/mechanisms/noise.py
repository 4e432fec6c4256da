"""The Gaussian mechanism on a sum of clipped updates."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from privtalk.methods.privacy.accounting.ledger import Release
from privtalk.methods.privacy.mechanisms.clipping import check_clip


class Mechanism(Protocol):
    """What a round loop needs: the clip of updates, and the noise on the sum of clipped and weighted updates."""

    @property
    def clip(self) -> float:
        """C: L2 bound of a client's update."""

    @property
    def private(self) -> bool:
        """Whether any guarantee holds."""

    @property
    def deviation(self) -> float:
        """Standard deviation of fresh noise on the sum."""

    def noise(self, dim: int, generator: torch.Generator) -> Tensor:
        """float64 [dim] noise of one round, on the sum."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GaussianMechanism:
    """Σ_k ω_k clip_C(Δ_k) + N(0, (z C)² I), with ω_k in (0, 1]: adding or removing a client moves the sum by at most C.

    z = 0 adds nothing and an infinite C clips nothing; both together are no privacy. The guarantee is that of real
    numbers: the low bits of floating-point noise can betray what it was added to (Mironov 2012). Noise on the integer
    grid (`discrete`) has no such gap.
    """

    clip: float = math.inf
    """C: L2 bound of a client's update."""
    noise_multiplier: float = 0.0
    """z: standard deviation of the noise in units of C."""

    def __post_init__(self) -> None:
        check_clip(self.clip)
        if not self.noise_multiplier >= 0:
            raise ValueError(
                f"noise multiplier is {self.noise_multiplier}, it must not be negative; 0 adds no noise"
            )
        if self.noise_multiplier and math.isinf(self.clip):
            raise ValueError(
                "noise without a clip protects nothing; set a finite clip, or noise_multiplier 0"
            )

    @property
    def private(self) -> bool:
        """Whether any guarantee holds."""
        return self.noise_multiplier > 0

    @property
    def deviation(self) -> float:
        """Standard deviation of the noise on the sum."""
        return self.noise_multiplier * self.clip if self.private else 0.0

    def noise(self, dim: int, generator: torch.Generator) -> Tensor:
        """float64 [dim] noise of one round.

        It comes from a named stream, so that runs can be repeated: who knows the seed can subtract it. A deployment
        draws it from the operating system's randomness instead.
        """
        return self.deviation * torch.randn(dim, generator=generator, dtype=torch.float64)

    def release(self, name: str = "adapter") -> Release:
        """One round's sum, for the ledger."""
        return Release(kind="update_sum", name=name, noise_multiplier=self.noise_multiplier)


NO_PRIVACY = GaussianMechanism()

"""The Gaussian mechanism on a sum of clipped updates."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from privtalk.core.streams import Stream
from privtalk.methods.privacy.accounting.ledger import Release
from privtalk.methods.privacy.mechanisms.clipping import check_clip
from privtalk.methods.privacy.mechanisms.mechanism import RoundMechanism, RunMechanism


@dataclass(frozen=True, slots=True, kw_only=True)
class GaussianMechanism(RunMechanism, RoundMechanism):
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

    @property
    def first_clip(self) -> float:
        return self.clip

    def in_round(self, round_: int, clip: float | None, stream: Stream) -> GaussianMechanism:
        """The same in every round."""
        return self

    def added(self, dim: int, generator: torch.Generator, sensitivity: float) -> Tensor:
        """float64 [dim] noise at z times the sensitivity."""
        return replace(self, clip=sensitivity).noise(dim, generator)

    def releases(self, dim: int, fewest: int) -> tuple[Release, ...]:
        """One sum."""
        return (self.release(),)

    def release(self, name: str = "adapter") -> Release:
        """One round's sum, for the ledger."""
        return Release(kind="update_sum", name=name, noise_multiplier=self.noise_multiplier)


NO_PRIVACY = GaussianMechanism()

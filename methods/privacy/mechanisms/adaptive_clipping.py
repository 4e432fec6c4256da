"""Adaptive clipping (Andrew, Thakkar, McMahan and Ramaswamy 2021): the clip follows a quantile of the updates' norms.

Each client says whether its norm is within the clip; the sum of these bits is released with noise, and the clip moves
geometrically towards the target quantile γ:

    C ← C · exp(−η (b̃ − γ)),   b̃ = ½ + (Σ_k (b_k − ½) + N(0, σ_b²)) / (qN).

Bits are shifted by ½, so that one client moves their sum by ½: a release at noise multiplier 2σ_b, of the same cohort
as the updates. Both together cost what a single release at z costs when the updates' noise is raised to
z_Δ = (z⁻² − (2σ_b)⁻²)^−½.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from privtalk.core.streams import Stream
from privtalk.methods.privacy.accounting.ledger import Release
from privtalk.methods.privacy.mechanisms.clipping import check_clip
from privtalk.methods.privacy.mechanisms.mechanism import RunMechanism
from privtalk.methods.privacy.mechanisms.noise import GaussianMechanism

RATE = 0.2
"""η, as the paper sets it."""
BIT_NOISE = 0.05
"""σ_b over the expected cohort, as the paper sets it (m/20)."""


def update_multiplier(noise_multiplier: float, bit_deviation: float) -> float:
    """z_Δ = (z⁻² − (2σ_b)⁻²)^−½: noise of the updates so that with the bits the round costs z.

    An infinite σ_b releases nothing: z_Δ = z.

    >>> round(update_multiplier(1.0, 5.0), 4)
    1.005
    """
    if noise_multiplier == 0:
        return 0.0
    left = noise_multiplier**-2 - (2 * bit_deviation) ** -2
    if left <= 0:
        raise ValueError(
            f"bits with noise {bit_deviation:g} alone cost more than noise multiplier {noise_multiplier:g}; "
            f"their noise must be above {noise_multiplier / 2:g}"
        )
    return left**-0.5


def within(norms: Tensor, clip: float) -> Tensor:
    """b_k − ½ in {−½, ½}, float64 [K], of updates' norms [K]: whether each is within the clip. Each stays on its device
    but for the sum."""
    return (norms <= clip).double() - 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class AdaptiveClipping(RunMechanism):
    """Adaptive clipping as it is fixed for a run."""

    noise_multiplier: float
    """z of a whole round: updates and bits."""
    expected_cohort: float
    """qN, public."""
    initial_clip: float
    quantile: float = 0.5
    """γ: share of updates that should not be clipped."""
    rate: float = RATE
    """η: the clip changes by at most a factor of exp(η) a round, but for noise."""
    bit_deviation: float | None = None
    """σ_b; a twentieth of the expected cohort, but at least z, if open."""

    def __post_init__(self) -> None:
        check_clip(self.initial_clip)
        if math.isinf(self.initial_clip):
            raise ValueError(
                "initial_clip is inf: a geometric update never leaves it; start from a finite one"
            )
        if not 0 < self.quantile < 1:
            raise ValueError(f"quantile is {self.quantile}, it must lie in (0, 1)")
        if not (self.rate >= 0 and self.expected_cohort > 0):
            raise ValueError("rate must not be negative and expected_cohort must be positive")
        update_multiplier(self.noise_multiplier, self.deviation)

    @property
    def private(self) -> bool:
        return self.noise_multiplier > 0

    @property
    def deviation(self) -> float:
        """σ_b."""
        if self.bit_deviation is None:
            return max(BIT_NOISE * self.expected_cohort, self.noise_multiplier)
        return self.bit_deviation

    adapts = True

    @property
    def first_clip(self) -> float:
        return self.initial_clip

    def in_round(self, round_: int, clip: float | None, stream: Stream) -> GaussianMechanism:
        """Gaussian, at the clip that was come to."""
        return self.mechanism(ClipState(clip=self.initial_clip if clip is None else clip))

    def next_clip(self, used: float, norms: Tensor, generator: torch.Generator) -> float:
        """The clip after the noisy share of updates whose `norms` [K] are within `used`."""
        return self.after(ClipState(clip=used), within(norms, used), generator).clip

    def start(self) -> ClipState:
        return ClipState(clip=self.initial_clip)

    def mechanism(self, state: ClipState) -> GaussianMechanism:
        """Clip and noise of the updates in the coming round."""
        z = update_multiplier(self.noise_multiplier, self.deviation)
        return GaussianMechanism(clip=state.clip, noise_multiplier=z)

    def releases(self, dim: int = 0, fewest: int = 0) -> tuple[Release, Release]:
        """The releases of a round, for the ledger; jointly at the noise multiplier z."""
        bits = 2 * self.deviation if self.noise_multiplier else 0.0
        return (
            self.mechanism(self.start()).release(),
            Release(kind="clipped_bits", name="share of unclipped updates", noise_multiplier=bits),
        )

    def after(self, state: ClipState, bits: Tensor, generator: torch.Generator) -> ClipState:
        """The clip of the next round, from `within` [K] of this cohort; without a cohort, from noise alone."""
        noise = self.deviation * float(torch.randn((), generator=generator, dtype=torch.float64))
        total = float(bits.double().sum()) + (noise if self.noise_multiplier else 0.0)
        share = 0.5 + total / self.expected_cohort
        factor = math.exp(-self.rate * (share - self.quantile))
        return replace(state, clip=state.clip * factor, share=share)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipState:
    """The state that changes from round to round."""

    clip: float
    share: float | None = None
    """b̃: noisy share of updates within the clip, as released; may leave [0, 1]."""

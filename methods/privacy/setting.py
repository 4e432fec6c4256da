"""The setting that decides how much privacy noise buys: from a noise multiplier to mechanism, ledger and exposure."""

from __future__ import annotations

from typing import Literal, NamedTuple

from privtalk.methods.privacy.accounting.adversaries import (
    Exposure,
    Placement,
)
from privtalk.methods.privacy.accounting.ledger import Ledger
from privtalk.methods.privacy.mechanisms.adaptive_clipping import AdaptiveClipping
from privtalk.methods.privacy.mechanisms.discrete import DiscreteMechanism
from privtalk.methods.privacy.mechanisms.matrix_factorisation import BandedMatrixFactorisation
from privtalk.methods.privacy.mechanisms.mechanism import RunMechanism
from privtalk.methods.privacy.mechanisms.noise import GaussianMechanism


class PrivacySetting(NamedTuple):
    """All that an ε depends on, beside the noise."""

    placement: Placement
    clipping: Literal["fixed", "adaptive"]
    sampling: Literal["poisson", "cyclic"]
    rate: float
    rounds: int
    delta: float
    dim: int
    """Numbers in an update; only integer noise depends on it."""
    cohort: float
    """Expected clients of a round; only the noise on adaptive clipping's bits depends on it."""
    fewest: int
    """Clients of the smallest round whose shares make the noise of a sum."""

    def mechanism(self, noise_multiplier: float, clip: float = 1.0, quantile: float = 0.5) -> RunMechanism:
        """The mechanism of a run; its ε does not depend on `clip` and `quantile`."""
        if self.sampling == "cyclic":
            return BandedMatrixFactorisation(
                clip=clip,
                noise_multiplier=noise_multiplier,
                rounds=self.rounds,
                separation=max(1, round(1 / self.rate)),
            )
        if self.placement == "distributed":
            return DiscreteMechanism(clip=clip, noise_multiplier=noise_multiplier)
        if self.clipping == "adaptive":
            return AdaptiveClipping(
                noise_multiplier=noise_multiplier,
                expected_cohort=self.cohort,
                initial_clip=clip,
                quantile=quantile,
            )
        return GaussianMechanism(clip=clip, noise_multiplier=noise_multiplier)

    def ledger(self, noise_multiplier: float) -> Ledger:
        """Every release of the run."""
        return self.mechanism(noise_multiplier).booked(self.rate, self.rounds, self.dim, self.fewest)

    def epsilon(self, noise_multiplier: float) -> float:
        """The ε of the released adapter."""
        return self.ledger(noise_multiplier).epsilon(self.delta)

    def exposure(self, noise_multiplier: float, participations: int, cohort: int, honest: float) -> Exposure:
        """The exposure to the three adversaries."""
        made = self.mechanism(noise_multiplier)
        return Exposure(
            placement=self.placement,
            noise=made.noise_seen(self.dim, cohort),
            rate=self.rate if self.sampling == "poisson" else 1.0,
            rounds=self.rounds,
            delta=self.delta,
            cohort=cohort if made.by_clients else 1,
            honest=max(1, round(honest * cohort)) if made.by_clients else 1,
            participations=participations,
        )

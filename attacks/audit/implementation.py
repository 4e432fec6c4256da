"""Audit of an aggregator: thousands of rounds with one worst-case canary, present or absent, and no training.

Everything between the devices' updates and what the server sees is the project's own: clipping, weights, what is
carried, the sum, noise, division: `methods.federation.aggregate`, as in every run. The adversary knows all other
updates and the canary, and can play rounds of its own, on which it learns its score. A round is accounted alone and
without sampling, which is where a mistake shows most.

At δ = 1e-5 a count certifies little of a Gaussian's ε: its worst outcomes are too rare. At `TEST_DELTA` they are not,
and the same count comes close to the accountant's ε(δ), so that is where mistakes are caught without assumptions.

Shape legend: R rounds, K clients of d numbers, w numbers that are carried (d, or d + 1).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from privtalk.attacks.audit.bounds import (
    CertifiedBound,
    Values,
    clopper_pearson_bound,
    gaussian_dp_bound,
    mu_low,
)
from privtalk.attacks.audit.canaries import unit_vectors
from privtalk.attacks.audit.one_shot import OneShotEstimate, fit, one_shot_estimate
from privtalk.attacks.audit.report import AccountedBound, AuditReport
from privtalk.attacks.audit.thresholds import at_delta, threshold_by_split
from privtalk.methods.backbone.conditioning import ClipFeatures
from privtalk.methods.config import FederationConfig, Normalisation
from privtalk.methods.federation.aggregate import Aggregation, aggregate
from privtalk.methods.federation.clients import ClientData
from privtalk.methods.federation.public import PublicConstants, client_weights
from privtalk.methods.privacy.accounting.ledger import Ledger, Round
from privtalk.methods.privacy.mechanisms.clipping import norm
from privtalk.methods.privacy.mechanisms.mechanism import RunMechanism

LEVEL = 0.999
"""The confidence of each certified bound: a tight, correct mechanism raises an alarm once in a thousand audits."""
TEST_DELTA = 0.05
DELTAS = (1e-5, TEST_DELTA)
CHOICE = 0.25
"""Share of the rounds that thresholds are chosen on."""
EXCESS = 100.0
"""How many clips long the canary's raw update is, and how many reference sizes its data."""

Look = Literal["sum", "mean"]
"""The thing that is scored: the noisy sum, or the step after division."""


@dataclass(frozen=True, kw_only=True)
class RoundUpdates:
    """The outcome of local training, as it is handed to a round of K clients."""

    updates: Tensor
    """float32 [K, d], raw."""
    frames: tuple[int, ...]
    """n_k."""
    reliability: Tensor
    """float64 [K] in (0, 1]."""

    def without_last(self) -> RoundUpdates:
        """The other world: the canary comes last."""
        return RoundUpdates(
            updates=self.updates[:-1], frames=self.frames[:-1], reliability=self.reliability[:-1]
        )


class SeenRounds(NamedTuple):
    """The server's sight of R rounds."""

    sums: Tensor
    """float64 [R, w]."""
    means: Tensor
    """float64 [R, d]."""
    shares: Tensor
    """float64 [R, 1]: what an adapting clip tells of the share of unclipped updates; [R, 0] without one."""

    def features(self, look: Look) -> Tensor:
        """float64 [R, f] that the adversary scores."""
        return torch.cat([self.sums if look == "sum" else self.means, self.shares], dim=1)


@dataclass(frozen=True, kw_only=True)
class Aggregator:
    """The real rounds after local training, with updates that are made up."""

    mechanism: RunMechanism
    dim: int = 4
    """d."""
    normalisation: Normalisation = "public"
    appended_share: float = 0.25
    """β / C."""
    expected: float = 4.0
    """q N ω̄, public."""
    reference_frames: int = 100
    """n̂."""
    crowd: int = 3
    """Clients beside the canary."""

    def __post_init__(self) -> None:
        if not self.mechanism.private:
            raise ValueError("a mechanism without noise claims nothing, so there is nothing to audit")
        if self.mechanism.correlated:
            raise ValueError("of one round nothing is claimed where rounds share noise")
        self.mechanism.check_fits(FederationConfig(normalisation=self.normalisation))

    @property
    def clip(self) -> float:
        """C of the round."""
        return self.mechanism.first_clip

    @property
    def ledger(self) -> Ledger:
        """One round as it is accounted."""
        return Ledger((Round(releases=self.mechanism.releases(self.dim, self.crowd + 1)),))

    def worst_case(self, generator: torch.Generator) -> RoundUpdates:
        """A crowd and, last, a canary that is longer and heavier than what may reach the sum."""
        direction = unit_vectors(1, self.dim, generator)
        small = torch.randn(self.crowd, self.dim, generator=generator, dtype=torch.float64)
        updates = torch.cat([0.3 * self.clip * small, EXCESS * self.clip * direction]).float()
        sizes = torch.rand(self.crowd, generator=generator, dtype=torch.float64)
        frames = (1 + sizes * (self.reference_frames - 1)).long().tolist()
        heavy = int(EXCESS * self.reference_frames)
        return RoundUpdates(
            updates=updates,
            frames=(*frames, heavy),
            reliability=torch.ones(len(updates), dtype=torch.float64),
        )

    def play(self, trained: RoundUpdates, rounds: int, generator: torch.Generator) -> SeenRounds:
        """R rounds of the same updates under fresh noise, and fresh rounding where there is a grid."""
        used = self.mechanism.in_round(0, None, lambda *_: generator)
        weights = client_weights(_clients(trained.frames), self._public) * trained.reliability
        how = Aggregation(self.expected, self.normalisation, self.appended_share)
        numbers = range(len(weights))
        found = [
            aggregate(trained.updates, weights, numbers, used, how, lambda *_: generator, 0)
            for _ in range(rounds)
        ]
        return SeenRounds(
            torch.stack([one.total for one in found]),
            torch.stack([one.mean for one in found]),
            self._shares(trained.updates, rounds, generator),
        )

    def _shares(self, updates: Tensor, rounds: int, generator: torch.Generator) -> Tensor:
        """The logarithm of the clip's move, which is linear in the noisy share of unclipped updates."""
        moved = [self.mechanism.next_clip(self.clip, norm(updates), generator) for _ in range(rounds)]
        known = [math.log(clip / self.clip) for clip in moved if clip is not None]
        return torch.tensor(known, dtype=torch.float64).view(rounds, -1)

    @property
    def _public(self) -> PublicConstants:
        return PublicConstants(
            clients=self.crowd + 1, reference_frames=self.reference_frames, mean_weight=1.0
        )


def fisher_direction(inside: Tensor, outside: Tensor) -> Tensor:
    """float64 [f] along which two worlds' rounds [R, f] differ most for their spread: S⁻¹ (m_in − m_out) (Fisher 1936).

    For Gaussian noise it tends to the likelihood ratio of what the mechanism does, and not of what it claims.
    """
    spread = inside.T.cov() + outside.T.cov()
    flat = 1e-12 * spread.diagonal().mean().clamp(min=1e-100)
    ridge = spread + flat * torch.eye(len(spread), dtype=spread.dtype)
    return torch.linalg.solve(ridge, inside.mean(0) - outside.mean(0))


def audit(
    aggregator: Aggregator,
    generator: torch.Generator,
    *,
    rounds: int = 2000,
    deltas: Sequence[float] = DELTAS,
    level: float = LEVEL,
    look: Look = "sum",
) -> AuditReport:
    """Plays `rounds` rounds with the canary and as many without, and sets bounds beside the account of one round.

    As many as `CHOICE` of them come on top, in both worlds, on which the score is learnt.
    """
    trained = aggregator.worst_case(generator)
    learning = round(CHOICE * rounds)
    inside, outside = (
        aggregator.play(world, learning + rounds, generator).features(look)
        for world in (trained, trained.without_last())
    )
    direction = fisher_direction(inside[:learning], outside[:learning])
    members, others = ((part[learning:] @ direction).numpy() for part in (inside, outside))
    return _reported(aggregator, members, others, generator, deltas, level)


def _reported(
    aggregator: Aggregator,
    inside: Values,
    outside: Values,
    generator: torch.Generator,
    deltas: Sequence[float],
    level: float,
) -> AuditReport:
    ledger = aggregator.ledger
    upper = tuple(
        AccountedBound(epsilon=ledger.epsilon(delta), delta=delta, accountant=ledger.accountant)
        for delta in deltas
    )
    return AuditReport(
        subject=f"{type(aggregator.mechanism).__name__}, {aggregator.normalisation}, one round",
        upper=upper,
        certified=_certified(inside, outside, generator, deltas, level),
        estimates=_estimates(inside, outside, deltas, level),
    )


def _certified(
    inside: Values, outside: Values, generator: torch.Generator, deltas: Sequence[float], level: float
) -> tuple[CertifiedBound, ...]:
    """Clopper-Pearson at each δ with a threshold of its own; the Gaussian bound with one for all."""
    found = []
    for delta in deltas:
        objective = at_delta(delta)
        split = threshold_by_split(inside, outside, generator, objective=objective, share=CHOICE, level=level)
        found.append(clopper_pearson_bound(split.counts, delta, level))
    split = threshold_by_split(inside, outside, generator, objective=mu_low, share=CHOICE, level=level)
    return (*found, *(gaussian_dp_bound(split.counts, delta, level) for delta in deltas))


def _estimates(
    inside: Values, outside: Values, deltas: Sequence[float], level: float
) -> tuple[OneShotEstimate, ...]:
    """None where scores do not vary, so that no normal can be fitted."""
    if not (np.ptp(inside) > 0 and np.ptp(outside) > 0):
        return ()
    return tuple(one_shot_estimate(fit(inside), fit(outside), delta, level) for delta in deltas)


def _clients(frames: Sequence[int]) -> list[ClientData]:
    empty = torch.zeros(0)
    nothing = ClipFeatures(empty, empty, empty, None)
    return [ClientData(index=k, held=nothing, lengths=(n,)) for k, n in enumerate(frames)]

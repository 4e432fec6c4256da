"""Distinguishing: is this person's update in the sum? (Ngo et al., "Secure aggregation is not private against
membership inference attacks", 2403.17775)

Secure aggregation hides a message among those of the others of its round, whose sum is close to Gaussian with n - 1
times the mean μ and covariance Σ of one update. Against that noise the likelihood ratio of "x_p is in the sum s" is
linear,

    ln Λ(s) = x_pᵀ Σ⁻¹ (s - (n - 1) μ) / (n - 1) + const_p

The attacker has no updates to estimate Σ from. It has people: x_p = -g_p, and Σ is their gradients' covariance plus λ
times its mean eigenvalue in all directions. λ is a constant plus the noise in the sums, read where no person's gradient
points, in units of what people add there where they do. What depends on p alone falls out against the other sums.

λ -> infinity is the cosine of the sum with the person's centred gradient.

Shape legend: K sums, P people, d numbers of an adapter.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from privtalk.attacks.declaration import Declaration
from privtalk.attacks.matched_filters import RIDGE, matched_filters, noise_ridge
from privtalk.attacks.pairs import CandidateFeatures, MessageAttack, ScoreMatrix, over_rounds, unit
from privtalk.attacks.views import ServerRound


def distinguishing(rounds: Sequence[ServerRound], candidates: CandidateFeatures) -> ScoreMatrix:
    """Scores of every sum with every person; larger means "in the sum"."""
    steps = -candidates.gradients
    sums = torch.cat([r.messages for r in rounds])
    filters = matched_filters(steps, RIDGE + noise_ridge(sums, steps))
    return over_rounds(rounds, lambda r: unit(r.messages) @ filters.T)


ATTACK = MessageAttack(
    declaration=Declaration(
        name="distinguishing",
        family="aggregation",
        view="sums",
        statistic="log-likelihood ratio of a round's sum with and without the person's step, others Gaussian",
        source="Ngo et al. 2024, 2403.17775",
    ),
    score=distinguishing,
)

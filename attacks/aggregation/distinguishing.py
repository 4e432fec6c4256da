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
from torch import Tensor

from privtalk.attacks.declaration import Declaration
from privtalk.attacks.pairs import Candidates, MessageAttack, ScoreMatrix, centred, over_rounds, unit
from privtalk.attacks.views import ServerRound

RIDGE = 3.0
"""λ without noise: updates are not quite gradients. Of .3, 1, 3, 10, 30 it did well at all sizes, on one run."""
LOUDEST = 1e3
"""λ where the sums tell no more in people's directions than outside."""


def matched_filters(steps: Tensor, ridge: float = RIDGE) -> Tensor:
    """[P, d] unit rows along Σ⁻¹ (x_p - μ), for expected updates `steps` [P, d] whose mean is μ and covariance Σ.

    With X the centred steps and l the mean of the P eigenvalues of X Xᵀ, X (Xᵀ X + λ l I)⁻¹ = (X Xᵀ + λ l I)⁻¹ X.
    """
    centre = centred(steps)
    gram = (centre @ centre.T).double()
    level = ridge * gram.diagonal().mean()
    if not level > 0:
        return torch.zeros_like(steps)
    inverse = torch.linalg.inv(gram / level + torch.eye(len(gram), dtype=gram.dtype))
    return unit(inverse.to(steps) @ centre)


def noise_ridge(sums: Tensor, steps: Tensor) -> float:
    """Variance of `sums` [K, d] a direction that no step of [P, d] has, over the surplus a direction that they span.

    0 where there is no noise, or no direction is left; at most `LOUDEST`.
    """
    s, x = centred(sums), centred(steps)
    inside, outside = len(x) - 1, sums.shape[1] - len(x) + 1
    if inside < 1 or outside < 1 or not s.any():
        return 0.0
    squares, axes = torch.linalg.eigh((x @ x.T).double())
    present = squares > 1e-9 * squares.max()
    along = ((s @ x.T).double() @ axes).square().sum(0)
    within = float((along[present] / squares[present]).sum())
    noise, signal = (float(s.square().sum()) - within) / outside, within / inside
    return min(max(noise, 0.0) / max(signal - noise, signal / LOUDEST), LOUDEST) if signal > 0 else LOUDEST


def distinguishing(rounds: Sequence[ServerRound], candidates: Candidates) -> ScoreMatrix:
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

"""Matched filters: the directions that tell one person's step from the others', when those are Gaussian
(`aggregation.distinguishing` says why).

Shape legend: K sums, P people, d numbers of an adapter.
"""

from __future__ import annotations

import torch
from torch import Tensor

from privtalk.attacks.pairs import centred, unit

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

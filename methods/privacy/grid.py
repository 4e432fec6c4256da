"""Rounding to the integer grid with a bound on the norm that holds always, not in expectation."""

from __future__ import annotations

import math

import torch
from torch import Tensor

TRIES = 100
"""Roundings of a vector before giving up; each succeeds with chance above 1 − e^−½."""


def l2_bound(norm: float, dim: int) -> float:
    """Largest L2 norm that a vector of norm at most `norm` may have after rounding to whole numbers.

    √min(s² + d/4 + √(2 log 1/β) (s + √d/2), (s + √d)²) at β = e^−½ (Kairouz, Liu and Steinke 2021, proposition 22).

    >>> round(l2_bound(64, 1_000_000), 1)
    504.6
    """
    root = math.sqrt(dim)
    return math.sqrt(min(norm**2 + dim / 4 + norm + root / 2, (norm + root) ** 2))


def l1_bound(l2: float, dim: int) -> float:
    """Largest L1 norm of an integer vector [d] of L2 norm at most `l2`: min(√d Δ₂, Δ₂²), as |x| ≤ x² for whole x."""
    return min(math.sqrt(dim) * l2, l2 * l2)


def round_to_grid(vector: Tensor, norm: float, generator: torch.Generator) -> Tensor:
    """int64 [d]: each number of a float64 vector [d] up or down at random with its mean, drawn anew until the norm is
    within `l2_bound`; `norm` bounds the vector's own, which is checked.
    """
    if not float(vector.norm()) <= norm * (1 + 1e-9):
        raise ValueError(f"norm is {float(vector.norm()):g}, above the bound {norm:g}; clip before rounding")
    bound = l2_bound(norm, len(vector))
    floor = vector.floor()
    for _ in range(TRIES):
        up = torch.rand(len(vector), generator=generator, dtype=torch.float64) < vector - floor
        rounded = floor + up
        if float(rounded.norm()) <= bound:
            return rounded.long()
    raise ValueError(
        f"no rounding within norm {bound:g} in {TRIES} tries; report this: its chance is below 1e-20"
    )

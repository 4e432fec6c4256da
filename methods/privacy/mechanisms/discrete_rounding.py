"""Rounding to the integer grid with a bound on the norm that holds always, not in expectation."""

from __future__ import annotations

import torch
from torch import Tensor

from privtalk.methods.privacy.accounting.discrete_accounting import l2_bound

TRIES = 100
"""Roundings of a vector before giving up; each succeeds with chance above 1 − e^−½."""


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

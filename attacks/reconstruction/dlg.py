"""Deep Leakage from Gradients (Zhu et al. 2019, 1906.08935): match the gradient itself.

    x* = argmin_x ‖∇_θ loss(x; θ) - g‖²          (eq. 4), here relative to ‖g‖²

The original's optimiser is L-BFGS; ours is Adam, which victims can share in one bank. Scale matters: a message that
was clipped or weighted must be brought back to the update's size first.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from privtalk.attacks.reconstruction.matching import (
    Descent,
    Matched,
    Problem,
    Progress,
    descend,
    squared_distance,
)

DESCENT = Descent(steps=300, lr=0.05)


def dlg(
    problem: Problem,
    start: Sequence[Tensor],
    settings: Descent = DESCENT,
    progress: Progress | None = None,
) -> Matched:
    """Unknowns, each [K, ...] like `start`, whose gradient is nearest to the one seen."""
    energy = problem.seen.square().sum(-1).clamp(min=1e-30)

    def objective(unknowns: Sequence[Tensor]) -> Tensor:
        return squared_distance(problem.made(unknowns), problem.seen) / energy

    return descend(start, objective, settings, progress)

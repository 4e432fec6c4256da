"""Inverting Gradients (Geiping et al. 2020, 2003.14053): match the gradient's direction, prefer smooth pictures.

    x* = argmin_x  1 - ⟨∇_θ loss(x; θ), g⟩ / (‖∇_θ loss(x; θ)‖ ‖g‖) + λ TV(x)          (eq. 4)

by Adam on the sign of the slope, with tenfold falls of the rate after 3/8, 5/8 and 7/8 of the steps, from several
random starts of which the best matching one is kept (section 5 and appendix A). λ = 0 leaves the cosine alone.

Shape legend: K victims side by side; the first unknown is the picture, [K, ..., h, w].
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from privtalk.attacks.reconstruction.matching import (
    Descent,
    Matched,
    Problem,
    Progress,
    cosine_distance,
    descend,
    total_variation,
)

DESCENT = Descent(steps=300, lr=0.1, signed=True, decay=True)


def inverting_gradients(
    problem: Problem,
    starts: Sequence[Sequence[Tensor]],
    settings: Descent = DESCENT,
    smoothness: float = 0.0,
    progress: Progress | None = None,
) -> Matched:
    """The best of one descent from each of `starts` (unknowns, each [K, ...]); every victim keeps its own best.

    `smoothness` is λ. A `ValueError` without a start.
    """
    if not starts:
        raise ValueError("inverting gradients needs a start; give the prior's mean or random pictures")

    def objective(unknowns: Sequence[Tensor]) -> Tensor:
        distance = cosine_distance(problem.made(unknowns), problem.seen)
        return distance + smoothness * total_variation(unknowns[0]) if smoothness else distance

    best = descend(starts[0], objective, settings, progress)
    for start in starts[1:]:
        best = _better(best, descend(start, objective, settings, progress))
    return best


def _better(one: Matched, other: Matched) -> Matched:
    """Victim by victim, the attempt of smaller loss."""
    wins = other.loss < one.loss

    def pick(a: Tensor, b: Tensor) -> Tensor:
        return torch.where(wins.view(-1, *(1,) * (a.ndim - 1)), b, a)

    unknowns = tuple(pick(a, b) for a, b in zip(one.unknowns, other.unknowns, strict=True))
    return Matched(
        unknowns,
        torch.where(wins, other.loss, one.loss),
        torch.where(wins, other.history, one.history),
    )

"""Gradient matching: find the data whose gradient is the one that was seen, by descent on the data.

    x* = argmin_x  D(∇_θ loss(x; θ), g) + λ TV(x)

D is DLG's squared distance (Zhu et al. 2019, 1906.08935, eq. 4) or Inverting Gradients' cosine distance with total
variation (Geiping et al. 2020, 2003.14053, eq. 4). Here are the objectives and the one optimiser loop of all attacks.

Shape legend: K victims side by side, d numbers of a gradient.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor


def flatten(gradients: Sequence[Tensor]) -> Tensor:
    """[d] of a network's gradients, one tensor a parameter.

    >>> flatten([torch.ones(2, 2), torch.zeros(1)])
    tensor([1., 1., 1., 1., 0.])
    """
    return torch.cat([gradient.reshape(-1) for gradient in gradients])


def squared_distance(made: Tensor, seen: Tensor) -> Tensor:
    """[...] ‖made - seen‖² of gradients [..., d]; DLG's objective, 0 for equal gradients.

    >>> squared_distance(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 0.0])).item()
    4.0
    """
    return (made - seen).square().sum(-1)


def cosine_distance(made: Tensor, seen: Tensor) -> Tensor:
    """[...] 1 - cos(made, seen) of gradients [..., d], in [0, 2]; blind to scale, as to a client's weight or clipping.

    >>> cosine_distance(torch.tensor([2.0, 0.0]), torch.tensor([0.0, 3.0])).item()
    1.0
    """
    scale = (made.square().sum(-1) * seen.square().sum(-1)).clamp(min=1e-30).sqrt()
    return 1 - (made * seen).sum(-1) / scale


def total_variation(images: Tensor) -> Tensor:
    """[N] mean absolute difference of neighbours, along rows plus along columns, of images [N, ..., h, w].

    >>> total_variation(torch.tensor([[[0.0, 1.0], [0.0, 1.0]]])).tolist()
    [1.0]
    """
    right = (images[..., 1:] - images[..., :-1]).abs().flatten(1).mean(1)
    down = (images[..., 1:, :] - images[..., :-1, :]).abs().flatten(1).mean(1)
    return right + down


class Snapshot(NamedTuple):
    """The state that a caller may show while an attack runs."""

    step: int
    steps: int
    loss: Tensor
    """[K], detached."""
    picture: Tensor
    """The current first unknown, detached."""


Progress = Callable[[Snapshot], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Descent:
    """How the unknowns are optimised."""

    steps: int = 300
    lr: float = 0.1
    signed: bool = False
    """Adam is fed the sign of the gradient (2003.14053, section 5)."""
    decay: bool = False
    """The rate falls tenfold after 3/8, 5/8 and 7/8 of the steps."""
    keep: Literal["best", "average"] = "best"
    """The unknowns of smallest loss, or their mean over the second half of the steps, where every step draws afresh."""
    bounds: tuple[tuple[Tensor, Tensor] | None, ...] = ()
    """Box (lowest, highest) of each unknown, into which it is put back after every step."""

    def __post_init__(self) -> None:
        if self.steps < 0 or not self.lr > 0:
            raise ValueError(
                f"descent has {self.steps} steps at rate {self.lr}; need steps >= 0 and a rate above 0"
            )


Objective = Callable[[Sequence[Tensor]], Tensor]
"""unknowns, each [K, ...] -> [K], smaller is better."""


class Problem(NamedTuple):
    """The problem that gradient matching is asked."""

    made: Callable[[Sequence[Tensor]], Tensor]
    """Unknowns -> [K, d] the gradient (or update) that they give, differentiable."""
    seen: Tensor
    """[K, d] the one that was sent."""


class Matched(NamedTuple):
    """The end of a descent, victim by victim."""

    unknowns: tuple[Tensor, ...]
    loss: Tensor
    """[K] the smallest objective met."""
    history: Tensor
    """[steps + 1, K]."""


def descend(
    unknowns: Sequence[Tensor], objective: Objective, settings: Descent, progress: Progress | None = None
) -> Matched:
    """Minimise `objective` over unknowns [K, ...]; victims do not influence one another.

    With 0 steps nothing moves and the loss is that of the start. A victim whose loss is not a number stays where it is.
    """
    free = [part.detach().clone().requires_grad_() for part in unknowns]
    optimiser = torch.optim.Adam(free, lr=settings.lr, foreach=False)
    kept, history = _Kept(free, settings), []
    for step in range(settings.steps + 1):
        loss = objective(free)
        history.append(loss.detach())
        kept.see(step, free, history[-1])
        if progress is not None:
            progress(Snapshot(step, settings.steps, history[-1], free[0].detach()))
        if step < settings.steps:
            optimiser.param_groups[0]["lr"] = settings.lr * _rate(step, settings)
            _move(optimiser, free, loss, settings)
    return Matched(tuple(kept.unknowns), kept.least, torch.stack(history))


class _Kept:
    """The unknowns that a descent returns."""

    def __init__(self, start: Sequence[Tensor], settings: Descent) -> None:
        self.unknowns = [part.detach().clone() for part in start]
        self.least = start[0].new_full((len(start[0]),), math.inf)
        self.average, self.after, self.seen = settings.keep == "average", settings.steps // 2, 0

    def see(self, step: int, now: Sequence[Tensor], loss: Tensor) -> None:
        better = loss < self.least
        self.least = torch.where(better, loss, self.least)
        self.seen += step >= self.after
        for kept, part in zip(self.unknowns, now, strict=True):
            if not self.average:
                kept[better] = part.detach()[better]
            elif self.seen:
                kept += (part.detach() - kept) / self.seen


def _move(optimiser: torch.optim.Optimizer, free: Sequence[Tensor], loss: Tensor, settings: Descent) -> None:
    slopes = torch.autograd.grad(loss.nan_to_num(0.0, 0.0, 0.0).sum(), free)
    for part, slope in zip(free, slopes, strict=True):
        part.grad = slope.sign() if settings.signed else slope
    optimiser.step()
    with torch.no_grad():
        for part, box in zip(free, settings.bounds, strict=False):
            if box is not None:
                part.clamp_(*box)


def _rate(step: int, settings: Descent) -> float:
    """Factor on the rate.

    >>> [_rate(step, Descent(steps=8, decay=True)) for step in (0, 3, 5, 7)]
    [1.0, 0.1, 0.01, 0.001]
    """
    passed = sum(step >= math.floor(settings.steps * share) for share in (3 / 8, 5 / 8, 7 / 8))
    return float(10.0**-passed) if settings.decay else 1.0

"""Perturbations within a budget: their start, their descent, and what is released of them.

A budget is a number of levels of 255, the largest change of any pixel's colour. Shapes: N images [N, 3, H, W] in
[-1, 1], in which a level is 2 / 255.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

LEVEL = 2 / 255
"""A level of 255 in images whose range is [-1, 1]."""
Objective = Callable[[Tensor, int], Tensor]
"""(images [N, 3, H, W] with gradients, iteration) -> [N] losses to be made small."""
Tell = Callable[[int, int], None]
"""Called with (iterations done, of how many)."""


def random_start(images: Tensor, budget: float, generators: Sequence[torch.Generator]) -> Tensor:
    """Returns a perturbation [N, 3, H, W] that is uniform within the budget, each image's from its own generator."""
    draws = [torch.rand(images.shape[1:], generator=generator) for generator in generators]
    return (2 * torch.stack(draws).to(images) - 1) * budget * LEVEL


def projected(images: Tensor, perturbation: Tensor, budget: float) -> Tensor:
    """Returns the nearest perturbation that keeps the budget and the range of colours."""
    bound = budget * LEVEL
    return (images + perturbation.clamp(-bound, bound)).clamp(-1, 1) - images


def step_size(iteration: int, iterations: int, first: float, last: float) -> float:
    """Returns a step in levels: linear from `first` to `first * last`, which the final iteration has.

    >>> step_size(0, 5, 2.0, 0.5), step_size(4, 5, 2.0, 0.5), step_size(0, 1, 2.0, 0.5)
    (2.0, 1.0, 2.0)
    """
    return first * (1 - (1 - last) * iteration / max(iterations - 1, 1))


def sign_descent(
    images: Tensor,
    start: Tensor,
    objective: Objective,
    *,
    budget: float,
    iterations: int,
    step: float,
    last_step: float,
    tell: Tell = lambda done, total: None,
) -> Tensor:
    """Returns the perturbation after projected descent along the gradient's sign (PGD, Madry et al. 2018).

    Each image descends on its own loss alone.
    """
    perturbation = projected(images, start, budget)
    for iteration in range(iterations):
        shown = (images + perturbation).requires_grad_(True)
        (gradient,) = torch.autograd.grad(objective(shown, iteration).sum(), shown)
        size = step_size(iteration, iterations, step, last_step) * LEVEL
        perturbation = projected(images, perturbation - size * gradient.sign(), budget)
        tell(iteration + 1, iterations)
    return perturbation


def released(clean: Tensor, images: Tensor, budget: float | None) -> Tensor:
    """Returns protected images as an owner publishes them: uint8 [N, H, W, 3], no colour further than the budget from
    the clean uint8 frame; a budget of None bounds nothing.

    >>> clean = torch.full((1, 1, 1, 3), 100, dtype=torch.uint8)
    >>> released(clean, torch.ones(1, 3, 1, 1), 8).flatten().tolist()
    [108, 108, 108]
    """
    shown = ((images.clamp(-1, 1) + 1) * 127.5).round().movedim(-3, -1)
    if budget is not None:
        bound = int(budget)
        low, high = clean.to(shown) - bound, clean.to(shown) + bound
        shown = torch.minimum(torch.maximum(shown, low), high)
    return shown.clamp(0, 255).to(torch.uint8).cpu()

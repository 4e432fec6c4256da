"""The descent that all networks from speech to motion share."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

WARM_UP = 50
"""Steps in which the rate rises."""
DECAY = 1e-4
LONGEST = 1.0
"""Bound on a gradient's norm."""


def descend(
    network: nn.Module,
    losses: Callable[[], Mapping[str, Tensor]],
    steps: int,
    rate: float,
    tell: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Trains a network in place with AdamW: a short rise of the rate, then a cosine fall to 0.

    losses: draws a batch and returns the terms whose sum is descended. tell: (steps done, of how many).
    """
    optimiser = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda k: _share(k, steps))
    network.train()
    for step in range(steps):
        if step % 10 == 0:
            tell(step, steps)
        optimiser.zero_grad()
        total = torch.stack(list(losses().values())).sum()
        if not torch.isfinite(total):
            raise FloatingPointError(
                f"the loss is {float(total.detach())} at step {step + 1}; lower training.rate"
            )
        total.backward()
        nn.utils.clip_grad_norm_(network.parameters(), LONGEST)
        optimiser.step()
        schedule.step()


def _share(step: int, steps: int) -> float:
    """The share of the rate at a step.

    >>> [round(_share(k, 200), 2) for k in (0, 49, 200)]
    [0.02, 0.86, 0.0]
    """
    return min(1.0, (step + 1) / WARM_UP) * (0.5 + 0.5 * math.cos(math.pi * step / steps))

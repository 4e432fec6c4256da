"""Diffusion over motion codes in few steps: schedule, sampler, and the target of progressive distillation.

Time t runs from 1 (noise) to 0 (motion); z_t = a(t) x + s(t) noise with a = cos(pi t / 2), s = sin(pi t / 2). Networks
predict x. With n steps the times are n/n, (n-1)/n, ..., 1/n (trailing: the first step sees pure noise).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

Predict = Callable[[Tensor, Tensor], Tensor]
"""(z_t [N, T, C], t [N]) -> x [N, T, C]."""


def rates(t: Tensor) -> tuple[Tensor, Tensor]:
    """Returns signal and noise rates [N, 1, 1] at times [N].

    >>> a, s = rates(torch.tensor([0.5])); round(float(a**2 + s**2), 6)
    1.0
    """
    angle = t[:, None, None] * (math.pi / 2)
    return angle.cos(), angle.sin()


def ddim(z: Tensor, x: Tensor, t: Tensor, later: Tensor) -> Tensor:
    """Returns z at times `later` [N], where the network saw x in `z` at times `t` [N]; no noise is added."""
    a, s = rates(t)
    b, r = rates(later)
    return b * x + r / s.clamp(min=1e-6) * (z - a * x)


def sample(predict: Predict, noise: Tensor, steps: int) -> Tensor:
    """Returns motion [N, T, C] that `steps` steps make of noise of the same shape.

    >>> made = sample(lambda z, t: torch.ones_like(z), torch.randn(1, 2, 3), 4)
    >>> bool(torch.allclose(made, torch.ones(1, 2, 3)))
    True
    """
    z = noise
    for k in range(steps, 0, -1):
        t, later = (torch.full((len(z),), value / steps) for value in (k, k - 1))
        z = ddim(z, predict(z, t), t, later)
    return z


def two_step_target(teacher: Predict, z: Tensor, t: Tensor, steps: int) -> Tensor:
    """Returns the x that takes one step of a student with `steps` steps where two of its teacher's lead.

    Progressive distillation (Salimans and Ho, ICLR 2022, algorithm 2), in x. z: [N, T, C] at times t [N], multiples of
    1/steps.

    >>> target = two_step_target(lambda z, t: torch.full_like(z, 2.0), torch.randn(1, 2, 3), torch.tensor([0.5]), 4)
    >>> bool(torch.allclose(target, torch.full((1, 2, 3), 2.0), atol=1e-4))
    True
    """
    half, later = t - 0.5 / steps, (t - 1 / steps).clamp(min=0)
    middle = ddim(z, teacher(z, t), t, half)
    end = ddim(middle, teacher(middle, half), half, later)
    a, s = rates(t)
    b, r = rates(later)
    ratio = r / s
    return (end - ratio * z) / (b - ratio * a)


def signal_weight(t: Tensor) -> Tensor:
    """Returns the weight [N] of a squared error in x at times [N]: max(SNR, 1), bounded by 5 ("truncated SNR").

    >>> signal_weight(torch.tensor([1.0, 0.5, 0.0])).tolist()
    [1.0, 1.0, 5.0]
    """
    a, s = rates(t)
    return (a / s.clamp(min=1e-3)).square().flatten().clamp(1.0, 5.0)

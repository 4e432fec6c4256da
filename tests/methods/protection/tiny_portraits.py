"""The helpers that tests of protections and of attackers share: faces' landmarks, and how a setting is asked for."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from privtalk.methods.protection.method import Setting

BUDGET = 8.0
MakeSetting = Callable[..., Setting]


def landmarks(count: int, generator: torch.Generator) -> Tensor:
    """[count, 78] around the middle and near one another, so that splines between them are tame."""
    face = 0.3 * torch.randn(1, 78, generator=torch.Generator().manual_seed(9))
    return face + 0.03 * torch.randn(count, 78, generator=generator)

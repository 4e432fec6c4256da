"""Clipping of a client's update: the bound on what one client can move the sum by."""

from __future__ import annotations

import math

import torch
from torch import Tensor

MARGIN = 1 - 2.0**-20
"""Keeps the norm at or below the bound after rounding to float32."""


def check_clip(clip: float) -> float:
    """The bound itself, where it is positive (infinity means no clipping)."""
    if not clip > 0:
        raise ValueError(f"clip is {clip}, it must be positive; use inf for none")
    return clip


def clip_factors(updates: Tensor, clip: float) -> Tensor:
    """min(1, C / ‖Δ_k‖₂) of each update [K, d], float64 [K]; an infinite C gives exactly 1.

    >>> clip_factors(torch.tensor([[3.0, 4.0], [0.3, 0.4]]), 1.0).round(decimals=4)
    tensor([0.2000, 1.0000], dtype=torch.float64)
    """
    norms = norm(updates)
    if math.isinf(check_clip(clip)):
        return torch.ones_like(norms)
    return torch.where(norms > clip * MARGIN, clip * MARGIN / norms, 1.0)


def norm(updates: Tensor) -> Tensor:
    """‖Δ_k‖₂ [K] in float64, of updates [K, d]."""
    return updates.double().norm(dim=-1)

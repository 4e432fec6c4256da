"""How the server turns the sum of weighted updates into a step.

- `public`: divide by the public constant q N ω̄. One client moves the sum by at most C; no scalar is released.
- `appended`: every message carries one more coordinate, β ω_k; the sum of d + 1 coordinates is one Gaussian event of
  sensitivity √(C² + β²), and the server divides by its own noisy Σ ω_k.
- `cohort`: divide by the exact Σ ω_k, as PrivFedTalk publishes it (weights that sum to 1 over the cohort). A client
  that is alone in its cohort has weight 1 whatever its ω_k, so removing it moves the step by C and not by
  C / (q N ω̄); and the server is told Σ ω_k exactly. No guarantee holds, whatever noise is added.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from privtalk.methods.config import Normalisation

LEAST = 0.25
"""Least divisor of `appended`, as a share of the public one: a noisy sum of weights may be near or below 0."""


def carried(vectors: Tensor, weights: Tensor, normalisation: Normalisation, scale: float) -> Tensor:
    """The vectors to send: `vectors` [K, d], with the coordinate β ω_k appended where the normalisation needs it."""
    if normalisation == "public":
        return vectors
    return torch.cat([vectors, (scale * weights).to(vectors)[:, None]], dim=1)


def carried_length(length: int, normalisation: Normalisation) -> int:
    """w: the numbers of what is sent, of updates of `length` numbers."""
    return length + (normalisation != "public")


def step(total: Tensor, normalisation: Normalisation, public: float, scale: float) -> Tensor:
    """float64 [d] mean update of the (noisy) sum of what was sent, [d] or [d + 1]; `public`: q N ω̄."""
    if normalisation == "public":
        return total / public
    vector, weight = total[:-1], float(total[-1]) / scale
    if normalisation == "appended":
        return vector / max(weight, LEAST * public)
    return vector / weight if weight > 0 else torch.zeros_like(vector)


def sensitivity(clip: float, normalisation: Normalisation, scale: float) -> float:
    """L2 norm by which one client, with ω_k in (0, 1], can move what noise is added to: of `cohort` the vector alone,
    as Σ ω_k is released as it is.

    >>> sensitivity(3.0, "public", 4.0), sensitivity(3.0, "appended", 4.0)
    (3.0, 5.0)
    """
    return math.hypot(clip, scale) if normalisation == "appended" else clip


def appended_scale(clip: float, share: float) -> float:
    """β: a share of the clip, or the share itself where nothing is clipped."""
    return share * clip if math.isfinite(clip) else share

"""Rényi accounting of releases without a privacy-loss distribution in closed form: discrete noise in d dimensions."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy.special import gammaln, logsumexp

Curve = Callable[[int], float]
"""Whole order α ≥ 2 -> Rényi divergence bound of one release."""

ORDERS = (*range(2, 65), 80, 96, 128, 192, 256, 384, 512)
"""Whole numbers: what the bounds of discrete noise and of their subsampling are proven for."""


def curve_epsilon(curve: Curve, delta: float) -> float:
    """Least ε over the orders (Canonne, Kamath and Steinke 2020, proposition 12).

    ε = R(α) + (log 1/δ + (α − 1) log(1 − 1/α) − log α) / (α − 1), not below 0.
    """
    return max(
        0.0,
        min(
            curve(a) + (-math.log(delta) + (a - 1) * math.log1p(-1 / a) - math.log(a)) / (a - 1)
            for a in ORDERS
        ),
    )


def poisson_sampled(curve: Curve, rate: float) -> Curve:
    """Curve of the same release of a Poisson sample, for additive noise that is symmetric about 0; rate 1 is it.

    exp((α−1) R') = Σ_{l=0..α} C(α,l) (1−q)^(α−l) q^l exp((l−1) R(l)), with exponent 0 at l < 2: the divergence of the
    mixture from what it is mixed into, expanded (Mironov, Talwar and Zhang 2019, section 3.3). The other direction is
    never larger where a reflection swaps the pair (their theorem 5), as x -> μ − x does for a shift by μ of symmetric
    noise, on the reals and on the grid.
    """
    if rate == 1:
        return curve
    known: dict[int, float] = {}

    def amplified(order: int) -> float:
        for a in range(2, order + 1):
            known.setdefault(a, curve(a))
        stay, join = math.log1p(-rate), math.log(rate)
        picks = np.arange(2, order + 1)
        logs = gammaln(order + 1) - gammaln(picks + 1) - gammaln(order - picks + 1)
        logs += (
            (order - picks) * stay + picks * join + (picks - 1) * np.array([known[a] for a in picks.tolist()])
        )
        first = (order - 1) * stay + math.log1p((order - 1) * rate)
        return min(float(logsumexp([first, *logs])) / (order - 1), known[order])

    return amplified

"""Soft dynamic time warping (Cuturi & Blondel, 2017), for scores that forgive a harmless shift in time.

A path runs from (0, 0) to (T-1, U-1) of a cost matrix [T, U] by steps of (1, 0), (0, 1) and (1, 1); its cost is the
sum of the cells it visits. Soft-DTW is -γ log Σ exp(-cost / γ) over all paths; γ = 0 is the cheapest path alone
(hard DTW). A Sakoe-Chiba band keeps paths within |t - u| <= band; band 0 leaves the diagonal only. So comparing
frame with frame is a special case (sequence-aligned evaluation, arXiv 2606.01031).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Function = TypeVar("Function", bound=Callable[..., Any])

BAND = 5
"""Frames, .2 s at 25 fps."""
GAMMA = 1e-3
"""Eye distances (.03 px of a 64 px face). On rendered clips equal mouths then score at most .0001, and points read
with errors of .3 px some .015."""


def _compiled(function: Function) -> Function:
    """Numba-compile; cached on disk where the installation can be written to."""
    try:
        made = numba.njit(cache=True, error_model="numpy")(function)
    except RuntimeError:  # numba found no writable place for its cache
        made = numba.njit(error_model="numpy")(function)
    return cast(Function, made)


def soft_dtw(cost: Floats, gamma: float, band: int | None = None) -> float:
    """-γ log Σ over paths of exp(-cost / γ), in the unit of the cost [T, U]; at most the cheapest path's cost.

    >>> soft_dtw(np.array([[1.0, 9.0], [9.0, 2.0]]), gamma=0)
    3.0
    """
    costs = _checked(cost, gamma, band)
    return float(_accumulate(costs, float(gamma), _width(costs, band))[-1, -1])


def alignment(cost: Floats, gamma: float, band: int | None = None) -> Floats:
    """[T, U] how often each cell is visited: the mean over paths, weighed by exp(-cost / γ), 0..1.

    The gradient of `soft_dtw` with respect to the cost. γ = 0: the cheapest path, diagonal steps first in a tie.

    >>> alignment(np.array([[1.0, 9.0], [9.0, 2.0]]), gamma=0).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    costs = _checked(cost, gamma, band)
    return _visits(_accumulate(costs, float(gamma), _width(costs, band)), float(gamma))


def aligned_cost(cost: Floats, gamma: float, band: int | None = None) -> float:
    """Σ E·cost / Σ E with E the `alignment`: mean cost of the cells along it, in the unit of the cost.

    Band 0 with T = U is exactly the mean of the diagonal. With γ = 0 it is never above that for costs of at
    least 0: the cheapest path costs no more than the diagonal and has no fewer cells.

    >>> aligned_cost(np.array([[1.0, 9.0], [9.0, 2.0]]), gamma=0)
    1.5
    """
    visits = alignment(cost, gamma, band)
    return float((visits * cost).sum() / visits.sum())


def _checked(cost: Floats, gamma: float, band: int | None) -> Floats:
    costs = np.ascontiguousarray(cost, dtype=np.float64)
    if costs.ndim != 2 or not costs.size:
        raise ValueError(f"the cost is {list(costs.shape)}, must be [T, U] with at least one cell")
    if not np.isfinite(costs).all():
        raise ValueError("a cost is not finite")
    if not (0 <= gamma < math.inf):
        raise ValueError(f"gamma is {gamma}, must be at least 0 and finite")
    if band is not None and band < abs(costs.shape[0] - costs.shape[1]):
        raise ValueError(
            f"a band of {band} holds no path through {list(costs.shape)} (lengths differ by more)"
        )
    return costs


def _width(cost: Floats, band: int | None) -> int:
    return max(cost.shape) if band is None else band


@_compiled
def _soft_minimum(a: float, b: float, c: float, gamma: float) -> float:
    """-γ log(e^(-a/γ) + e^(-b/γ) + e^(-c/γ)) without overflow; the minimum for γ = 0."""
    least = min(a, b, c)
    if gamma == 0 or least == math.inf:
        return least
    total = math.exp((least - a) / gamma) + math.exp((least - b) / gamma) + math.exp((least - c) / gamma)
    return least - gamma * math.log(total)


@_compiled
def _accumulate(cost: Floats, gamma: float, band: int) -> Floats:
    """[T + 1, U + 1] soft-DTW of every corner of the cost; row and column 0, and what no path reaches, infinite."""
    rows, columns = cost.shape
    reached = np.full((rows + 1, columns + 1), math.inf)
    reached[0, 0] = 0.0
    for t in range(rows):
        for u in range(max(0, t - band), min(columns, t + band + 1)):
            best = _soft_minimum(reached[t, u], reached[t, u + 1], reached[t + 1, u], gamma)
            reached[t + 1, u + 1] = cost[t, u] + best
    return reached


@_compiled
def _shares(a: float, b: float, c: float, gamma: float) -> tuple[float, float, float]:
    """Derivatives of `_soft_minimum` in its arguments, of which one at least is finite; γ = 0: the first minimum's."""
    least = min(a, b, c)
    if gamma == 0:
        return (1.0, 0.0, 0.0) if a == least else ((0.0, 1.0, 0.0) if b == least else (0.0, 0.0, 1.0))
    wa, wb, wc = math.exp((least - a) / gamma), math.exp((least - b) / gamma), math.exp((least - c) / gamma)
    total = wa + wb + wc
    return wa / total, wb / total, wc / total


@_compiled
def _visits(reached: Floats, gamma: float) -> Floats:
    """[T, U] expected visits: each cell hands its own on to the cells before it, by their shares in its minimum."""
    visits = np.zeros(reached.shape)
    visits[-1, -1] = 1.0
    for t in range(reached.shape[0] - 1, 0, -1):
        for u in range(reached.shape[1] - 1, 0, -1):
            if visits[t, u] > 0:
                both, down, right = _shares(
                    reached[t - 1, u - 1], reached[t - 1, u], reached[t, u - 1], gamma
                )
                visits[t - 1, u - 1] += visits[t, u] * both
                visits[t - 1, u] += visits[t, u] * down
                visits[t, u - 1] += visits[t, u] * right
    return visits[1:, 1:]

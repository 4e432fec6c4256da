"""Lower bound on ε from many canaries in a single run (Steinke, Nasr and Jagielski 2023, arXiv 2305.08846).

Each of m canaries is in or out by its own fair coin. The auditor guesses r of the coins, abstains on the others, and v
guesses are right. If the run is (ε, δ)-DP towards each canary, v is stochastically dominated by W = Binomial(r, q),
q = e^ε / (1 + e^ε), but for a chance that grows with δ (theorem 5.2, and the p-value of appendix D):

    P[V ≥ v] ≤ P[W ≥ v] + 2 m δ max_{1 ≤ i ≤ v} P[v − i ≤ W < v] / i.

δ = 0 is theorem 3.1, tight for randomised response. For a Gaussian mechanism it is loose by nature: its ε is the
worst over outcomes that are too rare for one run to show. How many guesses are made must not depend on the coins.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.special import bdtrc, expit

from privtalk.attacks.audit.bounds import CertifiedBound, check_delta, check_level
from privtalk.core.intervals import LEVEL

COINS = "each canary was in or out by its own fair coin"
SHARES = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5)
"""Shares of canaries guessed to be in, and as many out, among which `guesses_by_split` chooses."""
STEPS = 40
"""Steps of bisection."""
MOST = 64.0
"""Largest ε that is searched."""


class Guesses(NamedTuple):
    """How the guessing went."""

    canaries: int
    """m, with abstentions."""
    made: int
    """r."""
    correct: int
    """v."""


def p_value(guesses: Guesses, epsilon: float, delta: float) -> float:
    """Bound on the chance of so many correct guesses under (ε, δ)-DP.

    >>> round(p_value(Guesses(10, 10, 10), 0.0, 0.0), 6) == round(0.5**10, 6)
    True
    """
    m, r, v = guesses
    _check(guesses)
    chance = float(expit(epsilon))
    tail = _at_least(np.array([v]), r, chance)[0]
    if not delta or not v:
        return float(tail)
    i = np.arange(1, v + 1)
    alpha = ((_at_least(v - i, r, chance) - tail) / i).max()
    return float(min(tail + 2 * m * delta * alpha, 1.0))


def one_run_bound(guesses: Guesses, delta: float, level: float = LEVEL) -> CertifiedBound:
    """The largest ε whose p-value is at most 1 − level, by bisection; 0 where ε = 0 is not refuted."""
    error = 1 - check_level(level)
    check_delta(delta)
    epsilon = largest(lambda eps: p_value(guesses, eps, delta) <= error, MOST)
    return CertifiedBound(
        name="one_run", epsilon=epsilon, delta=delta, confidence=level, n=guesses.made, assumption=COINS
    )


def largest(refuted: Callable[[float], bool], most: float) -> float:
    """The largest parameter that is refuted, from below, where refuting one refutes all that are smaller.

    >>> round(largest(lambda x: x <= 3, 64.0), 6)
    3.0
    """
    if not refuted(0.0):
        return 0.0
    low, high = 0.0, most
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if refuted(middle) else (low, middle)
    return low


def guess(scores: ArrayLike, included: ArrayLike, ins: int, outs: int) -> Guesses:
    """Guesses "in" for the `ins` highest scores [m] and "out" for the `outs` lowest; `included` [m] are the coins.

    Among equal scores the wrong guesses are taken: an order that knew the coins would otherwise guess for the auditor.

    >>> guess([3.0, 2.0, 1.0, 0.0], [True, False, True, False], 1, 1)
    Guesses(canaries=4, made=2, correct=2)
    >>> guess([0.0, 0.0, 0.0, 0.0], [True, False, True, False], 2, 0).correct
    0
    """
    values, coins = _pair(scores, included)
    if not (ins >= 0 and outs >= 0 and ins + outs <= len(values)):
        raise ValueError(f"{ins} + {outs} guesses of {len(values)} canaries: need 0 <= guesses <= canaries")
    down = np.lexsort((coins, -values))[:ins]
    up = np.lexsort((~coins, values))[:outs]
    return Guesses(len(values), ins + outs, int(coins[down].sum() + (~coins[up]).sum()))


def guesses_by_split(
    scores: ArrayLike,
    included: ArrayLike,
    generator: torch.Generator,
    *,
    bound: Callable[[Guesses], float],
    share: float = 0.25,
    shares: Sequence[float] = SHARES,
) -> Guesses:
    """Chooses how many to guess on a share of the canaries, by the bound there, and guesses the others.

    The coins of the first share are then known to the auditor, which costs those canaries and nothing else.
    """
    values, coins = _pair(scores, included)
    order: NDArray[np.int64] = torch.randperm(len(values), generator=generator).numpy()
    spent, left = np.split(order, [round(share * len(values))])

    def tried(part: NDArray[np.int64], rate: float) -> Guesses:
        each = int(rate * len(part))
        return guess(values[part], coins[part], each, each)

    best = max(shares, key=lambda rate: bound(tried(spent, rate)))
    return tried(left, best)


def _at_least(k: NDArray[np.int64], trials: int, chance: float) -> NDArray[np.float64]:
    """P[Binomial ≥ k]; 1 where k ≤ 0."""
    below = np.maximum(k - 1, 0)
    return np.where(k <= 0, 1.0, bdtrc(below, trials, chance))


def _check(guesses: Guesses) -> None:
    m, r, v = guesses
    if not 0 <= v <= r <= m:
        raise ValueError(
            f"{v} correct of {r} guesses of {m} canaries: need 0 <= correct <= guesses <= canaries"
        )


def _pair(scores: ArrayLike, included: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    values, coins = np.asarray(scores, dtype=np.float64), np.asarray(included, dtype=bool)
    if values.ndim != 1 or values.shape != coins.shape or not np.isfinite(values).all():
        raise ValueError(
            f"scores {values.shape} and coins {coins.shape} must be lists of one length, scores finite"
        )
    return values, coins

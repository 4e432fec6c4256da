"""Attacks that must be at chance. Where one is not, the measurement leaks and the attack's result is invalid.

A control that is drawn at random fails a sound measurement as often as its interval excludes the truth. A run has
some thousand results with four or five controls each: at 95 % every fifth result would be called invalid. At `LEVEL`
two or three of the thousand are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import rankdata

from privtalk.attacks.roc import auc_interval
from privtalk.attacks.views import Bank
from privtalk.core.intervals import Interval

CHANCE = 0.5
LEVEL = 0.9995
PERMUTATIONS = 500


@dataclass(frozen=True, kw_only=True)
class ControlOutcome:
    """A run of the attack that must be at chance."""

    auc: Interval
    passed: bool
    """Chance lies inside the interval."""


def control(
    members: NDArray[np.float64], nonmembers: NDArray[np.float64], level: float = LEVEL
) -> ControlOutcome:
    """Control from the scores that an attack without access gives.

    >>> control(np.zeros(20), np.zeros(20)).passed, control(np.arange(20) + 20.0, np.arange(20.0)).passed
    (True, False)
    """
    return judge(auc_interval(members, nonmembers, level))


def judge(interval: Interval) -> ControlOutcome:
    """Whether chance lies inside an interval; where there is none, nothing is shown and the control fails."""
    if interval.low is None or interval.high is None:
        return ControlOutcome(auc=interval, passed=False)
    return ControlOutcome(auc=interval, passed=interval.low <= CHANCE <= interval.high)


def permuted_labels(
    members: NDArray[np.float64],
    nonmembers: NDArray[np.float64],
    generator: torch.Generator,
    level: float = LEVEL,
) -> ControlOutcome:
    """AUC of the attack's own scores under random labels: mean and central range of `PERMUTATIONS` shuffles.

    All shuffles together, rather than one, so that only a fault of the evaluation can fail it, and not the draw.
    Everybody is ranked once: AUC = (sum of the members' ranks - n (n + 1) / 2) / (n m), ties at their mean rank (Mann
    and Whitney 1947).
    """
    n, people = len(members), len(members) + len(nonmembers)
    ranks = rankdata(np.concatenate([members, nonmembers]))
    drawn = [torch.randperm(people, generator=generator)[:n].numpy() for _ in range(PERMUTATIONS)]
    values = (ranks[np.stack(drawn)].sum(1) - n * (n + 1) / 2) / (n * (people - n))
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return judge(
        Interval(value=float(values.mean()), low=float(low), high=float(high), n=people, clusters=people)
    )


def gaussian_update(adapter: Bank, initial: Bank, generator: torch.Generator) -> Bank:
    """`initial` plus a Gaussian step of the same L2 norm as the one that led from it to `adapter`."""
    start = initial.flatten()
    size = (adapter.flatten() - start).norm()
    direction = torch.randn(start.shape, generator=generator, dtype=torch.float32).to(start)
    return initial.unflatten(start + direction * (size / direction.norm()))

"""Stacking: a logistic regression over many signals (the idea of 2604.12737).

The strongest attacker of a release: it knows who of the *other* people took part and learns from them how much to trust
each signal.

    score(person) = log-odds w · z + b
    (w, b) = argmin over w >= 0 of Σ log(1 + e^{-y (w·z + b)}) + ‖w - 1/S‖² / (2C)

fitted on the people of the other folds, so that nobody is scored by a model that has seen them. z are a person's
signals over the base, on the scale of everybody asked about. Without evidence w is the plain mean of signals.

Weights keep the sign that theory gives the signals. Where nothing leaks, free signs follow the chance excess of the
people fitted on, which is the wrong sign for those held out, in all folds together; the AUC then scatters wider than
its interval says.

Shape legend: P people, S signals, K folds.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from privtalk.attacks.controls import LEVEL, ControlOutcome, judge
from privtalk.attacks.declaration import Declaration
from privtalk.attacks.membership.outcomes import Labels
from privtalk.attacks.probing import Scores
from privtalk.attacks.roc import auc
from privtalk.core.intervals import Interval

FOLDS = 5
STRENGTH = 1.0
"""C, of standardised signals."""
REFITS = 40
"""The refits of the control with permuted labels."""

Rows = NDArray[np.float64]

FRESH = Declaration(
    name="ensemble",
    family="membership",
    view="release",
    statistic="log-odds of a logistic regression over the signals of fresh footage, fitted on other people",
    source="stacked membership signals (2604.12737)",
    footage="fresh",
)

EXACT = Declaration(
    name="ensemble_exact",
    family="membership",
    view="release",
    statistic="log-odds of a logistic regression over all record-level signals, fitted on other people",
    source="stacked membership signals (2604.12737)",
    footage="exact",
)


def ensemble(signals: Rows, known: Labels, generator: torch.Generator, folds: int = FOLDS) -> Scores:
    """[P] log-odds of each person from `signals` [P, S]; of `known` [P] only those of other folds enter a score."""
    z, scores = standardised(signals), np.empty(len(signals))
    for held in split(known, folds, generator):
        weights = fit(z[~held], known[~held])
        scores[held] = z[held] @ weights[:-1] + weights[-1]
    return scores


def split(known: Labels, folds: int, generator: torch.Generator) -> list[Labels]:
    """K masks [P] of disjoint folds that cover everybody, each with its share of both groups.

    Fewer folds than asked where a group has fewer people.
    """
    fewest = int(min(known.sum(), (~known).sum()))
    if fewest < 2:
        raise ValueError(
            f"cross-fitting needs two members and two non-members, one group has {fewest}; ask about more"
        )
    fold = np.empty(len(known), dtype=np.int64)
    for group in (known, ~known):
        order = torch.randperm(int(group.sum()), generator=generator).numpy()
        fold[group] = order % min(folds, fewest)
    return [fold == k for k in range(min(folds, fewest))]


def standardised(signals: Rows) -> Rows:
    """`signals` [P, S] with mean 0 and deviation 1 over people; a constant signal becomes 0."""
    spread, centred = signals.std(0), signals - signals.mean(0)
    return np.divide(centred, spread, out=np.zeros_like(centred), where=spread > 0)


def fit(
    z: Rows, labels: Labels, strength: float = STRENGTH, prior: float | None = None, least: float | None = 0.0
) -> NDArray[np.float64]:
    """(w, b) [S + 1] of the logistic regression that draws w to `prior` (1/S) and keeps it at least `least`.

    A prior of 0 and no least weight is the ordinary L2-regularised one.
    """
    sign, design = np.where(labels, 1.0, -1.0), np.column_stack([z, np.ones(len(z))])
    size = z.shape[1]
    start = np.append(np.full(size, 1 / size if prior is None else prior), 0.0)
    shrink = np.append(np.full(size, 1 / strength), 0.0)

    def objective(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        margin, pull = sign * (design @ weights), shrink * (weights - start)
        value = np.logaddexp(0, -margin).sum() + 0.5 * pull @ (weights - start)
        return float(value), pull - design.T @ (sign * expit(-margin))

    bounds = [(least, None)] * size + [(None, None)]
    return np.asarray(minimize(objective, start, jac=True, method="L-BFGS-B", bounds=bounds).x)


def refitted(
    signals: Rows, known: Labels, generator: torch.Generator, level: float = LEVEL
) -> ControlOutcome:
    """Control: labels permuted before fitting, `REFITS` times; the mean of the AUCs and their central range.

    Cross-fitting that lets a person's own label into the score beats chance here.
    """
    values = []
    for _ in range(REFITS):
        shuffled = known[torch.randperm(len(known), generator=generator).numpy()]
        scores = ensemble(signals, shuffled, generator)
        values.append(auc(scores[shuffled], scores[~shuffled]))
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    people = len(known)
    return judge(
        Interval(value=float(np.mean(values)), low=float(low), high=float(high), n=people, clusters=people)
    )

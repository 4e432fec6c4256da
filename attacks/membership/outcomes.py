"""A membership result with its controls, from scores.

Shape legend: P people.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import rankdata

from privtalk.attacks.controls import LEVEL, PERMUTATIONS, Control, control, judge
from privtalk.attacks.declaration import Declaration
from privtalk.attacks.evaluation import evaluate
from privtalk.attacks.outcome import Outcome
from privtalk.attacks.probing import Scores
from privtalk.attacks.roc import Interval
from privtalk.methods.streams import Stream

Labels = NDArray[np.bool_]
"""Who took part."""

Blanks = Mapping[str, tuple[Scores, Labels]]
"""Control -> scores that must be at chance, with who took part of those scored."""


def outcome(about: Declaration, scores: Scores, known: Labels, blanks: Blanks, stream: Stream) -> Outcome:
    """Evaluate `scores` [P] by `known` [P], beside the blanks and the scores under permuted labels."""
    controls = {name: control(blank[labels], blank[~labels]) for name, (blank, labels) in blanks.items()}
    shuffles = stream("attack", about.name, "control", "labels")
    controls["permuted_labels"] = permuted_ranks(scores, known, shuffles)
    return Outcome(declaration=about, evaluation=evaluate(scores[known], scores[~known]), controls=controls)


def permuted_ranks(
    scores: Scores, known: Labels, generator: torch.Generator, level: float = LEVEL
) -> Control:
    """`controls.permuted_labels` of `scores` [P], with everybody ranked once for all shuffles.

    AUC = (sum of the members' ranks - n (n + 1) / 2) / (n m), ties at their mean rank (Mann and Whitney 1947).
    """
    people, n = len(known), int(known.sum())
    ranks = rankdata(np.concatenate([scores[known], scores[~known]]))
    drawn = [torch.randperm(people, generator=generator)[:n].numpy() for _ in range(PERMUTATIONS)]
    values = (ranks[np.stack(drawn)].sum(1) - n * (n + 1) / 2) / (n * (people - n))
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return judge(
        Interval(value=float(values.mean()), low=float(low), high=float(high), n=people, clusters=people)
    )

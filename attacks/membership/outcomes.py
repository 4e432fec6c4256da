"""A membership result with its controls, from scores.

Shape legend: P people.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from privtalk.attacks.controls import control, permuted_labels
from privtalk.attacks.declaration import Declaration
from privtalk.attacks.evaluation import evaluate
from privtalk.attacks.outcome import AttackOutcome
from privtalk.attacks.probing import Scores
from privtalk.core.streams import Stream

Labels = NDArray[np.bool_]
"""Who took part."""

Blanks = Mapping[str, tuple[Scores, Labels]]
"""Control -> scores that must be at chance, with who took part of those scored."""


def outcome(
    about: Declaration, scores: Scores, known: Labels, blanks: Blanks, stream: Stream
) -> AttackOutcome:
    """Evaluate `scores` [P] by `known` [P], beside the blanks and the scores under permuted labels."""
    controls = {name: control(blank[labels], blank[~labels]) for name, (blank, labels) in blanks.items()}
    shuffles = stream("attack", about.name, "control", "labels")
    controls["permuted_labels"] = permuted_labels(scores[known], scores[~known], shuffles)
    return AttackOutcome(
        declaration=about, evaluation=evaluate(scores[known], scores[~known]), controls=controls
    )

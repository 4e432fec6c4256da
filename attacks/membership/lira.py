"""Likelihood-ratio attack with shadow worlds, offline (Carlini et al., 2112.03570, equation 4 and section V-B).

A person's signal is s = base loss - loss. The attacker's W worlds have never met the candidates, so that their
signals are draws of "out". How far the suspect's signal lies above them is the one-sided likelihood ratio

    Λ(person) = (s - μ_out(person)) / σ_out,

with σ pooled over people, as the paper does for few shadow models.

Shape legend: W worlds, P people.
"""

from __future__ import annotations

import numpy as np

from privtalk.attacks.declaration import Declaration
from privtalk.attacks.probing import Scores

ATTACK = Declaration(
    name="lira",
    family="membership",
    view="release",
    statistic="how far the loss lies below that of shadow worlds which never met the person, in their deviations",
    source="Carlini et al. 2022, arXiv 2112.03570, offline",
    footage="exact",
)


def lira(signals: Scores, out: Scores) -> Scores:
    """[P] ratio of `signals` [P] to those of worlds without the person, `out` [W, P]; larger means "member".

    >>> lira(np.array([3.0, 1.0]), np.array([[0.0, 1.0], [2.0, 1.0]])).tolist()
    [2.0, 0.0]
    """
    if out.ndim != 2 or len(out) < 2 or signals.shape != out.shape[1:]:
        raise ValueError(
            f"signals {signals.shape} and worlds {out.shape}: need [P] and [W, P], two worlds at least"
        )
    deviation = float(np.sqrt(out.var(0, ddof=1).mean()))
    centred = signals - out.mean(0)
    return centred / deviation if deviation > 0 else centred

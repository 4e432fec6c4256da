"""Robust membership inference with shadow worlds (RMIA: Zarifzadeh, Liu and Shokri, 2312.03262, equations 2 to 4).

    ratio(x) = p(x | θ) / p(x),     score(x) = share of population people z with ratio(x) / ratio(z) >= γ

p(x) is the mean of p(x | θ') over the attacker's worlds, all of which are "out" for a candidate (offline). A
diffusion model gives no p; log p is taken as minus the denoising loss in units of its deviation between worlds, in
which the paper's temperature is 1.

Shape legend: W worlds, P candidates, Z people of the attacker's own.
"""

from __future__ import annotations

import numpy as np
from scipy.special import logsumexp

from privtalk.attacks.declaration import Declaration
from privtalk.attacks.probing import Scores

ATTACK = Declaration(
    name="rmia",
    family="membership",
    view="release",
    statistic="share of other people whose likelihood gained less than this person's over shadow worlds",
    source="Zarifzadeh et al. 2024, arXiv 2312.03262, offline",
    footage="exact",
)


def rmia(
    signals: Scores, out: Scores, population: Scores, population_out: Scores, gamma: float = 1.0
) -> Scores:
    """[P] scores in [0, 1] of `signals` [P] (minus losses) with worlds `out` [W, P], against people `population` [Z]
    with worlds `population_out` [W, Z]; ties count half.

    >>> out = np.array([[0.0, 0.0], [1.0, 1.0]])
    >>> rmia(np.array([3.0, 0.0]), out, np.array([0.5, 1.0]), out).tolist()
    [1.0, 0.0]
    """
    if out.ndim != 2 or len(out) < 2 or len(out) != len(population_out):
        raise ValueError(
            f"worlds {out.shape} and {population_out.shape}: need [W, P] and [W, Z], two worlds at least"
        )
    unit = float(np.sqrt(np.concatenate([out, population_out], 1).var(0, ddof=1).mean()))
    gains = _log_ratio(signals, out, unit)[:, None] - _log_ratio(population, population_out, unit)
    bar = np.log(gamma)
    return np.asarray(((gains > bar) + 0.5 * (gains == bar)).mean(1))


def _log_ratio(signals: Scores, out: Scores, unit: float) -> Scores:
    """log p(x | θ) - log p(x)."""
    if not unit > 0:
        return signals - out.mean(0)
    mean = logsumexp(out / unit, axis=0) - np.log(len(out))
    return np.asarray(signals / unit - mean)

"""CDI: dataset inference (Dubiński et al., 2411.12858): many weak signals of many windows, then one test a person.

Signals of each window are brought to one scale by windows of people known not to have taken part, and averaged to the
window's score z; a person is then tested against those people:

    z_i = mean over signals s of (f_is - μ_s) / σ_s
    score(person) = (mean of the person's z - mean of the others' z) / √(v (1/n + 1/m))

with v the pooled variance: Student's t, larger where the windows are drawn better than those of outsiders. Signals are
differences to the frozen base. The paper fits its scorer on known members too; this attacker knows none (the ensemble
does), so every signal weighs the same. It tests a whole set with Welch's test, which `set_p_value` gives; a person with
one window has no variance of its own, hence the pooled one.

Where no outsiders are known, everybody asked about takes their place: the order of scores stays, the test is cautious.

Shape legend: N windows of P people, M windows of outsiders, S signals.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import ttest_ind

from privtalk.attacks.declaration import Declaration
from privtalk.attacks.outcome import MeasureOutcome
from privtalk.attacks.probing import Scores
from privtalk.core.intervals import Interval

Rows = NDArray[np.float64]

DECLARATION = Declaration(
    name="cdi",
    family="membership",
    view="release",
    statistic="t of a person's fresh windows against outsiders', of standardised signals over the base",
    source="Dubiński et al. 2025 (2411.12858), scorer fitted on outsiders alone",
    footage="fresh",
)


def cdi(rows: Rows, counts: list[int], outsiders: Rows) -> Scores:
    """[P] scores of the people whose windows' signals are `rows` [N, S], `counts` [P] windows each, against
    `outsiders` [M, S]; larger means "member". All 0 where no signal varies.
    """
    if sum(counts) != len(rows) or len(outsiders) < 2:
        raise ValueError(
            f"{len(rows)} rows for {sum(counts)} windows, {len(outsiders)} of outsiders: need one a window and two"
        )
    z, others = window_scores(rows, outsiders), window_scores(outsiders, outsiders)
    people = np.split(z, np.cumsum(counts)[:-1])
    return np.array([pooled_t(person, others) for person in people])


def window_scores(rows: Rows, outsiders: Rows) -> Scores:
    """[N] mean over signals of `rows` [N, S] on the scale of `outsiders` [M, S]; a constant signal counts 0.

    >>> window_scores(np.array([[3.0, 7.0]]), np.array([[1.0, 7.0], [-1.0, 7.0]])).tolist()
    [1.5]
    """
    spread = outsiders.std(0)
    centred = rows - outsiders.mean(0)
    return np.divide(centred, spread, out=np.zeros_like(centred), where=spread > 0).mean(1)


def pooled_t(person: Scores, others: Scores) -> float:
    """Student's t of two groups with their pooled variance; 0 where nothing varies."""
    n, m = len(person), len(others)
    squares = ((person - person.mean()) ** 2).sum() + ((others - others.mean()) ** 2).sum()
    variance = squares / (n + m - 2) * (1 / n + 1 / m)
    return float((person.mean() - others.mean()) / np.sqrt(variance)) if variance > 0 else 0.0


def set_p_value(suspects: Scores, others: Scores) -> float:
    """Welch's one-sided p-value that `suspects` [n] score above `others` [m]: the paper's claim about a whole set."""
    if min(len(suspects), len(others)) < 2 or not (suspects.std() or others.std()):
        return 1.0 if len(suspects) and suspects.mean() < others.mean() else 0.5
    return float(ttest_ind(suspects, others, equal_var=False, alternative="greater").pvalue)


def set_measures(members: Scores, others: Scores) -> dict[str, MeasureOutcome]:
    """`set_p_value` as it is recorded."""
    people = len(members) + len(others)
    found = MeasureOutcome(
        estimate=Interval(value=set_p_value(members, others), n=people, clusters=people),
        chance=0.5,
        unit="p-value",
        direction="lower",
        about="Welch's test that all members together score above all non-members",
    )
    return {"set_p_value": found}

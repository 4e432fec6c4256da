"""The limit that a guarantee sets to an attack on one view: the ceiling of its ROC, and points that lie above it.

Each view is bounded by the ε of its own adversary: the release and a client's successive globals by the outsider's,
sums by that behind secure aggregation, single messages by the server's. Calling somebody a member is told apart from
the same run without them: (ε, δ) at once. An identity attack asks which of two people stands behind a message; that is
one client removed and another added, and group privacy makes it (2ε, (1 + e^ε) δ). A personal adapter has no limit: of
its owner's data nothing is guaranteed.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from privtalk.core.intervals import upper_rate
from privtalk.core.records import AttackResult, Privacy

ADVERSARIES = {"release": "outsider", "client": "outsider", "sums": "secure_aggregation", "server": "server"}
"""View -> whose ε bounds it (`core.records.Epsilons`)."""

ADVERSARY_NAMES = {
    "outsider": "outsider",
    "secure_aggregation": "secure aggregation",
    "server": "server",
}

OLD_VIEWS = {
    "ReleaseView": "release",
    "ServerView": "server",
    "SecureAggregationView": "sums",
    "ClientView": "client",
}


class Bound(NamedTuple):
    """(ε, δ) that bounds an attack, and whose it is."""

    epsilon: float
    delta: float
    adversary: str


def view_of(view: str) -> str:
    """A view's name as records write it now.

    >>> view_of("ReleaseView"), view_of("sums")
    ('release', 'sums')
    """
    return OLD_VIEWS.get(view, view)


def bound(view: str, family: str, privacy: Privacy) -> Bound | None:
    """The guarantee against who sees this view; None where nothing is guaranteed."""
    if not privacy.guarantee or privacy.delta is None:
        return None
    adversary = _adversary(view_of(view), privacy)
    epsilon = getattr(privacy.epsilons, adversary) if adversary else None
    if epsilon is None:
        return None
    if family != "identity":
        return Bound(epsilon, privacy.delta, adversary)
    return Bound(2 * epsilon, min((1 + _exp(epsilon)) * privacy.delta, 1.0), adversary)


def ceiling(fpr: float, epsilon: float, delta: float) -> float:
    """Highest true-positive rate that (ε, δ)-DP allows at a false-positive rate.

    Both bounds of Kairouz et al. (2015), theorem 2.1: TPR <= e^ε FPR + δ and 1 - FPR <= e^ε (1 - TPR) + δ.

    >>> round(ceiling(0.1, 0.0, 0.0), 6), round(ceiling(0.5, 10.0, 0.0), 3)
    (0.1, 1.0)
    """
    growth = _exp(max(epsilon, 0.0))
    return min(1.0, growth * fpr + delta, 1 - (1 - fpr - delta) / growth)


def breaches(attack: AttackResult, privacy: Privacy) -> list[str]:
    """Operating points whose lower TPR bound exceeds the ceiling at the upper bound (97.5 %) of their FPR."""
    limit = bound(attack.view, attack.family, privacy)
    found = []
    for point in attack.points if limit else ():
        if limit is None or point.fpr_realised is None or point.tpr.low is None:
            continue
        highest = ceiling(_upper(point.fpr_realised, attack.negatives), limit.epsilon, limit.delta)
        if point.tpr.low > highest:
            found.append(
                f"TPR >= {point.tpr.low:.3f} at FPR {point.fpr_realised:.3f}, ceiling {highest:.3f} "
                f"(ε = {limit.epsilon:.3g} of {ADVERSARY_NAMES[limit.adversary]})"
            )
    return found


def _adversary(view: str, privacy: Privacy) -> str:
    """The adversary whose ε bounds a view; the outsider's bounds sums too where secure aggregation is not spoken of."""
    named = ADVERSARIES.get(view, "")
    unsaid = privacy.epsilons.secure_aggregation is None and named not in privacy.epsilons.reasons
    return "outsider" if named == "secure_aggregation" and unsaid else named


def _exp(epsilon: float) -> float:
    return math.exp(min(epsilon, 700.0))


def _upper(rate: float, n: int) -> float:
    """Clopper-Pearson upper bound, one-sided 97.5 %, of a rate observed over n."""
    return upper_rate(round(rate * n), n)

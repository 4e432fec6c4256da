"""The smallest effects that so many people can show: of paired differences, and of attacks."""

from __future__ import annotations

import math

from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.stats import chi, norm
from scipy.stats import t as student

from privtalk.core.errors import UserError

LEVEL, POWER = 0.05, 0.8
"""Two-sided level of a test, and the chance with which it must see an effect."""


def paired_power(effect: float, deviation: float, clients: int, level: float = LEVEL) -> float:
    """Returns the power of the paired t-test: its chance to see a mean difference of `effect`.

    Parameters: `effect` >= 0 and `deviation` > 0, the standard deviation over clients of their differences, in one
    unit; `clients` >= 2; `level` in (0, 1), two-sided. Both rejections count; the chance is the normal one given the
    estimated deviation, averaged over the distribution of that.

    >>> round(paired_power(0.0, 1.0, 40), 6)
    0.05
    """
    free = clients - 1
    shift = effect / deviation * math.sqrt(clients)
    edge = float(student.ppf(1 - level / 2, free))
    estimate = chi(free, scale=1 / math.sqrt(free))

    def rejected(found: float) -> float:
        either = norm.sf(edge * found - shift) + norm.cdf(-edge * found - shift)
        return float(estimate.pdf(found) * either)

    low, high = estimate.ppf(1e-12), estimate.isf(1e-12)
    return float(quad(rejected, low, high, points=[float(estimate.median())], limit=200)[0])


def smallest_difference(
    deviation: float, clients: int, level: float = LEVEL, power: float = POWER
) -> float | None:
    """Returns the smallest mean difference that a paired t-test of so many clients sees with the given power.

    Parameters: `deviation` > 0, the standard deviation over clients of their paired differences; `level` two-sided and
    `power`, both in (0, 1). The result has the deviation's unit; None below two clients, who give no test.

    >>> round(smallest_difference(1.0, 40), 3)
    0.454
    >>> smallest_difference(1.0, 1) is None
    True
    """
    if not 0 < level < power < 1:
        raise UserError(f"level {level:g} and power {power:g}: both lie in (0, 1), the power above the level")
    if clients < 2:
        return None
    most = deviation / math.sqrt(clients)
    while paired_power(most, deviation, clients, level) < power:
        most *= 2
    found = brentq(lambda effect: paired_power(effect, deviation, clients, level) - power, 0.0, most)
    return float(found)


def auc_half_width(members: int, nonmembers: int, auc: float = 0.5, level: float = LEVEL) -> float | None:
    """Returns half the width of an interval of an AUC (Hanley and McNeil 1982), at most one half.

    Parameters: `members` and `nonmembers`, how many are scored; `auc` in [0.5, 1), the one that is expected; `level`,
    the chance to miss it. None where either side has nobody.

    >>> round(auc_half_width(96, 104), 3)
    0.08
    >>> auc_half_width(0, 5) is None
    True
    """
    if min(members, nonmembers) < 1:
        return None
    first, second = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = (auc * (1 - auc) + (members - 1) * (first - auc**2) + (nonmembers - 1) * (second - auc**2)) / (
        members * nonmembers
    )
    return float(min(0.5, norm.ppf(1 - level / 2) * math.sqrt(variance)))


def smallest_rate(nonmembers: int) -> float:
    """Returns the smallest false-positive rate that so many non-members can show: 1 of them.

    >>> smallest_rate(5)
    0.2
    """
    return 1 / max(1, nonmembers)

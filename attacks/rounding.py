"""Differences of what two networks say, in which rounding alone is a tie.

Scores over the base subtract two answers to one question. A float32 pass has other last bits where it has another
width, or where an adapter that does nothing sends it another way through the network. Ranks see any difference; signals
that are brought to unit spread make it as large as any; and the interval of an AUC is too narrow where all but a few
tie. So all differences are taken here.

    difference = answer - base,  or 0 where |answer - base| <= p · max(|answer|, |base|, mean over everybody of |base|)

p is several times the largest rounding seen between widths (docs/performance.md).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from privtalk.attacks.probing import Scores

PRECISION = 1e-5
"""p of losses, of which rounding is 1e-6, and of other statistics that are not named below."""
AMPLIFIED = {"clid": 2e-4, "gsa1": 1e-4, "gsa2": 1e-4, "pia": 1e-4, "pian": 1e-4, "secmi": 1e-3}
"""p of statistics that amplify rounding, since they subtract predictions that are nearly equal or take logarithms."""


def difference(answers: ArrayLike, base: ArrayLike, statistic: str = "loss") -> Scores:
    """Returns `answers` - `base`, and 0 where the two agree but for rounding.

    Parameters: `answers` and `base`, float of one shape: everybody's, to the same questions in the same order;
    `statistic`, what was asked, by the name of its attack.

    >>> difference([1.0, 1.000001, 1.001], [1.0, 1.0, 1.0]).round(6).tolist()
    [0.0, 0.0, 0.001]
    """
    ours, theirs = np.asarray(answers, dtype=np.float64), np.asarray(base, dtype=np.float64)
    if ours.shape != theirs.shape:
        raise ValueError(
            f"answers {ours.shape} and base {theirs.shape} are not of the same questions; ask both alike"
        )
    if not ours.size:
        return ours
    found = ours - theirs
    size = np.maximum(np.maximum(np.abs(ours), np.abs(theirs)), np.abs(theirs).mean())
    return np.where(np.abs(found) <= AMPLIFIED.get(statistic, PRECISION) * size, 0.0, found)

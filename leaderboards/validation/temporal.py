"""Do the metrics of time order true, shuffled, frozen and sped-up video as they should?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from privtalk.core.intervals import half_width
from privtalk.leaderboards.validation.checks import BarCheck, judged, not_done
from privtalk.leaderboards.validation.scoring import Scored

NAMES = {"truth": "true", "shuffled": "shuffled", "frozen": "frozen", "fast": "double speed"}

ORDERS: dict[str, tuple[tuple[str, str], ...]] = {
    "jitter": (("frozen", "truth"), ("truth", "fast"), ("fast", "shuffled")),
    "jitter_error": (("truth", "fast"), ("truth", "frozen"), ("truth", "shuffled")),
    "warping_error": (("truth", "fast"), ("truth", "frozen"), ("truth", "shuffled")),
    "landmark_jerk": (("frozen", "truth"), ("truth", "shuffled")),
    "subject_consistency": (("shuffled", "truth"), ("truth", "frozen")),
    "theval": (("fast", "truth"), ("shuffled", "truth"), ("frozen", "truth")),
}
"""Metric before its evaluator -> pairs of which the first must have the smaller value."""


class Ordered(NamedTuple):
    """A pair of versions of the same clips."""

    metric: str
    smaller: str
    larger: str
    gap: float
    """Mean of larger minus smaller."""
    low: float
    high: float
    """95 % interval over clips."""
    share: float
    """The share of clips in this order."""

    @property
    def holds(self) -> bool:
        """The interval is clear of 0."""
        return self.low > 0


def ordered(metric: str, table: Mapping[str, Scored]) -> list[Ordered]:
    """The pairs of a metric that both have values."""
    found = []
    for smaller, larger in ORDERS[metric.partition("[")[0]]:
        gaps = table[larger].values[metric] - table[smaller].values[metric]
        gaps = gaps[np.isfinite(gaps)]
        if len(gaps) > 1:
            half = half_width(float(gaps.std(ddof=1)), len(gaps))
            mean = float(gaps.mean())
            found.append(
                Ordered(metric, smaller, larger, mean, mean - half, mean + half, float((gaps > 0).mean()))
            )
    return found


def check(metric: str, found: list[Ordered], reason: str = "") -> BarCheck:
    """All of a metric's pairs."""
    expected = ORDERS[metric.partition("[")[0]]
    bar = "; ".join(f"{NAMES[a]} < {NAMES[b]}" for a, b in expected) + ", each clear of 0"
    if len(found) < len(expected):
        return not_done("time", metric, bar, reason or "some version has no value")
    wrong = [f"{NAMES[o.smaller]} < {NAMES[o.larger]}" for o in found if not o.holds]
    least = min(found, key=lambda o: o.share)
    told = f"does not hold: {'; '.join(wrong)}" if wrong else "all hold"
    often = "on every clip" if least.share == 1 else f"the least clear pair on {least.share:.0%} of clips"
    return judged("time", metric, bar, not wrong, f"{told}; {often}", least.share)

"""The smallest difference that some clips can show: the half-width of the paired 95 % interval.

floor = t(.975, n - 1) x s / √n, where s is the spread over clients of the paired difference of two versions of the same
clips. Without a run the two versions are two draws of one and the same imperfect system (`distortions.redrawn`); with
a run they are its own rows, and s is the median over pairs of methods at the same tier.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from privtalk.core.display import Display
from privtalk.core.intervals import half_width, quantile
from privtalk.core.records import Record, Sample
from privtalk.leaderboards.board.assembly import by_row, scores_of
from privtalk.leaderboards.board.statistics import Scores, paired_difference
from privtalk.leaderboards.board.views import expanded
from privtalk.leaderboards.validation.scoring import Scored

CLIPS = 40
"""The clips of the default run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """The noise floor of a metric."""

    n: int
    """Clips."""
    value: float
    spread: float
    """Standard deviation of a paired difference, over clients."""
    source: str


def floor(spread: float, n: int) -> float:
    """Half-width of the 95 % interval of a mean of n differences.

    >>> round(floor(1.0, 40), 3)
    0.32
    """
    return half_width(spread, n)


def redrawn(first: Scored, second: Scored, n: int = CLIPS) -> dict[str, Floor]:
    """From two draws of the same system, for n clips of as many people."""
    found = {}
    for name, values in first.values.items():
        if name in second.values:
            gaps = _finite(values - second.values[name])
            if len(gaps) > 2 and gaps.std() > 0:
                spread = float(gaps.std(ddof=1))
                found[name] = Floor(
                    n=n, value=floor(spread, n), spread=spread, source="two draws of a system"
                )
    return found


def of_run(records: Sequence[Record], samples: Mapping[str, list[Sample]]) -> dict[str, Floor]:
    """From the methods' rows of the records of a board: pairs at the same tier, clustered by client."""
    views, dealt = expanded(records, samples)
    rows = {
        key: scores_of(own, dealt)
        for key, own in by_row(views, Display()).items()
        if all(record.kind == "method" for record in own)
    }
    halves: dict[str, list[tuple[float, int]]] = defaultdict(list)
    for first, second in combinations(sorted(rows), 2):
        if first.tier == second.tier:
            for name, found in _paired(rows[first], rows[second]).items():
                halves[name].append(found)
    return {name: _median(found) for name, found in halves.items()}


def _paired(first: Mapping[str, Scores], second: Mapping[str, Scores]) -> dict[str, tuple[float, int]]:
    """Metric -> half of the difference's interval and number of clips; nothing where two rows are equal."""
    found = {}
    for name in first.keys() & second.keys():
        gap = paired_difference(first[name], second[name])
        if gap.low is not None and gap.high is not None and gap.high > gap.low:
            clips = {key[1:] for key in first[name].keys() & second[name].keys()}
            found[name] = ((gap.high - gap.low) / 2, len(clips))
    return found


def _median(found: Sequence[tuple[float, int]]) -> Floor:
    """The spread is what so many independent clips would need for this floor."""
    value = float(np.median([half for half, _ in found]))
    n = int(np.median([count for _, count in found]))
    spread = value * n**0.5 / quantile(max(n, 2))
    return Floor(n=n, value=value, spread=spread, source=f"median of {len(found)} pairs of the run's rows")


def _finite(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values[np.isfinite(values)]

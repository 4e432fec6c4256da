"""Statistics of a board: means clustered by client, differences paired by seed, client and clip, ranks.

A client's clips resemble each other, so clients, not clips, are the independent units: each client's values
are averaged first and every client counts alike.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from statistics import fmean
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, t

from privtalk.core.intervals import quantile
from privtalk.core.records import Estimate
from privtalk.metrics.intervals import RESAMPLES, mean_of_means

SampleKey = tuple[int, str, str]
Scores = Mapping[SampleKey, float]
"""(seed, client, clip) -> value, without the clips that have none."""

LEVEL = 0.95


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Row minus other over the clips that both have."""

    value: float | None = None
    low: float | None = None
    """None below two clients."""
    high: float | None = None
    p: float | None = None
    """Two-sided, of no difference."""
    n: int = 0
    """Pairs of clips."""
    clusters: int = 0
    missing: str | None = None

    def estimate(self) -> Estimate:
        """The same without its p-value."""
        return Estimate(
            value=self.value,
            low=self.low,
            high=self.high,
            n=self.n,
            clusters=self.clusters,
            missing=self.missing,
        )


class Rank(NamedTuple):
    """Place among rows: one more than the number of rows shown to be better."""

    place: int
    shared: bool


def client_means(scores: Scores) -> dict[str, float]:
    """Mean of each client over its seeds and clips, clients in order of their names.

    >>> client_means({(0, "b", "x"): 1.0, (0, "a", "x"): 2.0, (1, "a", "x"): 4.0})
    {'a': 3.0, 'b': 1.0}
    """
    by: dict[str, list[float]] = defaultdict(list)
    for key in sorted(scores):
        by[key[1]].append(scores[key])
    return {client: fmean(by[client]) for client in sorted(by)}


def clustered_mean(
    scores: Scores, generator: np.random.Generator, *, level: float = LEVEL, resamples: int = RESAMPLES
) -> Estimate:
    """Mean over clients with its interval, clients resampled whole: `metrics.intervals` of their own means.

    >>> clustered_mean({(0, "ann", "x"): 1.0, (0, "bob", "x"): 3.0}, np.random.default_rng(0)).value
    2.0
    """
    means = np.array(list(client_means(scores).values()))
    found = mean_of_means(means, len(scores), generator, level=level, resamples=resamples)
    return Estimate(**asdict(found))


def paired_difference(row: Scores, other: Scores, *, level: float = LEVEL) -> Difference:
    """Row minus other, paired by (seed, client, clip), with the cluster-robust t interval over clients.

    >>> a = {(0, "ann", "x"): 3.0, (0, "bob", "x"): 5.0}
    >>> b = {(0, "ann", "x"): 2.0, (0, "bob", "x"): 2.0, (0, "eve", "x"): 9.0}
    >>> difference = paired_difference(a, b)
    >>> difference.value, difference.n, difference.clusters
    (2.0, 2, 2)
    """
    shared = row.keys() & other.keys()
    if not shared:
        return Difference(missing="no clip is scored in both rows")
    return _mean({key: row[key] - other[key] for key in shared}, level)


def contrast(plus: Sequence[Scores], minus: Sequence[Scores], *, level: float = LEVEL) -> Difference:
    """The mean of some rows minus that of others, paired by (seed, client, clip) over all of them.

    >>> cells = [{(0, client, "x"): value for client in ("ann", "bob")} for value in (1.0, 2.0, 4.0, 9.0)]
    >>> contrast([cells[0], cells[3]], [cells[1], cells[2]]).value
    2.0
    """
    shared = frozenset(plus[0]).intersection(*plus[1:], *minus)
    if not shared:
        return Difference(missing="no clip is scored in every row that it takes")
    apart = {key: fmean(row[key] for row in plus) - fmean(row[key] for row in minus) for key in shared}
    return _mean(apart, level)


def _mean(apart: Scores, level: float) -> Difference:
    """The mean of differences over clients, with the cluster-robust t interval."""
    means = np.array(list(client_means(apart).values()))
    value, clients = float(means.mean()), len(means)
    if clients < 2:
        return Difference(value=value, n=len(apart), clusters=clients)
    error = float(means.std(ddof=1)) / clients**0.5
    half = quantile(clients, level) * error
    return Difference(
        value=value,
        low=value - half,
        high=value + half,
        p=_two_sided(value, error, clients - 1),
        n=len(apart),
        clusters=clients,
    )


def holm(p_values: Sequence[float]) -> NDArray[np.float64]:
    """Holm's (1979) adjusted p-values: rejecting those below α keeps the chance of any mistake below α.

    >>> holm([0.01, 0.04, 0.03]).round(4).tolist()
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    stepped = p[order] * np.arange(len(p), 0, -1)
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.maximum.accumulate(stepped), 1.0) if len(p) else stepped
    return adjusted


def p_of(estimate: Estimate, chance: float, *, bounded: bool, level: float = LEVEL) -> float | None:
    """Two-sided p-value of chance, from the half of the interval that points at it: below 1 - level exactly where the
    interval excludes chance. Rates are taken on the logit scale, unless the value lies at 0 or 1. None where there is
    no interval.

    >>> round(p_of(Estimate(value=1.0, low=0.0, high=2.0), 0.0, bounded=False), 3)
    0.05
    """
    value, low, high = estimate.value, estimate.low, estimate.high
    if value is None or low is None or high is None:
        return None
    end = low if value > chance else high
    logit = bounded and all(0 < number < 1 for number in (value, end, chance))
    scaled, bound, origin = (_logit(x) if logit else x for x in (value, end, chance))
    if scaled == bound:
        return 1.0 if value == chance else 0.0
    ratio = abs(scaled - origin) / abs(scaled - bound)
    return float(2 * norm.sf(ratio * norm.ppf((1 + level) / 2)))


def simultaneous(estimate: Estimate, count: int, *, bounded: bool, level: float = LEVEL) -> Estimate:
    """The estimate with Bonferroni's interval: all of `count` such intervals hold together with `level`.

    >>> wide = simultaneous(Estimate(value=0.5, low=0.4, high=0.6), 1, bounded=True)
    >>> round(wide.low, 6), round(wide.high, 6)
    (0.4, 0.6)
    """
    value, low, high = estimate.value, estimate.low, estimate.high
    if value is None or low is None or high is None:
        return estimate
    stretch = float(norm.ppf(1 - (1 - level) / 2 / max(count, 1)) / norm.ppf((1 + level) / 2))
    ends = [_stretched(value, end, stretch, bounded=bounded) for end in (low, high)]
    return estimate.model_copy(update={"low": ends[0], "high": ends[1]})


def _stretched(value: float, end: float, stretch: float, *, bounded: bool) -> float:
    """An end of an interval, further from the value."""
    if bounded and 0 < value < 1 and 0 < end < 1:
        moved = _logit(value) + stretch * (_logit(end) - _logit(value))
        return 1 / (1 + math.exp(min(-moved, 700.0)))
    moved = value + stretch * (end - value)
    return min(max(moved, 0.0), 1.0) if bounded else moved


def _logit(rate: float) -> float:
    return math.log(rate / (1 - rate))


def shared_ranks(
    rows: Mapping[str, Scores], direction: Literal["higher", "lower"], *, level: float = LEVEL
) -> dict[str, Rank | None]:
    """Rank of each row: 1 + the rows that are better by a paired difference, Holm-corrected over all pairs.

    Rows that no comparison separates share a place. A row that lacks a clip that another has is incomplete:
    it is not ranked (None) and takes no part in the comparisons.
    """
    clips = set().union(*(scores.keys() for scores in rows.values()))
    complete = [name for name, scores in rows.items() if clips and scores.keys() == clips]
    pairs = list(combinations(complete, 2))
    differences = [paired_difference(rows[a], rows[b], level=level) for a, b in pairs]
    adjusted = holm([1.0 if difference.p is None else difference.p for difference in differences])
    better_than: dict[str, int] = dict.fromkeys(complete, 0)
    for (a, b), difference, p in zip(pairs, differences, adjusted, strict=True):
        if p < 1 - level and difference.value:
            worse = b if (difference.value > 0) == (direction == "higher") else a
            better_than[worse] += 1
    counts = list(better_than.values())
    ranks = {name: Rank(count + 1, counts.count(count) > 1) for name, count in better_than.items()}
    return {name: ranks.get(name) for name in rows}


def _two_sided(value: float, error: float, degrees: int) -> float:
    """p of Student's t; identical rows (no difference, no spread) are certainly not shown to differ."""
    if error == 0:
        return 1.0 if value == 0 else 0.0
    return float(2 * t.sf(abs(value) / error, degrees))

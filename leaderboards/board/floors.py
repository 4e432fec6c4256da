"""The floors that a method must clear, metric by metric, and how a row says that it does not.

A floor counts only where it is one, which a task says (`core.display.FloorRule`): noise counts everywhere, but a still
portrait is a real picture of the right person, so being no better than it in identity says nothing. In some families
a floor counts only if the ceilings are better. Metrics without better and worse (`reference`) have no floor.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from privtalk.core.display import Display, FloorRule
from privtalk.leaderboards import formats
from privtalk.leaderboards.board.model import (
    BoardMetric,
    BoardRow,
    MetricCell,
    RowKey,
    Verdict,
    placed,
    verdict,
)
from privtalk.leaderboards.board.statistics import Scores, paired_difference

NAMED = 3
"""Most metrics that a flag names; more are counted."""


def judged_by_floors(
    rows: Sequence[BoardRow],
    scores: Mapping[RowKey, Mapping[str, Scores]],
    metrics: Sequence[BoardMetric],
    display: Display,
) -> list[BoardRow]:
    """Methods with the floors that each metric does not clear, and their flags."""
    references = [row for row in rows if row.kind == "reference"]
    ceilings = [row for row in rows if row.kind == "ceiling"] or references
    floors = {
        m.name: [row for row in rows if row.kind == "floor" and counts(row, m, ceilings, display)]
        for m in metrics
    }

    def judged(row: BoardRow, metric: BoardMetric) -> MetricCell:
        said = {f.key.method: _contrast(scores, row.key, f.key, metric) for f in floors[metric.name]}
        failed = tuple(name for name, v in said.items() if v in ("worse", "level"))
        return replace(row.cells[metric.name], not_above=failed)

    marked = [
        replace(row, cells={m.name: judged(row, m) for m in metrics}) if row.kind == "method" else row
        for row in rows
    ]
    return [replace(row, flags=flags(row, metrics, display)) for row in marked]


def counts(floor: BoardRow, metric: BoardMetric, ceilings: Sequence[BoardRow], display: Display) -> bool:
    """Whether a row is a floor of a metric, by its family and by what the ceilings score."""
    rule = display.floors.get(floor.key.method, FloorRule())
    if not metric.sign or metric.family in rule.none_in:
        return False
    return metric.family not in rule.if_beaten_in or _beaten(floor, metric, ceilings)


def _beaten(floor: BoardRow, metric: BoardMetric, ceilings: Sequence[BoardRow]) -> bool:
    """A ceiling's value is better than the floor's; true where either has none."""
    bottom = floor.cells[metric.name].estimate.value
    tops = [v for row in ceilings if (v := row.cells[metric.name].estimate.value) is not None]
    return bottom is None or not tops or any(metric.sign * (top - bottom) > 0 for top in tops)


def flags(row: BoardRow, metrics: Sequence[BoardMetric], display: Display) -> tuple[str, ...]:
    """A phrase a floor, with the few metrics concerned or, where they are many, their number by family."""
    failed: dict[str, list[BoardMetric]] = defaultdict(list)
    for metric in metrics:
        for floor in row.cells[metric.name].not_above:
            failed[floor].append(metric)
    return tuple(f"{_phrase(floor, display)} on {concerned(some, display)}" for floor, some in failed.items())


def flagged(rows: Sequence[BoardRow]) -> list[tuple[str, str]]:
    """(who, flag), rows that share a flag together."""
    methods = [row for row in rows if row.kind == "method"]
    by_flag: dict[str, list[BoardRow]] = defaultdict(list)
    for row in methods:
        for flag in row.flags:
            by_flag[flag].append(row)
    every = "every method" if len(methods) > 1 else ""
    return [(every * (some == methods) or _named(some), flag) for flag, some in by_flag.items()]


def _named(rows: Sequence[BoardRow]) -> str:
    """Rows with their tier, tier by tier."""
    tiers: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        tiers[row.at].append(row.label)
    return "; ".join(placed(formats.listing(names), at) for at, names in tiers.items())


def concerned(metrics: Sequence[BoardMetric], display: Display) -> str:
    """Names of a few metrics, or how many of each family.

    >>> from privtalk.core.display import MetricFamily
    >>> def named(name: str, family: str) -> Metric:
    ...     return BoardMetric(name=name, unit="", direction="higher", ground_truth=None, digits=2, family=family)
    >>> shown = Display(families=(MetricFamily(name="near"), MetricFamily(name="far")))
    >>> concerned([named("a", "near"), named("b", "near")], shown)
    'a and b'
    >>> concerned([named("d", "far"), *(named(n, "near") for n in "abc")], shown)
    '4 metrics (near 3, far 1)'
    >>> concerned([named(n, "") for n in "abcd"], shown)
    '4 metrics'
    """
    if len(metrics) <= NAMED:
        return formats.listing([m.name for m in metrics])
    count = Counter(m.family for m in metrics)
    parts = [f"{family or 'other'} {count[family]}" for family in sorted(count, key=display.family_order)]
    return f"{len(metrics)} metrics" + (f" ({', '.join(parts)})" if any(count) else "")


def _phrase(floor: str, display: Display) -> str:
    said = display.floors.get(floor, FloorRule()).phrase
    return said or f"not above {display.row_label(floor).lower()}"


def _contrast(
    scores: Mapping[RowKey, Mapping[str, Scores]], row: RowKey, other: RowKey, metric: BoardMetric
) -> Verdict | None:
    apart = paired_difference(scores[row].get(metric.name, {}), scores[other].get(metric.name, {}))
    return verdict(apart, metric.sign)

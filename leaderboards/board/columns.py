"""The places of columns: an overview, one group a family, and what nobody measured with its reason."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from privtalk.leaderboards.board.model import Board, BoardMetric


class AbsentMetrics(NamedTuple):
    """Metrics without a value in any row, for one reason."""

    reason: str
    metrics: tuple[str, ...]


class Family(NamedTuple):
    """A group of columns."""

    name: str
    about: str
    measured: tuple[BoardMetric, ...]
    absent: tuple[AbsentMetrics, ...]

    @property
    def title(self) -> str:
        return self.name.capitalize() if self.name else "Metrics"


def families(board: Board) -> tuple[Family, ...]:
    """Every family of the board, in order."""
    return tuple(
        Family(
            name=name,
            about=board.display.family(name).about,
            measured=tuple(m for m in board.metrics if m.family == name and measured(board, m)),
            absent=absent(board, [m for m in board.metrics if m.family == name]),
        )
        for name in board.families
    )


def measured(board: Board, metric: BoardMetric) -> bool:
    """Any row has a value."""
    return any(row.cells[metric.name].estimate.value is not None for row in board.rows)


def compared(board: Board, metric: BoardMetric) -> bool:
    """It has a direction, and a method has a difference to the baseline."""
    return metric.sign != 0 and any(
        row.cells[metric.name].difference.value is not None for row in board.methods()
    )


def overview(board: Board) -> tuple[BoardMetric, ...]:
    """The headline, then of each family the first metric with a direction that a method has a value for.

    A board whose metrics name no family (schema 1) has one table: its overview is all that was measured.
    """
    if board.families == ("",):
        return tuple(m for m in board.metrics if measured(board, m))
    chosen = [board.metric(board.headline)] if board.headline else []
    for name in board.families:
        chosen += [m for m in board.metrics if m.family == name and m.sign and _of_methods(board, m)][:1]
    return tuple(dict.fromkeys(chosen))


def main(board: Board, family: str, most: int = 2) -> tuple[BoardMetric, ...]:
    """Up to `most` metrics that speak for a family and can be compared with the baseline, of different measures.

    Those that the task names first, by their first evaluator that has a value; where there is none, the family's first.
    """
    candidates = [m for m in board.metrics if m.family == family and compared(board, m)]
    first: dict[str, BoardMetric] = {}
    for metric in candidates:
        first.setdefault(metric.base, metric)
    known = [first[base] for base in board.display.family(family).main if base in first]
    return tuple((known or list(first.values()))[:most])


def absent(board: Board, metrics: Sequence[BoardMetric]) -> tuple[AbsentMetrics, ...]:
    """Those without a value in any row, by their commonest reason."""
    by_reason: dict[str, list[str]] = defaultdict(list)
    for metric in metrics:
        if not measured(board, metric):
            reasons = Counter(
                row.cells[metric.name].estimate.missing or "no reason recorded" for row in board.rows
            )
            by_reason[reasons.most_common(1)[0][0]].append(metric.name)
    return tuple(AbsentMetrics(reason, tuple(names)) for reason, names in by_reason.items())


def _of_methods(board: Board, metric: BoardMetric) -> bool:
    """A method, or where there is none any row, has a value."""
    return any(row.cells[metric.name].estimate.value is not None for row in (board.methods() or board.rows))

"""The parts of a board: rows, columns, cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from privtalk.core.display import DEFAULT, Display
from privtalk.core.origin import DatasetOrigin
from privtalk.core.records import Direction, Estimate, Privacy, Record, Sample
from privtalk.core.run_folder import MissingRow, PlannedRow
from privtalk.leaderboards import formats
from privtalk.leaderboards.board.attacks import AttackSummary
from privtalk.leaderboards.board.statistics import Difference, Rank, Scores, paired_difference
from privtalk.leaderboards.board.views import View

Kind = Literal["method", "floor", "ceiling", "reference"]
Verdict = Literal["better", "worse", "level"]
Level = Literal["clip", "set"]
Samples = Mapping[str, Sequence[Sample]]
"""Cell id -> its samples."""


class RowKey(NamedTuple):
    """Identity of a row."""

    method: str
    tier: str
    variant: str = ""
    """The text that tells apart two cells of the same method, tier and seed; empty where nothing needs to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardMetric:
    """A column."""

    name: str
    unit: str
    direction: Direction
    ground_truth: float | None
    """The metric of the true clips, mean over the records that state it."""
    digits: int
    """Decimals that its intervals and those of its differences deserve."""
    family: str = ""
    """The question that it answers; empty in records of schema 1."""
    about: str = ""
    """The meaning of the metric, in a line; empty in records of schema 1."""
    level: Level = "clip"
    """`set`: of all clips together; scores are then the clips' shares, whose mean is the value."""

    @property
    def base(self) -> str:
        """The name before its evaluator."""
        return self.name.partition("[")[0]

    @property
    def evaluator(self) -> str:
        """The network in brackets; empty where none reads the frames."""
        return self.name.partition("[")[2].removesuffix("]")

    @property
    def sign(self) -> int:
        """+1 where more is better, -1 where less is, 0 where neither."""
        return {"higher": 1, "lower": -1, "reference": 0}[self.direction]


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricCell:
    """One metric of one row."""

    estimate: Estimate
    difference: Estimate
    """Row minus baseline."""
    verdict: Verdict | None
    """Against the baseline, where the interval is clear of zero or not; None where there is no comparison."""
    rank: Rank | None = None
    not_above: tuple[str, ...] = ()
    """Floors that this row is not shown to be better than."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardRow:
    """A method at a tier."""

    key: RowKey
    label: str
    """The name as people write it, with the variant."""
    at: str
    """The place on the axes as people write it; empty where there are none."""
    kind: Kind
    seeds: tuple[int, ...]
    cells: Mapping[str, MetricCell]
    privacy: Privacy
    attacks: Mapping[str, AttackSummary]
    incomplete: tuple[str, ...]
    """Why the row is not ranked; empty for a complete row."""
    records: tuple[Record, ...]
    flags: tuple[str, ...] = ()
    """Floors that the row is not shown to beat, each with the metrics concerned."""

    @property
    def where(self) -> str:
        """The row's name and place."""
        return placed(self.label, self.at)

    @property
    def stated(self) -> str:
        """The same in a sentence."""
        return f"{self.label} at {self.at}" if self.at else self.label

    @property
    def placed(self) -> str:
        """The place of a method, the kind of any other row."""
        return self.at if self.kind == "method" else self.kind

    @property
    def at_floor(self) -> tuple[str, ...]:
        """Metrics in which the row is not shown to beat every floor."""
        return tuple(name for name, cell in self.cells.items() if cell.not_above)


@dataclass(frozen=True, slots=True, kw_only=True)
class AbsentRow:
    """A planned row of which nothing was recorded."""

    method: str
    tier: str
    label: str
    at: str
    missing: tuple[MissingRow, ...]
    """A seed each."""

    @property
    def where(self) -> str:
        """The row's name and place."""
        return placed(self.label, self.at)

    @property
    def text(self) -> str:
        """Seeds and reasons, those with the same reason together."""
        return "; ".join(missing_texts(self.missing))


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """All rows of one suite, preset and corpus."""

    suite: str
    preset: str
    display: Display
    baseline: RowKey | None
    headline: str | None
    """Metric of the ranks and the charts."""
    metrics: tuple[BoardMetric, ...]
    attacks: tuple[str, ...]
    rows: tuple[BoardRow, ...]
    """Floors, references and ceilings first, then methods by tier; best first."""
    apart: tuple[BoardRow, ...] = ()
    """Rows on an axis that has a section of its own (`AxisDisplay.apart`); nobody ranks them."""
    seeds: tuple[int, ...]
    problems: tuple[str, ...]
    """The problems that a reader must know before believing the rows."""
    planned: int = 0
    """Rows and seeds that were planned; 0 where nobody wrote it down."""
    missing: tuple[MissingRow, ...] = ()
    """Planned rows and seeds without a record, each with the reason."""
    design: tuple[PlannedRow, ...] = ()
    """Planned rows of factorial grids, recorded or not; empty where there is no such grid, or nobody wrote it down."""
    remarks: tuple[str, ...] = ()
    """The remarks made before the run on what its people and clips are too few for."""
    origins: tuple[DatasetOrigin, ...] = ()
    """The data sets that the corpus was prepared from; empty where it is the embedded one, or nobody wrote it down."""
    scores: Mapping[RowKey, Mapping[str, Scores]] = field(repr=False)

    def row(self, method: str, tier: str = DEFAULT, variant: str = "") -> BoardRow:
        """The row of a method; a KeyError lists the rows there are."""
        for row in self.rows:
            if row.key == (method, tier, variant):
                return row
        raise KeyError(
            f"no row {method} at {tier}; rows: {', '.join(f'{r.key.method}/{r.key.tier}' for r in self.rows)}"
        )

    def metric(self, name: str) -> BoardMetric:
        return next(metric for metric in self.metrics if metric.name == name)

    @property
    def recorded(self) -> list[tuple[BoardRow, Record]]:
        """Every record once, with its row: without the views of variants."""
        return [(r, found) for r in self.rows for found in r.records if not isinstance(found, View)]

    @property
    def absent(self) -> tuple[AbsentRow, ...]:
        """Rows of which nothing was recorded, by name."""
        have = {(row.key.method, row.key.tier) for row in self.rows}
        lost: dict[tuple[str, str], list[MissingRow]] = {}
        for row in self.missing:
            if (row.row, row.tier) not in have:
                lost.setdefault((row.row, row.tier), []).append(row)
        ordered = sorted(lost, key=lambda key: (self.display.at_order(key[1]), key[0]))
        return tuple(
            AbsentRow(
                method=row,
                tier=tier,
                label=self.display.row_label(row),
                at=self.at(tier),
                missing=tuple(lost[row, tier]),
            )
            for row, tier in ordered
        )

    @property
    def families(self) -> tuple[str, ...]:
        """Families of the columns, in their fixed order."""
        return tuple(sorted(dict.fromkeys(m.family for m in self.metrics), key=self.display.family_order))

    @property
    def base(self) -> str:
        """The baseline's name as people write it."""
        return self.display.row_label(self.baseline.method) if self.baseline else "the baseline"

    def at(self, tier: str) -> str:
        """A place on the axes as people write it."""
        return self.display.at_label(tier)

    def titled(self, tier: str) -> str:
        """The same as the title of a table of methods."""
        return self.at(tier) or "Methods"

    @property
    def federated(self) -> bool:
        """Whether any row trains on clients' data, so that there is a guarantee to speak of."""
        return any(record.federation is not None for row in self.rows for record in row.records)

    @property
    def clients(self) -> frozenset[str]:
        """The names of those whose clips are scored."""
        scored = (key for scores in self.scores.values() for values in scores.values() for key in values)
        return frozenset(client for _, client, _ in scored)

    def difference(self, row: RowKey, other: RowKey, metric: str) -> Difference:
        """Row minus other, paired by seed, client and clip."""
        return paired_difference(self.scores[row].get(metric, {}), self.scores[other].get(metric, {}))

    def methods(self, tier: str | None = None) -> list[BoardRow]:
        return [r for r in self.rows if r.kind == "method" and tier in (None, r.key.tier)]

    def references(self) -> list[BoardRow]:
        return [r for r in self.rows if r.kind != "method"]

    @property
    def tiers(self) -> list[str]:
        """Places of the methods on the axes, in order."""
        return sorted({r.key.tier for r in self.methods()}, key=self.display.at_order)


def missing_texts(missing: Sequence[MissingRow]) -> list[str]:
    """`seeds 0 and 1 missing: reason`, a text a reason."""
    seeds: dict[str, list[str]] = {}
    for row in missing:
        seeds.setdefault(row.reason, []).append(str(row.seed))
    return [
        f"seed{'s' if len(some) > 1 else ''} {formats.listing(some)} missing: {reason}"
        for reason, some in seeds.items()
    ]


def placed(label: str, at: str) -> str:
    """A row's name and its place, where it has one."""
    return f"{label}, {at}" if at else label


def verdict(estimate: Estimate | Difference, sign: int) -> Verdict | None:
    """Better or worse only where the interval is clear of zero.

    >>> verdict(Estimate(value=1.0, low=0.5, high=1.5), -1)
    'worse'
    """
    if sign == 0 or estimate.low is None or estimate.high is None:
        return None
    if estimate.low > 0:
        return "better" if sign > 0 else "worse"
    if estimate.high < 0:
        return "worse" if sign > 0 else "better"
    return "level"

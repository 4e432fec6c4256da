"""The rows of a board that were timed, with their quality: means over seeds of what each record says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import inf
from statistics import fmean, median

from privtalk.core.record_parts import EfficiencyBlock, Estimate
from privtalk.core.upgrade import at_of, tier_of
from privtalk.leaderboards.board import columns
from privtalk.leaderboards.board.model import Board, BoardMetric, BoardRow, RowKey

MEGABYTE = 1e6
STEPS = "steps"
"""The axis along which a method is the same but for its number of passes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedRow:
    """A row, and the blocks of efficiency of its seeds."""

    row: BoardRow
    quality: Estimate
    """The headline."""
    blocks: tuple[EfficiencyBlock, ...]

    def speed(self, threads: int = 1, *, audio: bool = True) -> float | None:
        """Frames a second; None where it was not taken."""
        found = [
            speed.frames_per_second
            for block in self.blocks
            for speed in block.speeds
            if (speed.threads, speed.audio) == (threads, audio)
        ]
        return fmean(found) if found else None

    @property
    def over_reference(self) -> float | None:
        """Times the reference's speed: the median, which no seed that was disturbed moves."""
        found = [block.times_reference for block in self.blocks if block.times_reference is not None]
        return median(found) if found else None

    @property
    def megabytes(self) -> float:
        """Size of what is needed to animate, on disk."""
        return fmean(block.bytes_on_disk for block in self.blocks) / MEGABYTE

    @property
    def first(self) -> EfficiencyBlock:
        """The block of the first seed, for what no machine changes."""
        return self.blocks[0]

    @property
    def series(self) -> RowKey:
        """The row without its number of steps: rows that share it are one method with more and fewer of them."""
        at = {axis: value for axis, value in at_of(self.row.key.tier).items() if axis != STEPS}
        return self.row.key._replace(tier=tier_of(at))


class EfficiencyBoard:
    """The timed rows of a board, best in the headline first."""

    def __init__(self, board: Board) -> None:
        self.board = board

    @cached_property
    def rows(self) -> tuple[TimedRow, ...]:
        """Every row that was timed."""
        found = [self._timed(row) for row in self.board.rows]
        known = [timed for timed in found if timed is not None]
        return tuple(sorted(known, key=self._badness))

    @property
    def headline(self) -> BoardMetric | None:
        """The metric that speed and size are set against; None for a board without any that has a direction."""
        return self.board.metric(self.board.headline) if self.board.headline else None

    @property
    def metrics(self) -> tuple[BoardMetric, ...]:
        """The headline, and the next metric that speaks for its family."""
        head = self.headline
        if head is None:
            return ()
        return tuple(dict.fromkeys((head, *columns.main(self.board, head.family))))[:2]

    @property
    def lower(self) -> bool:
        """Whether less of the headline is better."""
        return self.headline is not None and self.headline.sign < 0

    @property
    def baseline(self) -> TimedRow | None:
        """The row that the board compares with, where it was timed."""
        return next((timed for timed in self.rows if timed.row.key == self.board.baseline), None)

    @property
    def untimed(self) -> list[tuple[BoardRow, float]]:
        """Floors and ceilings that were not timed, with their headline."""
        timed = {found.row.key for found in self.rows}
        quality = [(row, self._quality(row).value) for row in self.board.rows if row.key not in timed]
        return [
            (row, value) for row, value in quality if row.kind in ("floor", "ceiling") and value is not None
        ]

    def fastest(self) -> TimedRow | None:
        """Returns the row with most frames a second on one thread."""
        known = [timed for timed in self.rows if timed.speed() is not None]
        return max(known, key=lambda timed: timed.speed() or 0.0, default=None)

    def smallest(self) -> TimedRow | None:
        """Returns the row with the smallest file, of several the one that is best in the headline."""
        return min(self.rows, key=lambda timed: timed.megabytes, default=None)

    def front(self, cost: Callable[[TimedRow], float | None]) -> tuple[TimedRow, ...]:
        """Returns the rows that none equals or betters in both the headline and the cost; cheapest first."""
        known = [
            (price, self._badness(timed), timed)
            for timed in self.rows
            if (price := cost(timed)) is not None and timed.quality.value is not None
        ]
        places = {(price, badness) for price, badness, _ in known}
        kept = [
            entry
            for entry in known
            if not any(p <= entry[0] and b <= entry[1] and (p, b) != entry[:2] for p, b in places)
        ]
        return tuple(timed for _, _, timed in sorted(kept, key=lambda entry: entry[:2]))

    @cached_property
    def by_steps(self) -> tuple[tuple[TimedRow, ...], ...]:
        """The rows of each method that was timed with several numbers of passes, most passes first."""
        groups: dict[RowKey, list[TimedRow]] = {}
        for timed in self.rows:
            groups.setdefault(timed.series, []).append(timed)
        ordered = [tuple(sorted(rows, key=lambda timed: -timed.first.passes)) for rows in groups.values()]
        return tuple(rows for rows in ordered if rows[0].first.passes > rows[-1].first.passes)

    def _badness(self, timed: TimedRow) -> float:
        value = timed.quality.value
        if value is None:
            return inf
        return value if self.lower else -value

    def _timed(self, row: BoardRow) -> TimedRow | None:
        blocks = tuple(record.efficiency for record in row.records if record.efficiency is not None)
        return TimedRow(row=row, quality=self._quality(row), blocks=blocks) if blocks else None

    def _quality(self, row: BoardRow) -> Estimate:
        cell = row.cells.get(self.board.headline or "")
        return Estimate(missing="not measured") if cell is None else cell.estimate


def slowness(timed: TimedRow) -> float | None:
    """Frames a second as a cost; None where they were not taken."""
    speed = timed.speed()
    return None if speed is None else -speed


def times_as_fast(timed: TimedRow, other: TimedRow) -> float | None:
    """Returns how many times another row's speed a row has.

    Speeds over the same reference are preferred: each was taken turn by turn with it, so that a machine that is
    busier at times does not enter.
    """
    if timed.first.reference == other.first.reference and timed.over_reference and other.over_reference:
        return timed.over_reference / other.over_reference
    own, theirs = timed.speed(), other.speed()
    return own / theirs if own is not None and theirs else None

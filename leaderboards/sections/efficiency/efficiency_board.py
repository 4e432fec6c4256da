"""The rows of a board that were timed, with their quality: means over seeds of what each record says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean

from privtalk.core.record_parts import EfficiencyBlock, Estimate
from privtalk.leaderboards.board.model import Board, BoardRow

MEGABYTE = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedRow:
    """A row, and the blocks of efficiency of its seeds."""

    row: BoardRow
    quality: Estimate
    """The headline."""
    blocks: tuple[EfficiencyBlock, ...]

    def speed(self, threads: int, *, audio: bool = True) -> float | None:
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
        """Times the reference's speed."""
        found = [block.times_reference for block in self.blocks if block.times_reference is not None]
        return fmean(found) if found else None

    @property
    def megabytes(self) -> float:
        """Size of what is needed to animate, on disk."""
        return fmean(block.bytes_on_disk for block in self.blocks) / MEGABYTE

    @property
    def first(self) -> EfficiencyBlock:
        """The block of the first seed, for what no machine changes."""
        return self.blocks[0]


class EfficiencyBoard:
    """The timed rows of a board, best in the headline first."""

    def __init__(self, board: Board) -> None:
        self.board = board

    @cached_property
    def rows(self) -> tuple[TimedRow, ...]:
        """Every row that was timed, but for those with a section of their own."""
        found = [self._timed(row) for row in self.board.rows]
        known = [timed for timed in found if timed is not None]
        return tuple(sorted(known, key=lambda timed: self._badness(timed)))

    @property
    def headline(self) -> str:
        """The metric that is shown beside speed and size."""
        return self.board.headline or ""

    @property
    def lower(self) -> bool:
        """Whether less of the headline is better."""
        return self.board.metric(self.headline).direction == "lower"

    @property
    def references(self) -> list[tuple[BoardRow, float]]:
        """Floors and ceilings, with their headline."""
        found = []
        for row in self.board.rows:
            value = self._quality(row).value
            if row.kind in ("floor", "ceiling") and value is not None and not self._apart(row):
                found.append((row, value))
        return found

    def front(self, cost: Callable[[TimedRow], float | None]) -> tuple[TimedRow, ...]:
        """Returns the rows than which none is both better in the headline and at less of a cost; cheapest first."""
        priced = [(cost(timed), timed) for timed in self.rows if timed.quality.value is not None]
        known = [(price, self._badness(timed), timed) for price, timed in priced if price is not None]
        best: list[TimedRow] = []
        for _, badness, timed in sorted(known, key=lambda entry: entry[:2]):
            if not best or badness < self._badness(best[-1]):
                best.append(timed)
        return tuple(best)

    def families(self) -> list[Sequence[TimedRow]]:
        """Returns the rows of each method of which there are several, slowest first."""
        names = dict.fromkeys(timed.row.key.method for timed in self.rows)
        groups = [[timed for timed in self.rows if timed.row.key.method == name] for name in names]
        return [sorted(group, key=lambda timed: -timed.first.passes) for group in groups if len(group) > 1]

    def _badness(self, timed: TimedRow) -> float:
        value = timed.quality.value
        if value is None:
            return float("inf")
        return value if self.lower else -value

    def _timed(self, row: BoardRow) -> TimedRow | None:
        blocks = tuple(record.efficiency for record in row.records if record.efficiency is not None)
        if not blocks or self._apart(row):
            return None
        return TimedRow(row=row, quality=self._quality(row), blocks=blocks)

    def _apart(self, row: BoardRow) -> bool:
        return self.board.display.apart(row.key.tier) is not None

    def _quality(self, row: BoardRow) -> Estimate:
        cell = row.cells.get(self.headline)
        return Estimate(missing="not measured") if cell is None else cell.estimate

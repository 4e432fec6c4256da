"""Efficiency: how fast and how large a row is, at what quality."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from rich.text import Text

from privtalk.core.record_parts import Estimate
from privtalk.leaderboards import formats
from privtalk.leaderboards.board.model import Board, BoardMetric
from privtalk.leaderboards.escaping import markdown
from privtalk.leaderboards.sections.answers import Finding
from privtalk.leaderboards.sections.efficiency import figures
from privtalk.leaderboards.sections.efficiency.efficiency_board import EfficiencyBoard, TimedRow
from privtalk.leaderboards.sections.efficiency.findings import beside_baseline, by_steps, fastest
from privtalk.leaderboards.sections.section import Figures, PagePlace, Section, TerminalBlock
from privtalk.leaderboards.terminal import Column, split

COLUMNS = (
    "frames/s",
    "frames/s\n2 threads",
    "frames/s\nno audio",
    "times the\nreference",
    "passes",
    "M MACs\na frame",
    "weights\nneeded,\nM",
    "weights\nall,\nM",
    "weights\ntrained,\nM",
    "MB\non disk",
)
"""Columns after the quality; frames a second are those of one thread, with audio, where nothing else is said."""


class Efficiency(Section):
    """How much speed and size a row takes for its quality. Speeds are of one machine, and no regression reads them."""

    name, title, template = "efficiency", "Speed and size", "efficiency/section.html.j2"
    heading = "How fast, and how large, at what quality"

    @cached_property
    def shown(self) -> EfficiencyBoard:
        """The timed rows."""
        return EfficiencyBoard(self.board)

    @classmethod
    def present(cls, board: Board) -> bool:
        """Whether any record was timed."""
        return any(record.efficiency is not None for row in board.rows for record in row.records)

    def findings(self) -> Sequence[Finding]:
        """Returns who is fastest and smallest, what fewer passes buy, and what is gained over the baseline."""
        made = (fastest(self.shown), by_steps(self.shown), beside_baseline(self.shown))
        return [found for found in made if found is not None]

    def terminal(self, width: int, *, whole: bool) -> TerminalBlock:
        """Returns the table in as many parts as the width needs, of the whole board alone."""
        if not whole:
            return TerminalBlock()
        rows = self.shown.rows
        names = Column("row", [Text(timed.row.where) for timed in rows], right=False)
        told = list(zip(*(cells(timed) for timed in rows), strict=True))
        columns = [
            Column("\n".join(self._head(metric)), self._texts(metric)) for metric in self.shown.metrics
        ]
        columns += [
            Column(head, [Text(cell) for cell in column]) for head, column in zip(COLUMNS, told, strict=True)
        ]
        made = split("speed and size", [names], [names], columns, [0] * len(rows), width)
        return TerminalBlock(made, [self.note])

    @property
    def note(self) -> str:
        """How speeds were taken."""
        first = self.shown.rows[0].first
        seeds = max(len(timed.blocks) for timed in self.shown.rows)
        reference = next((timed.first.reference for timed in self.shown.rows if timed.first.reference), "")
        parts = [f"one clip of {first.frames} frames at a time, on one thread where nothing else is said"]
        parts += [f"means over {seeds} seeds, of times the reference the median"] if seeds > 1 else []
        parts += [f"the reference, {reference}, was run turn by turn with each row"] if reference else []
        return "; ".join(parts)

    def markdown(self) -> Sequence[str]:
        """Returns the table."""
        heads = ["row", *(" ".join(self._head(metric)) for metric in self.shown.metrics)]
        heads += [" ".join(name.split("\n")) for name in COLUMNS]
        told = [
            (
                timed.row.where,
                *(formats.with_interval(value, metric.digits) for metric, value in self._qualities(timed)),
                *cells(timed),
            )
            for timed in self.shown.rows
        ]
        lines = [f"| {' | '.join(map(markdown, line))} |" for line in (heads, *told)]
        rule = "|---" + "|---:" * (len(heads) - 1) + "|"
        return [lines[0], rule, *lines[1:], "", markdown(self.note), ""]

    def figures(self, place: PagePlace) -> Figures:
        """Draws quality against speed and against size."""
        return figures.draw_all(self.shown, place.site, place.slug)

    def page(self, place: PagePlace) -> Mapping[str, Any]:
        """Returns the rows of the table."""
        rows = [
            {
                "where": timed.row.where,
                "kind": timed.row.kind,
                "qualities": self._qualities(timed),
                "cells": cells(timed),
            }
            for timed in self.shown.rows
        ]
        return {"rows": rows, "columns": COLUMNS, "metrics": self.shown.metrics, "note": self.note}

    def _qualities(self, timed: TimedRow) -> list[tuple[BoardMetric, Estimate]]:
        return [(metric, timed.row.cells[metric.name].estimate) for metric in self.shown.metrics]

    def _head(self, metric: BoardMetric) -> list[str]:
        return [part for part in (self.board.display.metric_label(metric.name), metric.unit) if part]

    def _texts(self, metric: BoardMetric) -> list[Text]:
        found = [timed.row.cells[metric.name].estimate for timed in self.shown.rows]
        return [Text(formats.with_interval(estimate, metric.digits)) for estimate in found]


def cells(timed: TimedRow) -> tuple[str, ...]:
    """The cells of a row after its quality, in the order of `COLUMNS`."""
    first = timed.first
    speeds = (timed.speed(), timed.speed(2), timed.speed(audio=False), timed.over_reference)
    counts = (first.macs_per_frame, first.needed, first.parameters, first.trainable)
    return (
        *map(significant, speeds),
        str(first.passes),
        *(significant(count / 1e6) for count in counts),
        significant(timed.megabytes),
    )


def significant(value: float | None) -> str:
    """A number with three significant digits, more of them before the point; a dash for None.

    >>> significant(43305.2), significant(2.0), significant(0.0455), significant(0.0), significant(None)
    ('43305', '2.00', '0.0455', '0', '-')
    """
    if not value:
        return formats.number(value, 0)
    return formats.number(value, min(max(2 - math.floor(math.log10(abs(value))), 0), formats.FIXED))

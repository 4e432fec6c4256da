"""Efficiency: how fast and how large a row is, at what quality."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from privtalk.leaderboards import formats
from privtalk.leaderboards.board.model import Board
from privtalk.leaderboards.sections.answers import Finding
from privtalk.leaderboards.sections.efficiency import figures
from privtalk.leaderboards.sections.efficiency.efficiency_board import EfficiencyBoard, TimedRow
from privtalk.leaderboards.sections.efficiency.findings import by_steps, fastest
from privtalk.leaderboards.sections.section import Figures, PagePlace, Section, TerminalBlock
from privtalk.leaderboards.terminal import add_row, plain

COLUMNS = (
    "frames/s",
    "2 threads",
    "without audio",
    "x reference",
    "passes",
    "M MACs/frame",
    "needed, M",
    "all, M",
    "trained, M",
    "MB",
)
NARROW = ("frames/s", "x reference", "passes", "MB")
"""The columns that a terminal has room for."""


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
        """Returns who is fastest and smallest, and what fewer passes buy."""
        return [found for found in (fastest(self.shown), by_steps(self.shown)) if found is not None]

    def terminal(self, width: int, *, whole: bool) -> TerminalBlock:
        """Returns the table, of the whole board alone."""
        if not whole:
            return TerminalBlock()
        table = plain("speed and size")
        table.add_column("row", no_wrap=True)
        table.add_column(self.board.display.metric_label(self.shown.headline), justify="right")
        for name in NARROW:
            table.add_column(name, justify="right")
        for timed in self.shown.rows:
            told = dict(zip(COLUMNS, cells(timed), strict=True))
            add_row(table, timed.row.where, self.quality(timed), *(told[name] for name in NARROW))
        return TerminalBlock([table], [self.note])

    @property
    def note(self) -> str:
        """How speeds were taken."""
        frames = self.shown.rows[0].first.frames if self.shown.rows else 0
        reference = next((timed.first.reference for timed in self.shown.rows if timed.first.reference), "")
        beside = f"; x reference: turn by turn with {reference} in one process" if reference else ""
        return f"one clip of {frames} frames at a time, on the machine of the run{beside}"

    def quality(self, timed: TimedRow) -> str:
        """The headline with its interval."""
        return formats.with_interval(timed.quality, self.board.metric(self.shown.headline).digits)

    def markdown(self) -> Sequence[str]:
        """Returns the table."""
        head = ("row", self.board.display.metric_label(self.shown.headline), *COLUMNS)
        lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
        told = [(timed.row.where, self.quality(timed), *cells(timed)) for timed in self.shown.rows]
        return [*lines, *(f"| {' | '.join(row)} |" for row in told), "", self.note, ""]

    def figures(self, place: PagePlace) -> Figures:
        """Draws quality against speed and against size."""
        return figures.draw_all(self.shown, place.site, place.slug)

    def page(self, place: PagePlace) -> Mapping[str, Any]:
        """Returns the rows of the table."""
        rows = [
            {"label": timed.row.label, "at": timed.row.at, "quality": timed.quality, "cells": cells(timed)}
            for timed in self.shown.rows
        ]
        metric = self.board.metric(self.shown.headline)
        return {"rows": rows, "columns": COLUMNS, "metric": metric, "note": self.note}


def cells(timed: TimedRow) -> tuple[str, ...]:
    """The cells of a row after its quality, in the order of `COLUMNS`."""
    first = timed.first
    return (
        formats.number(timed.speed(1), 0),
        formats.number(timed.speed(2), 0),
        formats.number(timed.speed(1, audio=False), 0),
        formats.number(timed.over_reference, 2),
        str(first.passes),
        formats.number(first.macs_per_frame / 1e6, 2),
        *(formats.number(count / 1e6, 3) for count in (first.needed, first.parameters, first.trainable)),
        formats.number(timed.megabytes, 2),
    )

"""Run conditions: machine, code, time, memory and communication of every run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from privtalk.core.records import Record
from privtalk.leaderboards import formats
from privtalk.leaderboards.board.model import Board, BoardRow
from privtalk.leaderboards.escaping import markdown
from privtalk.leaderboards.sections.section import PagePlace, Section, TerminalBlock


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A record on the page."""

    row: BoardRow
    record: Record
    total: float
    residual: float | None
    """Share of the mean product of factors that averaging them lost, mean over rounds; None where not recorded."""


class Conditions(Section):
    """Under what the figures were made."""

    name, title, heading = "conditions", "Conditions", "Run conditions"
    template = "conditions/section.html.j2"

    def page(self, place: PagePlace) -> Mapping[str, Any]:
        """Returns what was the same or differed, and a line a run."""
        runs = [
            Run(row=row, record=record, total=sum(record.timings.values()), residual=_residual(record))
            for row, record in self.board.recorded
        ]
        return {
            "conditions": _conditions(self.board),
            "runs": runs,
            "remarks": self.board.remarks,
            "stages": list(dict.fromkeys(stage for run in runs for stage in run.record.timings)),
        }

    def terminal(self, width: int, *, whole: bool) -> TerminalBlock:
        """Returns where the corpus comes from."""
        return TerminalBlock(notes=[f"{what}: {text}" for what, (text,) in _origins(self.board)])

    def markdown(self) -> Sequence[str]:
        """Returns where the corpus comes from."""
        lines = [f"- {markdown(what)}: {markdown(text)}" for what, (text,) in _origins(self.board)]
        return [*lines, ""] if lines else []


def _origins(board: Board) -> list[tuple[str, list[str]]]:
    """(name, value) of each data set that the corpus was prepared from."""
    several = len(board.origins) > 1
    return [
        (f"{what} of {origin.layout}" if several else what, [text])
        for origin in board.origins
        for what, text in (
            ("data set", origin.title),
            ("licence", origin.licence),
            ("citation", origin.citation),
        )
        if text
    ]


def _conditions(board: Board) -> list[tuple[str, list[str]]]:
    """(name, distinct values) over all records."""
    records = [record for row in board.rows for record in row.records]
    names = dict.fromkeys(key for record in records for key in record.environment)
    return [
        ("suite, preset", [f"{board.suite}, {board.preset}"]),
        *_origins(board),
        ("seeds", [formats.listing([str(seed) for seed in board.seeds])]),
        ("code", sorted({formats.code_name(record.code) for record in records})),
        *((name, sorted({r.environment.get(name, "not recorded") for r in records})) for name in names),
        ("time, all runs", [formats.duration(sum(sum(r.timings.values()) for r in records))]),
        ("peak memory", [formats.size(max(r.peak_memory_mib for r in records) * 2**20)]),
        *_operations(records),
    ]


def _operations(records: Sequence[Record]) -> list[tuple[str, list[str]]]:
    """The operations of all runs, where any were counted."""
    total = sum(sum(record.operations.values()) for record in records)
    return [("operations, all runs", [f"{total:.2g}"])] if total else []


def _residual(record: Record) -> float | None:
    known = [value for value in record.training.get("residual", []) if value is not None]
    return sum(known) / len(known) if known else None

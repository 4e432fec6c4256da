"""Protection: who is silenced, who attacks, and whether the controls hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from rich.table import Table

from privtalk.core.display import Display
from privtalk.core.records import Record
from privtalk.leaderboards import formats
from privtalk.leaderboards.board.model import Board
from privtalk.leaderboards.board.views import View
from privtalk.leaderboards.sections.answers import EvidenceLine, Finding
from privtalk.leaderboards.sections.protection import figures
from privtalk.leaderboards.sections.protection.findings import (
    made_otherwise,
    silences,
    stage_two,
    survives,
    transfers,
    words,
)
from privtalk.leaderboards.sections.protection.gallery import gallery
from privtalk.leaderboards.sections.protection.protection_board import ProtectionBoard, state
from privtalk.leaderboards.sections.section import Figures, PagePlace, Section, TerminalBlock
from privtalk.leaderboards.terminal import add_row, plain


class Protections(Section):
    """Whether protected portraits still speak."""

    name, title, template = "protection", "Protection", "protection/section.html.j2"
    heading = "Who is silenced, and who restores the mouth"
    sound = "every control of a protection is at its value"

    @cached_property
    def shown(self) -> ProtectionBoard:
        """The board's protections."""
        return ProtectionBoard(self.board)

    @classmethod
    def present(cls, board: Board) -> bool:
        """Whether any record is of a protection."""
        return any(record.protection is not None for row in board.rows for record in row.records)

    def findings(self) -> Sequence[Finding]:
        """Returns whom a protection silences, what is left under attack, and what the second stage buys."""
        made = (
            silences(self.shown),
            survives(self.shown),
            stage_two(self.shown),
            transfers(self.shown),
            made_otherwise(self.shown),
        )
        return [found for found in made if found is not None]

    def remarks(self) -> Sequence[EvidenceLine]:
        """Returns the controls that failed: such rows mean nothing."""
        return [
            EvidenceLine(subject=found.row.where, figure=f"control failed: {name}", verdict="invalid")
            for found in self.shown.rows
            for name in found.invalid
        ]

    def terminal(self, width: int, *, whole: bool) -> TerminalBlock:
        """Returns control by attacker, of the whole board alone."""
        if not whole:
            return TerminalBlock()
        return TerminalBlock([self._table()], [f"{words(n)}: {about}" for n, about in self.abouts.items()])

    def _table(self) -> Table:
        table = plain("audio control retained, by attacker")
        table.add_column("attacker", no_wrap=True)
        rows = self.shown.compared
        for found in rows:
            table.add_column(found.row.label, justify="right")
        for name in ("", *self.shown.attackers):
            tried = [found.row if not name else found.attacked.get(name) for found in rows]
            cells = [
                formats.MISSING if row is None else formats.number(self.shown.control(row).value, 2)
                for row in tried
            ]
            add_row(table, words(name) if name else "direct", *cells)
        return table

    @property
    def abouts(self) -> dict[str, str]:
        """Attacker -> what it does."""
        return {
            name: record.about
            for found in self.shown.rows
            for name, row in found.attacked.items()
            for record in row.records
            if isinstance(record, View)
        }

    def markdown(self) -> Sequence[str]:
        """Returns a table of the main budget: control, by the worst attacker, identity kept, cost."""
        lines = [
            "| protection | budget | control retained | worst attacker | identity kept | I-PSNR |",
            "|---|---|---|---|---|---|",
        ]
        for found in self.shown.rows:
            worst = self.shown.worst(found)
            told = (
                f"{formats.with_interval(self.shown.control(worst[1]), 2)} {words(worst[0])}" if worst else ""
            )
            cells = (
                found.row.label,
                found.row.at,
                formats.with_interval(self.shown.control(found.row), 2),
                told if found.attacked else formats.MISSING,
                formats.number(self.shown.intact(found.row).value, 2),
                formats.number(self.shown.cost(found.row).value, 1),
            )
            lines.append(f"| {' | '.join(cells)} |")
        return [*lines, "", *self._by_attacker(), ""]

    def _by_attacker(self) -> list[str]:
        """A table of control retained, a line an attacker and a column a protection at the main budget."""
        rows = self.shown.compared
        if not self.shown.attackers:
            return []
        lines = [f"| by | {' | '.join(found.row.label for found in rows)} |", "|---|" + "---|" * len(rows)]
        for name in ("", *self.shown.attackers):
            tried = [found.attacked.get(name) if name else found.row for found in rows]
            cells = [
                formats.MISSING if row is None else formats.number(self.shown.control(row).value, 2)
                for row in tried
            ]
            lines.append(f"| {words(name) if name else 'direct'} | {' | '.join(cells)} |")
        return lines

    def figures(self, place: PagePlace) -> Figures:
        """Draws the quadrants, the cost and the matrix."""
        return figures.draw_all(self.shown, place.site, place.slug)

    def page(self, place: PagePlace) -> Mapping[str, Any]:
        """Returns the rows with their controls, and what there is to look at and to hear."""
        owner, exhibits = gallery(self.shown, place)
        heard = [name for name in self.shown.attackers if any(name in shown.clips for shown in exhibits)]
        return {
            "owner": owner,
            "exhibits": exhibits,
            "heard": heard,
            "shown": self.shown,
            "words": words,
            "state": lambda row: state(self.shown.control(row).value, self.shown.intact(row).value),
            "abouts": self.abouts,
        }

    @classmethod
    def worse(cls, old: Record, fresh: Record, display: Display) -> Sequence[str]:
        """Returns controls that held and fail now."""
        before = {} if old.protection is None else old.protection.controls
        now = {} if fresh.protection is None else fresh.protection.controls
        return [
            f"control {name!r} held and fails now"
            for name, check in now.items()
            if check.decides and not check.passed and name in before and before[name].passed
        ]

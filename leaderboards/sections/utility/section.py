"""Utility: every metric of every row, against the baseline and against each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from privtalk.leaderboards.board import progress
from privtalk.leaderboards.board.floors import flagged
from privtalk.leaderboards.board.model import Board, BoardRow
from privtalk.leaderboards.sections.answers import Finding
from privtalk.leaderboards.sections.section import PagePlace, Section, TerminalBlock
from privtalk.leaderboards.sections.utility import grids, tables
from privtalk.leaderboards.sections.utility.claims import claims
from privtalk.leaderboards.sections.utility.findings import (
    against_baseline,
    between_methods,
    beyond_the_headline,
)


class Utility(Section):
    """How good the rows are."""

    name, title, template = "table", "Utility", "utility/section.html.j2"

    def findings(self) -> Sequence[Finding]:
        """Returns who beats the baseline, in the headline and beyond it, and who beats whom."""
        makers = (against_baseline, beyond_the_headline, between_methods)
        board = progress.ends(self.board)
        return [*claims(self.board), *(found for make in makers if (found := make(board)) is not None)]

    def terminal(self, width: int, *, whole: bool) -> TerminalBlock:
        """Returns the overview, and of the whole also each family."""
        board = self.board
        if not whole:
            board = progress.ends(board)
            return TerminalBlock(tables.overview_tables(board, width), tables.notes(board))
        return TerminalBlock(
            tables.utility_tables(board, width), [*tables.not_measured(board), *tables.notes(board)]
        )

    def page(self, place: PagePlace) -> Mapping[str, Any]:
        """Returns the overview and a table a family."""
        board = self.board
        return {
            "leading": _groups(progress.ends(board)),
            "groups": _groups(board),
            "overview": grids.overview(board),
            "families": grids.families(board),
            "headers": grids.headers(board, place.runs.validation),
            "validation": place.validation,
            "incomplete": [row for row in board.rows if row.incomplete],
            "flagged": flagged(board.rows),
        }


def _groups(board: Board) -> list[tuple[str, str, list[BoardRow]]]:
    """(title, note, rows) of the table: references, then each place on the axes."""
    groups = [("References", "floors, ceilings and orientation; not placed", board.references())]
    for tier in board.tiers:
        rows = board.methods(tier)
        unsure = board.federated and not any(row.privacy.guarantee for row in rows)
        groups.append((board.titled(tier), "no guarantee" if unsure else "", rows))
    return [group for group in groups if group[2]]

"""Guarantee: ε against three adversaries, and what it costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from privtalk.core.display import Display
from privtalk.core.records import Privacy, Record
from privtalk.leaderboards import formats
from privtalk.leaderboards.board import progress
from privtalk.leaderboards.board.model import Board
from privtalk.leaderboards.board.views import View
from privtalk.leaderboards.sections.answers import Finding
from privtalk.leaderboards.sections.guarantee.findings import price_of_privacy
from privtalk.leaderboards.sections.guarantee.regression import weaker
from privtalk.leaderboards.sections.section import PagePlace, Section, TerminalBlock
from privtalk.leaderboards.terminal import add_row, plain


class Guarantee(Section):
    """The section of what is promised to the people whose data trained a row."""

    name, title, template = "privacy", "Guarantee", "guarantee/section.html.j2"

    @classmethod
    def present(cls, board: Board) -> bool:
        """Whether any row trains on clients' data."""
        return board.federated

    def findings(self) -> Sequence[Finding]:
        """Returns what the guarantee costs, where rows without one stand beside those with it."""
        found = price_of_privacy(progress.ends(self.board))
        return [] if found is None else [found]

    def terminal(self, width: int, *, whole: bool) -> TerminalBlock:
        """Returns the table of guarantees."""
        return TerminalBlock([guarantees(self.board)]) if whole else TerminalBlock()

    def page(self, place: PagePlace) -> Mapping[str, Any]:
        """Returns the guarantees, rows with the same one together."""
        merged: dict[tuple[str, str], tuple[list[str], Privacy]] = {}
        for row in progress.started(self.board).methods():
            key = (row.at, row.privacy.model_dump_json())
            merged.setdefault(key, ([], row.privacy))[0].append(row.label)
        return {
            "guarantees": [
                (formats.listing(labels), at, privacy) for (at, _), (labels, privacy) in merged.items()
            ]
        }

    @classmethod
    def worse(cls, old: Record, fresh: Record, display: Display) -> Sequence[str]:
        """Returns ways in which the guarantee got weaker."""
        return () if isinstance(fresh, View) else weaker(old.privacy, fresh.privacy)


def guarantees(board: Board) -> Table:
    """ε against three adversaries, methods with the same guarantee on one line."""
    table = plain("Guarantee")
    table.add_column("rows")
    table.add_column("tier", no_wrap=True)
    table.add_column("ε of outsider / sums / server", justify="right", no_wrap=True)
    table.add_column("δ", justify="right", no_wrap=True)
    merged: dict[tuple[str, ...], list[str]] = {}
    for row in progress.started(board).methods():
        merged.setdefault((row.at, *_guarantee(row.privacy)), []).append(row.label)
    for (tier, epsilons, delta), labels in merged.items():
        add_row(table, formats.listing(labels), tier, epsilons, delta)
    return table


def _guarantee(privacy: Privacy) -> tuple[str, str]:
    if not privacy.guarantee:
        return "no guarantee", formats.MISSING
    values = privacy.epsilons.outsider, privacy.epsilons.secure_aggregation, privacy.epsilons.server
    shown = ["none" if value is None else f"{value:.2f}" for value in values]
    return " / ".join(shown), formats.MISSING if privacy.delta is None else f"{privacy.delta:.0e}"

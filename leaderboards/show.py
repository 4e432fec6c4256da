"""Boards in the terminal: a loop over their sections."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from privtalk.leaderboards.board.model import Board
from privtalk.leaderboards.sections.catalogue import findings, sections_of
from privtalk.leaderboards.sections.section import Section

WIDTH = 120
"""Widest table, in characters, on a terminal that is wider."""
TONES = {"plain": "bold", "warning": "yellow", "error": "bold red"}


def show(board: Board, console: Console, *, whole: bool = True) -> None:
    """Utility in overview, then the findings; where the `whole` is asked for also each family and all other sections.

    Works on partial runs: what is missing is named in either.
    """
    first, *others = sections = sections_of(board)
    _print(console, [first], whole=whole)
    if whole:
        _print(console, others, whole=whole)
    for finding in findings(board, sections):
        console.print(Text(finding.question, style=TONES[finding.tone]))
        for answer in finding.answers:
            tier = f"{answer.tier}: " if answer.tier else ""
            console.print(Text(f"  {tier}{answer.text}"))


def _print(console: Console, sections: Sequence[Section], *, whole: bool) -> None:
    """Tables of some sections, then their notes."""
    blocks = [section.terminal(min(console.width, WIDTH), whole=whole) for section in sections]
    for table in (table for block in blocks for table in block.tables):
        console.print(table)
    for note in (note for block in blocks for note in block.notes):
        console.print(Text(note, style="dim"))
    console.print()

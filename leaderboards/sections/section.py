"""The shape of a board's section: one question, and how it is answered in every medium.

A new section is a file or folder here and an entry in `catalogue.SECTIONS`. Each medium is a loop over the sections
that a board has; what a section shows is computed once, by the object, and not by each medium again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from rich.table import Table

from privtalk.core.display import Display
from privtalk.core.records import Record
from privtalk.leaderboards.board.loading import Runs
from privtalk.leaderboards.board.model import Board
from privtalk.leaderboards.charts.files import Figure
from privtalk.leaderboards.sections.answers import EvidenceLine, Finding

Figures = Mapping[str, Sequence[Figure]]


@dataclass(frozen=True, slots=True)
class PagePlace:
    """The place where a page is written, and what beside the board goes into its files."""

    runs: Runs
    site: Path
    slug: str
    """Name of the page, under which its files lie."""
    validation: str = ""
    """Path of the page about the metrics; empty where there is none."""


class TerminalBlock(NamedTuple):
    """A section in the terminal."""

    tables: Iterable[Table] = ()
    notes: Sequence[str] = ()


class Section:
    """One question about a board; a subclass overrides the media in which it has something to say."""

    name: ClassVar[str] = ""
    """Anchor on the page."""
    title: str = ""
    """Entry in the page's contents."""
    heading: ClassVar[str] = ""
    """The heading of the section on the page; empty: the title."""
    template: ClassVar[str] = ""
    """File below this folder; empty for a section that the page has no place for."""
    sound: ClassVar[str] = ""
    """The words that hold where there are no remarks."""

    def __init__(self, board: Board) -> None:
        self.board = board

    @classmethod
    def present(cls, board: Board) -> bool:
        """Whether a board has anything to show of it."""
        return True

    def findings(self) -> Sequence[Finding]:
        """Returns the answers in a sentence each."""
        return ()

    def remarks(self) -> Sequence[EvidenceLine]:
        """Returns what a reader must know before believing the rows."""
        return ()

    def terminal(self, width: int, *, whole: bool) -> TerminalBlock:
        """Returns tables no wider than `width`, and notes; without `whole`, only what fits one screen."""
        return TerminalBlock()

    def markdown(self) -> Sequence[str]:
        """Returns lines of Markdown: what a report holds of it beside the overview and the findings."""
        return ()

    def figures(self, place: PagePlace) -> Figures:
        """Draws the charts into the site."""
        return {}

    def page(self, place: PagePlace) -> Mapping[str, Any] | None:
        """Returns what the template is given beside the board, and writes the files that it links to.

        None where there turns out to be nothing to show.
        """
        return {}

    @classmethod
    def worse(cls, old: Record, fresh: Record, display: Display) -> Sequence[str]:
        """Returns what got worse exactly between two records of a cell, in words."""
        return ()

"""Privacy and utility: the charts of what each place on the axes costs."""

from __future__ import annotations

from privtalk.leaderboards.board import columns
from privtalk.leaderboards.board.model import Board
from privtalk.leaderboards.sections.section import Figures, PagePlace, Section
from privtalk.leaderboards.sections.tradeoff.figures import draw_all, title_of


class Tradeoff(Section):
    """Differences to the baseline along the axes."""

    name, template = "charts", "tradeoff/section.html.j2"

    def __init__(self, board: Board) -> None:
        super().__init__(board)
        self.title = title_of(board)

    @classmethod
    def present(cls, board: Board) -> bool:
        """Whether any method is compared with a baseline."""
        return any(columns.compared(board, metric) for metric in board.metrics)

    def figures(self, place: PagePlace) -> Figures:
        """Draws the headline against the axes, all metrics at a glance, and the families' main metrics."""
        return draw_all(self.board, place.site, place.slug)

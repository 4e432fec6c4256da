"""Published figures: what others report on other data, never ranked beside measured rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from privtalk.leaderboards.board.model import Board
from privtalk.leaderboards.sections.section import PagePlace, Section


class Published(Section):
    """The figures that the task's display quotes, for orientation."""

    name, title, template = "published", "Published figures", "published/section.html.j2"

    @classmethod
    def present(cls, board: Board) -> bool:
        """Whether the task quotes anybody."""
        return board.display.published is not None

    def page(self, place: PagePlace) -> Mapping[str, Any]:
        """Returns the figures as they were printed."""
        return {"published": self.board.display.published}

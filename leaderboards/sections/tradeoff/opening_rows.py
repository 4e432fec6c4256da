"""The data of the opening picture: quality as released and at the end of progress, and what attackers got beside it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from privtalk.leaderboards.board import progress
from privtalk.leaderboards.board.model import Board, BoardRow
from privtalk.leaderboards.charts.data import Table, figures, utility_rows
from privtalk.leaderboards.sections.attacks.attack_board import SEEN, TITLES, VIEWS, AttackBoard
from privtalk.leaderboards.sections.attacks.summary import SummaryLine, summary_lines

FAMILY = "membership"
"""Attacks of the picture: who took part is the question that the guarantee answers."""


class OpeningBoard:
    """A board as the opening picture shows it; every medium of the picture is made of this one."""

    def __init__(self, board: Board, metric: str) -> None:
        self.whole = board
        self.board = progress.compared(board)
        self.metric = board.metric(metric)

    @cached_property
    def places(self) -> list[str]:
        """Places along the axis without progress, the weakest guarantee first."""
        tiers = {self._place(row) for row in self.board.methods()}
        return sorted(tiers, key=self.board.display.at_order)

    @cached_property
    def stages(self) -> list[str]:
        """The stages of progress at which methods are compared, in words, the released one first (empty)."""
        values = {self._stage(row) for row in self._compared if row.kind == "method"}
        return sorted(values, key=lambda stage: (stage != "", len(stage), stage))

    @cached_property
    def methods(self) -> list[str]:
        """Labels of the methods, in the order of their colours."""
        return sorted({row.label for row in self.board.methods()})

    @cached_property
    def quality(self) -> Table:
        """Difference to the baseline of every method at each place and stage, and of every reference."""
        drawn = utility_rows(self.board, self.metric.name)
        return [
            {"panel": "quality", **figures_, **self._spot(row), "absolute": self._own(row)}
            for row, figures_ in zip(self._compared, drawn, strict=True)
        ]

    @cached_property
    def attacks(self) -> Table:
        """The strongest attack on each view at each place, with what it finds where something is planted."""
        return [row for line in self._lines if (row := self._attack_row(line)) is not None]

    @cached_property
    def views(self) -> list[str]:
        """The views whose attacks are drawn: the one that sees least and the one that sees most."""
        seen = {line.group.view for line in self._lines}
        ordered = sorted(seen, key=lambda view: VIEWS.index(view) if view in VIEWS else len(VIEWS))
        return list(dict.fromkeys([*ordered[:1], *ordered[-1:]]))

    @property
    def question(self) -> str:
        """The title of the attackers' panel."""
        return TITLES.get(FAMILY, FAMILY)

    @cached_property
    def _compared(self) -> Sequence[BoardRow]:
        name = self.metric.name
        return [row for row in self.board.rows if row.cells[name].difference.value is not None]

    @cached_property
    def _lines(self) -> Sequence[SummaryLine]:
        lines = summary_lines(AttackBoard(progress.started(self.whole)))
        return [
            line
            for line in lines
            if line.group.family == FAMILY
            and line.row is not None
            and line.row.kind == "method"
            and line.result is not None
            and line.result.auc.value is not None
        ]

    def _attack_row(self, line: SummaryLine) -> dict[str, Any] | None:
        row, result = line.row, line.result
        if row is None or result is None or line.group.view not in self.views:
            return None
        planted = (
            result.strength.estimate.value if result.strength and result.headline.name == "auc" else None
        )
        return {
            "panel": "attacks",
            "label": row.label,
            "place": self._place(row),
            "view": line.group.view,
            "seen": SEEN.get(line.group.view, line.group.view),
            "attack": line.attack,
            **figures(result.auc),
            "shown": line.leaks,
            "planted": planted,
        }

    def _spot(self, row: BoardRow) -> dict[str, str | None]:
        """The place and stage of a method; a reference has none."""
        if row.kind != "method":
            return {"place": None, "stage": None}
        return {"place": self._place(row), "stage": self._stage(row)}

    def _own(self, row: BoardRow) -> float | None:
        return row.cells[self.metric.name].estimate.value

    def _place(self, row: BoardRow) -> str:
        return self.board.display.split(row.key.tier)[0]

    def _stage(self, row: BoardRow) -> str:
        return progress.stage(row, self.board.display)

"""Rows along their axis of progress: a curve for each method and place, and the reference's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from privtalk.leaderboards.board import columns
from privtalk.leaderboards.board.model import Board, BoardMetric, BoardRow
from privtalk.leaderboards.board.progress import tracks
from privtalk.leaderboards.board.statistics import Difference
from privtalk.leaderboards.charts.data import Table, figures

FAMILIES = 3
"""Families beside the headline's that are drawn."""
SPEAKERS = 2
"""Metrics of a family that findings and tables tell of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """A method, or a reference, at one place, from its start on."""

    label: str
    place: str
    """The place without the axis of progress."""
    rows: Mapping[float, BoardRow]
    """Progress -> row, rising; at 0 what clients hold before they move, or where that is nothing else, the release."""
    released: BoardRow | None
    """The row without progress."""

    @property
    def kind(self) -> str:
        """The part that its rows play."""
        return next(iter(self.rows.values())).kind

    @property
    def last(self) -> float:
        """The furthest progress."""
        return max(self.rows)


def curves(board: Board) -> tuple[Curve, ...]:
    """Every curve of the board, in the order of its rows."""
    found = []
    for track, rows in tracks(board).items():
        moved = {steps: row for steps, row in rows.items() if steps is not None}
        if moved:
            released = rows.get(None)
            first = {0.0: released} if released is not None else {}
            label = next(iter(moved.values())).label
            placed = dict(sorted({**first, **moved}.items()))
            found.append(Curve(label=label, place=track.tier, rows=placed, released=released))
    order = {row.key: number for number, row in enumerate(board.rows)}
    return tuple(sorted(found, key=lambda c: min(order[row.key] for row in c.rows.values())))


def of_methods(board: Board, place: str | None = None) -> list[Curve]:
    """The methods' curves, of one place or of all."""
    return [c for c in curves(board) if c.kind == "method" and place in (None, c.place)]


def places(board: Board) -> list[str]:
    """The places of the methods' curves, in order."""
    return sorted({c.place for c in of_methods(board)}, key=board.display.at_order)


def reference(board: Board) -> Curve | None:
    """The curve that those of the methods are held against: of a reference that progresses too."""
    return next((c for c in curves(board) if c.kind == "reference"), None)


def speaking(board: Board) -> tuple[BoardMetric, ...]:
    """The metrics that tell of a curve: the headline's family's main ones, the headline first."""
    if board.headline is None:
        return ()
    head = board.metric(board.headline)
    others = columns.main(board, head.family, SPEAKERS)
    return tuple(dict.fromkeys((head, *others)))[:SPEAKERS]


def drawn(board: Board) -> tuple[BoardMetric, ...]:
    """The metrics that are drawn: those that speak, then one each of a few families more."""
    lead = speaking(board)
    families = [columns.main(board, name, 1) for name in board.families]
    others = [m for found in families for m in found if m.family not in {metric.family for metric in lead}]
    return (*lead, *others[:FAMILIES])


def counts(board: Board) -> list[float]:
    """All values of progress on the board, rising."""
    return sorted({steps for curve in curves(board) for steps in curve.rows})


def apart(board: Board, row: BoardRow, other: BoardRow, metric: BoardMetric) -> Difference:
    """A row minus another, paired."""
    return board.difference(row.key, other.key, metric.name)


def curve_rows(board: Board, metric: BoardMetric, of: Sequence[Curve]) -> Table:
    """Difference to the baseline at every point of some curves."""
    table: list[dict[str, Any]] = []
    for curve in of:
        for steps, row in curve.rows.items():
            cell = row.cells[metric.name]
            if cell.difference.value is not None:
                named = {"label": curve.label, "kind": curve.kind, "place": curve.place, "tier": row.key.tier}
                table.append(named | {"metric": metric.name, "progress": steps} | figures(cell.difference))
    return table

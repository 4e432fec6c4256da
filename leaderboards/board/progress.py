"""Rows along an axis of progress (`AxisDisplay.progress`): a method's row after so many steps, and after more."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from privtalk.core.display import Display
from privtalk.leaderboards.board.model import Board, BoardRow, RowKey


class Track(NamedTuple):
    """The rows of a method at a place, whatever their progress."""

    method: str
    tier: str
    """The place without the axis of progress."""
    variant: str


def track_of(key: RowKey, display: Display) -> tuple[Track, float | None]:
    """Returns the track of a row and how far along it the row is; None for one without progress.

    A value that is no number counts as none.
    """
    tier, value = display.split(key.tier)
    if value is None:
        return Track(key.method, tier, key.variant), None
    try:
        found = float(value)
    except ValueError:
        return Track(key.method, key.tier, key.variant), None
    return Track(key.method, tier, key.variant), found if math.isfinite(found) else None


def tracks(board: Board) -> Mapping[Track, Mapping[float | None, BoardRow]]:
    """Returns the rows of each track in the order of their progress; the row without any comes first."""
    found: dict[Track, dict[float | None, BoardRow]] = {}
    placed = [(*track_of(row.key, board.display), row) for row in board.rows]
    for track, value, row in sorted(placed, key=lambda p: -math.inf if p[1] is None else p[1]):
        found.setdefault(track, {})[value] = row
    return found


def stage(row: BoardRow, display: Display) -> str:
    """Returns the stage of progress that a row is at, in words; empty as it was released."""
    axis, value = display.progress, display.split(row.key.tier)[1]
    return "" if axis is None or value is None else axis.text(value)


def ends(board: Board) -> Board:
    """Returns the board with the first and the furthest row of every track: what an overview has room for."""
    kept = {row.key for track in tracks(board).values() for row in _ends(track)}
    return _with(board, kept)


def furthest(board: Board) -> frozenset[RowKey]:
    """Returns the last row of every track: a reference that progresses is shown where it ends."""
    return frozenset(list(rows.values())[-1].key for rows in tracks(board).values())


def compared(board: Board) -> Board:
    """Returns the board with the methods' rows at either end, and with references where they end."""
    last = furthest(board)
    return _with(board, {row.key for row in ends(board).rows if row.kind == "method" or row.key in last})


def started(board: Board) -> Board:
    """Returns the board without the methods' rows that have progressed; references are at their end."""
    rows = [r for r in ends(board).rows if r.kind != "method" or track_of(r.key, board.display)[1] is None]
    return _with(board, {row.key for row in rows})


def _with(board: Board, kept: set[RowKey]) -> Board:
    if len(kept) == len(board.rows):
        return board
    rows = tuple(row for row in board.rows if row.key in kept)
    attacks = tuple(name for name in board.attacks if any(name in row.attacks for row in rows))
    return replace(board, rows=rows, attacks=attacks)


def _ends(track: Mapping[float | None, BoardRow]) -> list[BoardRow]:
    rows = list(track.values())
    first = [track[None]] if None in track else []
    return [*first, rows[-1]]

"""The few rows whose close-ups stand side by side: truth, baseline, one method by its progress, references."""

from __future__ import annotations

from privtalk.leaderboards.board import progress
from privtalk.leaderboards.board.model import Board, BoardRow, RowKey
from privtalk.leaderboards.board.progress import Track
from privtalk.leaderboards.sections.samples.media import ShownClip, Take

PLACES = 2
"""Places at which the method is shown, from the weakest guarantee."""


def side_by_side(board: Board, scene: ShownClip) -> list[Take]:
    """The takes of a scene that have a close-up, of the featured rows in their order; none where there is one alone."""
    near = {take.key: take for take in scene.takes if take.closeup is not None and take.key is not None}
    truth = [take for take in scene.takes if take.closeup is not None and take.key is None]
    found = [*truth, *(near[key] for key in featured(board) if key in near)]
    return found if len(found) > 1 else []


def featured(board: Board) -> list[RowKey]:
    """The baseline; the best method as it was released and at its end, place by place; references where they end.

    The best method is the one whose end gains most on the headline at the weakest guarantee: by rule, not by eye.
    """
    base = [board.baseline] if board.baseline else []
    last = progress.furthest(board)
    others = [row.key for row in board.references() if row.kind == "reference" and row.key not in base]
    ended = [key for key in others if key in last]
    return [*base, *_of_best(board), *ended]


def _of_best(board: Board) -> list[RowKey]:
    """Rows of the best method at the first places: released, then furthest."""
    tracks = {
        track: list(rows.values())
        for track, rows in progress.tracks(progress.ends(board)).items()
        if next(iter(rows.values())).kind == "method"
    }
    places = sorted({track.tier for track in tracks}, key=board.display.at_order)[:PLACES]
    best = _best(board, {track: rows for track, rows in tracks.items() if track.tier in places[:1]})
    if best is None:
        return []
    wanted = [Track(best.method, place, best.variant) for place in places]
    return [row.key for track in wanted for row in tracks.get(track, [])]


def _best(board: Board, tracks: dict[Track, list[BoardRow]]) -> Track | None:
    """The track whose last row gains most; the first by name where no row was compared."""
    if board.headline is None:
        return min(tracks, default=None)
    sign = board.metric(board.headline).sign

    def gain(track: Track) -> float:
        value = tracks[track][-1].cells[board.headline or ""].difference.value
        return float("-inf") if value is None else sign * value

    return max(sorted(tracks), key=gain, default=None)

"""A board in two small tables, for a README: every method at each place, and the best one by metric."""

from __future__ import annotations

from privtalk.leaderboards import formats
from privtalk.leaderboards.board import columns, progress
from privtalk.leaderboards.board.model import Board, BoardMetric, BoardRow
from privtalk.leaderboards.escaping import markdown
from privtalk.leaderboards.markdown import escaped_table
from privtalk.leaderboards.sections.samples.nearby import featured

ARROWS = {"higher": "↑", "lower": "↓", "reference": ""}


def summary(board: Board) -> str:
    """Differences to the baseline as Markdown, with 95 % intervals; bold where they are clear of zero.

    First the headline of every method at each place, as released and at its furthest stage, then the leading metrics
    of every family for the baseline, the best method and the references (`featured`).
    """
    if board.headline is None or board.baseline is None:
        return f"{markdown(board.suite)}, {markdown(board.preset)}: no row was compared with a baseline.\n"
    headline = board.metric(board.headline)
    lines = [*_by_place(board, headline), _scale(board, headline), "", *_by_metric(board)]
    return "\n".join(lines).rstrip() + "\n"


def _by_place(board: Board, metric: BoardMetric) -> list[str]:
    """A row a method and stage, a column a place."""
    tracks = {
        track: list(rows.values())
        for track, rows in progress.tracks(progress.compared(board)).items()
        if next(iter(rows.values())).kind == "method"
    }
    places = sorted({track.tier for track in tracks}, key=board.display.at_order)
    found: dict[tuple[str, str], dict[str, BoardRow]] = {}
    for track, rows in tracks.items():
        for row in rows:
            found.setdefault((_stage(board, row), row.label), {})[track.tier] = row
    heads = [f"{metric.name} {formats.MINUS} {board.base}", *map(board.at, places)]
    cells = [
        [
            markdown(f"{label}, {stage}" if stage else label),
            *(_apart(rows.get(place), metric) for place in places),
        ]
        for (stage, label), rows in sorted(found.items(), key=lambda item: (item[0][0] != "", item[0]))
    ]
    return escaped_table([markdown(head) for head in heads], cells)


def _scale(board: Board, metric: BoardMetric) -> str:
    """A sentence with the baseline's own value and the references' differences."""
    rows = [
        row
        for row in progress.compared(board).references()
        if row.key != board.baseline and row.cells[metric.name].difference.value is not None
    ]
    assert board.baseline is not None
    own = board.row(*board.baseline).cells[metric.name].estimate
    value = f"{formats.number(own.value, metric.digits)} {metric.unit}".strip()
    told = [f"{markdown(_named(board, row))} {_apart(row, metric)}" for row in rows]
    return f"{markdown(f'{board.base} has {value}')}." + (
        f" On the same scale: {'; '.join(told)}." if told else ""
    )


def _by_metric(board: Board) -> list[str]:
    """A row a metric, a column a featured row."""
    rows = [board.row(*key) for key in featured(board) if key != board.baseline]
    metrics = [metric for family in board.families for metric in columns.main(board, family)]
    assert board.baseline is not None
    base = board.row(*board.baseline)
    heads = [f"difference to {board.base}", board.base, *(_named(board, row) for row in rows)]
    cells = [
        [
            markdown(f"{metric.name} {ARROWS[metric.direction]}".strip()),
            markdown(formats.number(base.cells[metric.name].estimate.value, metric.digits)),
            *(_apart(row, metric) for row in rows),
        ]
        for metric in metrics
    ]
    return escaped_table([markdown(head) for head in heads], cells)


def _apart(row: BoardRow | None, metric: BoardMetric) -> str:
    """A difference to the baseline, escaped; bold where it is clear of zero."""
    if row is None or row.cells[metric.name].difference.value is None:
        return formats.MISSING
    cell = row.cells[metric.name]
    value = markdown(formats.number(cell.difference.value, metric.digits, signed=True))
    around = markdown(formats.interval(cell.difference, metric.digits, signed=True))
    shown = f"**{value}**" if cell.verdict in ("better", "worse") else value
    return f"{shown} {around}".strip()


def _named(board: Board, row: BoardRow) -> str:
    """A method with its place, a reference with its stage alone: it has no guarantee to speak of."""
    stage = _stage(board, row)
    return row.where if row.kind == "method" else f"{row.label}, {stage}" if stage else row.label


def _stage(board: Board, row: BoardRow) -> str:
    """The stage of progress that a row is at, in words; empty as it was released."""
    axis, value = board.display.progress, board.display.split(row.key.tier)[1]
    return "" if axis is None or value is None else axis.text(value)

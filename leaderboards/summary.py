"""A board in three small tables, for a README: methods by place, the best one by metric, what attackers got."""

from __future__ import annotations

from privtalk.leaderboards import formats
from privtalk.leaderboards.board import columns, progress
from privtalk.leaderboards.board.attacks import AttackSummary
from privtalk.leaderboards.board.model import Board, BoardMetric, BoardRow
from privtalk.leaderboards.escaping import markdown
from privtalk.leaderboards.markdown import escaped_table
from privtalk.leaderboards.sections.attacks.attack_board import SEEN, AttackBoard, title_of
from privtalk.leaderboards.sections.attacks.summary import SummaryLine, summary_lines
from privtalk.leaderboards.sections.samples.nearby import featured

ARROWS = {"higher": "↑", "lower": "↓", "reference": ""}


def summary(board: Board) -> str:
    """Differences to the baseline as Markdown, with 95 % intervals; bold where they are clear of zero.

    First the headline of every method at each place, as released and at its furthest stage, then the leading metrics
    of every family for the baseline, the best method and the references (`featured`), then the strongest attack of
    each kind at each place, bold where it is above chance after Holm's correction.
    """
    if board.headline is None or board.baseline is None:
        return f"{markdown(board.suite)}, {markdown(board.preset)}: no row was compared with a baseline.\n"
    headline, base = board.metric(board.headline), board.row(*board.baseline)
    lines = [*_by_place(board, headline), _scale(board, base, headline), ""]
    lines += [*_by_metric(board, base), *_by_attack(board)]
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
            found.setdefault((progress.stage(row, board.display), row.label), {})[track.tier] = row
    heads = [f"{metric.name} {formats.MINUS} {board.base}", *map(board.at, places)]
    cells = [
        [
            markdown(f"{label}, {stage}" if stage else label),
            *(_apart(rows.get(place), metric) for place in places),
        ]
        for (stage, label), rows in sorted(found.items(), key=lambda item: (item[0][0] != "", item[0]))
    ]
    return escaped_table([markdown(head) for head in heads], cells)


def _scale(board: Board, base: BoardRow, metric: BoardMetric) -> str:
    """A sentence with the baseline's own value and the references' differences."""
    rows = [
        row
        for row in progress.compared(board).references()
        if row.key != base.key and row.cells[metric.name].difference.value is not None
    ]
    own = base.cells[metric.name].estimate
    value = f"{formats.number(own.value, metric.digits)} {metric.unit}".strip()
    told = [f"{markdown(_named(board, row))} {_apart(row, metric)}" for row in rows]
    return f"{markdown(f'{board.base} has {value}')}." + (
        f" On the same scale: {'; '.join(told)}." if told else ""
    )


def _by_metric(board: Board, base: BoardRow) -> list[str]:
    """A row a metric, a column a featured row."""
    rows = [board.row(*key) for key in featured(board) if key != base.key]
    metrics = [metric for family in board.families for metric in columns.main(board, family)]
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


def _by_attack(board: Board) -> list[str]:
    """A row a family and view, a column a place; private steps do not move a place."""
    cells: dict[tuple[str, str], dict[str, str]] = {}
    for line in summary_lines(AttackBoard(board)):
        if line.row is None or line.result is None or line.row.kind != "method":
            continue
        place = board.display.split(line.row.key.tier)[0]
        title = title_of(line.group.family, [line.group.view])
        asked = f"{title}, from {SEEN.get(line.group.view, line.group.view)}"
        cells.setdefault((line.group.family, asked), {})[place] = _got(line, line.row, line.result)
    if not cells:
        return []
    places = sorted({place for row in cells.values() for place in row}, key=board.display.at_order)
    rows = [
        [markdown(asked), *(found.get(p, formats.MISSING) for p in places)]
        for (_, asked), found in cells.items()
    ]
    return escaped_table(
        [markdown(head) for head in ("strongest attack", *(board.at(p) for p in places))], rows
    )


def _got(line: SummaryLine, row: BoardRow, result: AttackSummary) -> str:
    """The strongest attack's figure, escaped, with what it is, on which method, and what it finds when planted."""
    head = result.headline
    digits = 2 if head.bounded else 1
    value = markdown(formats.number(head.estimate.value, digits, signed=not head.bounded))
    around = markdown(formats.interval(head.estimate, digits, signed=not head.bounded))
    planted = None if result.strength is None else result.strength.estimate.value
    told = f"{head.label} by {line.attack} on {row.label}"
    told += "" if planted is None else f"; planted {formats.number(planted, digits)}"
    return f"{f'**{value}**' if line.leaks else value} {around} {markdown(told)}"


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
    stage = progress.stage(row, board.display)
    return row.where if row.kind == "method" else f"{row.label}, {stage}" if stage else row.label

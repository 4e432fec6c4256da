"""A board as Markdown: the overview, the findings and the notes, for a page of documentation or a job's summary."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from privtalk.leaderboards import formats
from privtalk.leaderboards.board import columns
from privtalk.leaderboards.board.model import Board, Metric, Row
from privtalk.leaderboards.escaping import markdown
from privtalk.leaderboards.sections.catalogue import findings
from privtalk.leaderboards.sections.utility.tables import column_name, notes


def to_markdown(board: Board, *, whole: bool = False) -> str:
    """The overview of a board, its findings and notes; where the `whole` is asked for also each family of metrics."""
    lines = [f"### {markdown(board.suite)}, {markdown(board.preset)}", ""]
    lines += _utility(board, columns.overview(board), compared=True)
    for family in columns.families(board) if whole else ():
        lines += [f"#### {markdown(family.title)}", ""]
        lines += _utility(board, family.measured, compared=False)
    for finding in findings(board):
        lines += [f"**{markdown(finding.question)}**", ""]
        for told in finding.answers:
            lines.append(f"- {f'{markdown(told.tier)}: ' if told.tier else ''}{markdown(told.text)}")
        lines.append("")
    lines += [f"- {markdown(note)}" for note in notes(board)]
    return "\n".join(lines).rstrip() + "\n"


def markdown_table(heads: Sequence[str], rows: Sequence[Sequence[str]], right: int = 0) -> list[str]:
    """Lines of a table and an empty one; the columns from `right` on are flush right, none where it is 0.

    >>> markdown_table(["row", "dB"], [["a|b", "1"]], right=1)
    ['| row | dB |', '|---|---:|', '| a\\\\|b | 1 |', '']
    """
    rule = [":" if right and index >= right else "" for index in range(len(heads))]
    lines = [_line(heads), f"|{'|'.join(f'---{colon}' for colon in rule)}|"]
    return [*lines, *map(_line, rows), ""]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(map(markdown, cells))} |"


def _utility(board: Board, metrics: Sequence[Metric], *, compared: bool) -> list[str]:
    """Rows and metrics; with place and difference in the headline where they are `compared`."""
    headline = board.metric(board.headline) if compared and board.headline and board.baseline else None
    heads = ["row", board.display.at_heading]
    if headline is not None:
        heads += ["#", f"{headline.name} {formats.MINUS} {board.base}"]
    heads += [" ".join(column_name(metric).split()) for metric in metrics]
    rows = [list(_cells(row, headline, metrics)) for row in board.rows]
    rows += [[f"{row.label}*", row.at, *[formats.MISSING] * (len(heads) - 2)] for row in board.absent]
    return markdown_table(heads, rows, right=2)


def _cells(row: Row, headline: Metric | None, metrics: Sequence[Metric]) -> Iterator[str]:
    yield row.label + ("*" if row.incomplete else "!" if row.flags else "")
    yield row.placed
    if headline is not None:
        cell = row.cells[headline.name]
        yield formats.rank(cell.rank)
        apart = cell.difference
        yield "" if apart.value is None else formats.with_interval(apart, headline.digits, signed=True)
    for metric in metrics:
        estimate = row.cells[metric.name].estimate
        width = formats.plus_minus(estimate, metric.digits)
        yield f"{formats.number(estimate.value, metric.digits)} {width}".strip()

"""A board as Markdown: the overview, the findings and the notes, for a page of documentation or a job's summary."""

from __future__ import annotations

from collections.abc import Sequence

from privtalk.leaderboards.board import columns, progress
from privtalk.leaderboards.board.model import Board
from privtalk.leaderboards.escaping import markdown
from privtalk.leaderboards.sections.catalogue import findings, sections_of
from privtalk.leaderboards.sections.utility import tables
from privtalk.leaderboards.terminal import Column


def to_markdown(board: Board, *, whole: bool = False) -> str:
    """The overview of a board, its findings and notes; where the `whole` is asked for also each family of metrics."""
    lines = [f"### {markdown(board.suite)}, {markdown(board.preset)}", ""]
    lines += _table(tables.overview_columns(progress.ends(board)))
    for family in columns.families(board) if whole else ():
        lines += [
            f"#### {markdown(family.title)}",
            "",
            *_table(tables.metric_columns(board, family.measured)),
        ]
    sections = sections_of(board)
    lines += [line for section in sections for line in section.markdown()]
    for finding in findings(board, sections):
        lines += [f"**{markdown(finding.question)}**", ""]
        for told in finding.answers:
            lines.append(f"- {f'{markdown(told.tier)}: ' if told.tier else ''}{markdown(told.text)}")
        lines.append("")
    lines += [f"- {markdown(note)}" for note in tables.notes(board if whole else progress.ends(board))]
    return "\n".join(lines).rstrip() + "\n"


def markdown_table(heads: Sequence[str], rows: Sequence[Sequence[str]], right: int = 0) -> list[str]:
    """Lines of a table and an empty one; the columns from `right` on are flush right, none where it is 0.

    >>> markdown_table(["row", "dB"], [["a|b", "1"]], right=1)
    ['| row | dB |', '|---|---:|', '| a\\\\|b | 1 |', '']
    """
    return escaped_table(list(map(markdown, heads)), [list(map(markdown, row)) for row in rows], right)


def escaped_table(heads: Sequence[str], rows: Sequence[Sequence[str]], right: int = 0) -> list[str]:
    """`markdown_table` of cells that are Markdown already."""
    rule = [":" if right and index >= right else "" for index in range(len(heads))]
    lines = [_line(heads), f"|{'|'.join(f'---{colon}' for colon in rule)}|"]
    return [*lines, *map(_line, rows), ""]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _table(shown: Sequence[Column]) -> list[str]:
    """The terminal's columns, their titles on one line."""
    heads = [" ".join(column.title.split()) for column in shown]
    cells = ([cell.plain for cell in column.cells] for column in shown)
    return markdown_table(heads, list(zip(*cells, strict=True)), right=2)

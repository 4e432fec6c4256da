"""Tables for the terminal: columns of text, in as many tables as the width needs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

CONTINUED = " (continued)"


class Column(NamedTuple):
    """A column with its cells; the title may have several lines."""

    title: str
    cells: list[Text]
    right: bool = True

    @property
    def width(self) -> int:
        return max(*map(len, self.title.split("\n")), *(len(cell) for cell in self.cells))

    @property
    def least(self) -> int:
        """The longest word."""
        return max(len(word) for cell in (self.title, *map(str, self.cells)) for word in cell.split() or [""])


def split(
    title: str,
    leading: Sequence[Column],
    names: Sequence[Column],
    columns: Sequence[Column],
    groups: Sequence[object],
    width: int,
) -> Iterator[Table]:
    """Columns in as many tables as the width needs: the first starts with `leading`, the others with `names`.

    Where not even one column fits beside the names, these are broken into lines: a figure is never cut.
    """
    standing = start = list(leading)
    for column in columns:
        if len(standing) > len(start) and _width([*standing, column]) > width:
            yield assembled(title, standing, groups)
            standing = start = list(names)
            title = title if title.endswith(CONTINUED) else title + CONTINUED
        standing = [*standing, column]
    yield assembled(title, standing, groups)


def assembled(title: str, standing: Sequence[Column], groups: Sequence[object]) -> Table:
    """A table with a rule wherever a line's group differs from the last one's."""
    table = plain(title)
    height = max(column.title.count("\n") for column in standing)
    for column in standing:
        raised = "\n" * (height - column.title.count("\n")) + column.title
        if column.right:
            add_figures(table, Text(raised), column.width)
        else:
            add_names(table, Text(raised), column.least)
    for index, cells in enumerate(zip(*(column.cells for column in standing), strict=True)):
        if index and groups[index] != groups[index - 1]:
            table.add_section()
        table.add_row(*cells)
    return table


def plain(title: str | None) -> Table:
    """An empty table; nothing in a title is read as markup."""
    return Table(
        title=None if title is None else Text(title),
        title_justify="left",
        title_style="bold",
        box=SIMPLE_HEAD,
        pad_edge=False,
    )


def add_names(table: Table, title: str | Text, least: int) -> None:
    """A column of words, which is broken into lines of at least so many characters where the terminal is narrow."""
    table.add_column(title, overflow="fold", min_width=least)


def add_figures(table: Table, title: str | Text, width: int | None = None) -> None:
    """A column of figures, which are shown whole whatever the width."""
    table.add_column(title, justify="right", no_wrap=True, min_width=width, overflow="fold")


def add_row(table: Table, *cells: str | Text) -> None:
    """A row of which nothing is read as markup."""
    table.add_row(*(cell if isinstance(cell, Text) else Text(cell) for cell in cells))


def _width(columns: Sequence[Column]) -> int:
    """Width of a table: three characters part two columns, and one stands at either end."""
    return sum(column.width + 3 for column in columns)

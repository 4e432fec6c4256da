"""Tables and lists that data sets keep beside their films."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path

from privtalk.core.errors import UserError

LARGEST = 2**26
"""Bytes of a table that is read: a million rows have less."""


def read_rows(path: Path) -> Iterator[Mapping[str, str]]:
    """Yields the rows of a CSV by the names in its head, blanks around cells taken off; a `UserError` if it is none."""
    lines = read_lines(path)
    rows = csv.reader(lines)
    head = [cell.strip() for cell in next(rows, [])]
    if len(head) < 2 or len(set(head)) < len(head):
        raise UserError(f"{path}: not a table: its first line must name two columns or more, each once")
    for number, row in enumerate(rows, 2):
        if len(row) != len(head):
            raise UserError(f"{path}: row {number} has {len(row)} cells, the head {len(head)}; mend it")
        yield dict(zip(head, (cell.strip() for cell in row), strict=True))


def read_lines(path: Path) -> list[str]:
    """Returns the lines of a text that are not empty; a `UserError` where it cannot be read."""
    try:
        if path.stat().st_size > LARGEST:
            raise UserError(
                f"{path}: larger than {LARGEST >> 20} MiB, which no table of people is; take it out"
            )
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read as text ({error}); mend it, or take it out") from error
    return [line for line in text.splitlines() if line.strip()]

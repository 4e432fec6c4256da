"""`bench show`, `bench publish`, `bench compare`: what is made of records."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from privtalk.bench.errors import UserError
from privtalk.leaderboards import board, loading, regression, tables


def show(folders: Sequence[Path], console: Console | None = None) -> None:
    """The tables of all records in run folders."""
    console = console or Console()
    runs = loading.load(_existing(folders))
    boards = board.group(runs.records).values()
    for records in boards:
        tables.show(board.build(records, runs.samples, problems=runs.problems), console)
    for problem in () if boards else runs.problems:
        console.print(f"[yellow]{escape(problem)}[/]", soft_wrap=True)


def publish(folders: Sequence[Path], out: Path) -> None:
    """The static site."""
    from privtalk.leaderboards import site

    console = Console()
    page = site.publish(_existing(folders), out)
    console.print(f"wrote {page}; open it in a browser", soft_wrap=True, highlight=False)


def compare(base: Path, new: Path) -> int:
    """Exit code of the comparison, its table printed."""
    old, fresh = (loading.load(_existing([folder])) for folder in (base, new))
    found = regression.compare(
        old.records, old.samples, fresh.records, fresh.samples, failures=fresh.problems
    )
    tables.show_comparison(found, Console())
    return found.exit_code


def _existing(folders: Sequence[Path]) -> Sequence[Path]:
    for folder in folders:
        if not folder.is_dir():
            raise UserError(f"{folder}: no such folder; name one that `bench run` wrote")
    return folders

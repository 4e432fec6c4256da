"""`bench show`, `bench publish`, `bench compare`: what is made of records."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.text import Text

from privtalk.core.errors import UserError
from privtalk.core.files import write_atomic
from privtalk.leaderboards import show as terminal
from privtalk.leaderboards.board import build as board
from privtalk.leaderboards.board import loading
from privtalk.leaderboards.escaping import visible
from privtalk.leaderboards.markdown import to_markdown
from privtalk.leaderboards.regression import regression, reports, table
from privtalk.leaderboards.regression.comparison import Comparison
from privtalk.leaderboards.regression.tolerances import read_tolerances
from privtalk.leaderboards.summary import summary as summarised

STDOUT = Path("-")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outputs:
    """Files that a comparison goes to beside the terminal; `-` is the standard output, and the table then goes to the
    standard error.
    """

    markdown: Path | None = None
    junit: Path | None = None
    json: Path | None = None


def show(
    folders: Sequence[Path],
    console: Console | None = None,
    *,
    whole: bool = False,
    markdown: Path | None = None,
    summary: Path | None = None,
) -> None:
    """The overview and the findings of all records in run folders; `whole`: every table."""
    console = console or Console()
    runs = loading.load(_existing(folders))
    boards = board.build_all(runs)
    if boards and (markdown is not None or summary is not None):
        if markdown is not None:
            write_report(markdown, "\n".join(to_markdown(made, whole=whole) for made in boards.values()))
        if summary is not None:
            write_report(summary, "\n".join(summarised(made) for made in boards.values()))
        return
    for made in boards.values():
        terminal.show(made, console, whole=whole)
    if boards and not whole:
        line = f"all families of metrics and all attacks: bench show --all {' '.join(map(str, folders))}"
        console.print(Text(visible(line), style="dim"), soft_wrap=True)
    for problem in () if boards else runs.problems:
        console.print(Text(problem, style="yellow"), soft_wrap=True)


def publish(folders: Sequence[Path], out: Path) -> None:
    """The static site."""
    from privtalk.leaderboards.site import publish as site

    page = site.publish(_existing(folders), out)
    Console().print(Text(visible(f"wrote {page}; open it in a browser")), soft_wrap=True)


def compare(base: Path, new: Path, tolerances: Path | None = None, outputs: Outputs | None = None) -> int:
    """Exit code of the comparison, its table printed and its reports written."""
    wanted = _wanted(outputs or Outputs())
    old, fresh = (loading.load(_existing([folder])) for folder in (base, new))
    metrics = {name for runs in (old, fresh) for record in runs.records for name in record.metrics}
    allowed = None if tolerances is None else read_tolerances(tolerances, metrics)
    found = regression.compare_runs(old, fresh, allowed)
    table.show_comparison(found, Console(stderr=any(path == STDOUT for path, _ in wanted)))
    for path, report in wanted:
        write_report(path, report(found))
    return found.exit_code


def _wanted(outputs: Outputs) -> Sequence[tuple[Path, Callable[[Comparison], str]]]:
    """(where, report), checked before anything is read."""
    asked = (
        (outputs.markdown, reports.to_markdown),
        (outputs.junit, reports.to_junit),
        (outputs.json, reports.to_json),
    )
    wanted = [(path, report) for path, report in asked if path is not None]
    for path, _ in wanted:
        if path.is_dir():
            raise UserError(f"{path}: is a folder; name a file, or - for the standard output")
        if [other for other, _ in wanted].count(path) > 1:
            raise UserError(f"{path}: two reports cannot go to the same place; name another file")
    return wanted


def write_report(path: Path, text: str) -> None:
    """Writes a file whole, or to the standard output where the path is `-`."""
    if path == STDOUT:
        sys.stdout.write(text)
    elif path.exists() and not path.is_file():  # a device or a pipe, which nothing can take the place of
        path.write_text(text, encoding="utf-8")
    else:
        write_atomic(path, text)


def _existing(folders: Sequence[Path]) -> Sequence[Path]:
    for folder in folders:
        if not folder.is_dir():
            raise UserError(f"{folder}: no such folder; name one that `bench run` wrote")
    return folders

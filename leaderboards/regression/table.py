"""A comparison in the terminal."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from privtalk.leaderboards import formats
from privtalk.leaderboards.regression.comparison import Change, Comparison, Status
from privtalk.leaderboards.regression.reports import change_digits
from privtalk.leaderboards.terminal import add_figures, add_names, add_row, plain

NARROW = 100
"""Characters of a terminal below which names share a column, and what `--markdown` has besides is left out."""
LEAST = 12
"""Characters of its names, at least."""
STATUS_STYLES: dict[Status, str] = {
    "regression": "bold red",
    "improvement": "green",
    "ok": "",
    "failure": "bold yellow",
}


def show_comparison(comparison: Comparison, console: Console) -> None:
    """The paired regression table: what got worse or better, then a verdict."""
    table = plain("Comparison: new minus base, paired by seed, client and clip")
    narrow = console.width < NARROW
    table.add_column("verdict", no_wrap=True)
    for column in ("row",) if narrow else ("row", "tier", "metric"):
        add_names(table, column, LEAST)
    for column in ("new", "difference") if narrow else ("base", "new", "difference", "tolerance"):
        add_figures(table, column)
    for change in comparison.noteworthy:
        verdict = Text(change.status, style=STATUS_STYLES[change.status])
        names, (base, new, difference, allowed) = (change.label, change.at, change.metric), _figures(change)
        if narrow:
            add_row(table, verdict, " ".join(name for name in names if name), new, difference)
        else:
            add_row(table, verdict, *names, base, new, difference, allowed)
    if comparison.noteworthy:
        console.print(table)
    for check in comparison.checks:
        console.print(Text(f"{check.status}: {check.text}", style=STATUS_STYLES[check.status]))
    for warning in comparison.warnings:
        console.print(Text(f"warning: {warning}", style="yellow"))
    console.print(Text(comparison.summary, style="bold"))


def _figures(change: Change) -> tuple[str, str, str, str]:
    """Base, new, difference and tolerance as they are written."""
    digits = change_digits(change)
    return (
        formats.number(change.base, digits),
        formats.number(change.new, digits),
        change.difference.missing or formats.with_interval(change.difference, digits, signed=True),
        formats.number(change.tolerance, max(digits, 4)),
    )

"""A comparison in the terminal."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from privtalk.leaderboards import formats
from privtalk.leaderboards.regression.comparison import Comparison, Status
from privtalk.leaderboards.regression.reports import change_digits
from privtalk.leaderboards.terminal import add_row, plain

STATUS_STYLES: dict[Status, str] = {
    "regression": "bold red",
    "improvement": "green",
    "ok": "",
    "failure": "bold yellow",
}


def show_comparison(comparison: Comparison, console: Console) -> None:
    """The paired regression table: what got worse or better, then a verdict."""
    table = plain("Comparison: new minus base, paired by seed, client and clip")
    for column in ("row", "tier", "metric"):
        table.add_column(column, no_wrap=True)
    for column in ("base", "new", "difference", "tolerance"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for change in comparison.noteworthy:
        digits = change_digits(change)
        difference = formats.with_interval(change.difference, digits, signed=True)
        add_row(
            table,
            change.label,
            change.at,
            change.metric,
            formats.number(change.base, digits),
            formats.number(change.new, digits),
            change.difference.missing or difference,
            formats.number(change.tolerance, max(digits, 4)),
            Text(change.status, style=STATUS_STYLES[change.status]),
        )
    if comparison.noteworthy:
        console.print(table)
    for check in comparison.checks:
        console.print(Text(f"{check.status}: {check.text}", style=STATUS_STYLES[check.status]))
    for warning in comparison.warnings:
        console.print(Text(f"warning: {warning}", style="yellow"))
    console.print(Text(comparison.summary, style="bold"))

"""Progress: rows along an axis of steps, beside a reference that takes as many."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.table import Table

from privtalk.leaderboards import formats
from privtalk.leaderboards.board.model import Board, BoardMetric, BoardRow
from privtalk.leaderboards.board.views import View
from privtalk.leaderboards.charts.files import Figure, written
from privtalk.leaderboards.escaping import metric_file
from privtalk.leaderboards.sections.answers import Finding
from privtalk.leaderboards.sections.progress.chart import chart_rows, progress_chart
from privtalk.leaderboards.sections.progress.curves import Curve, counts, curves, drawn, speaking
from privtalk.leaderboards.sections.progress.findings import at_equal_progress, with_less
from privtalk.leaderboards.sections.section import Figures, PagePlace, Section, TerminalBlock
from privtalk.leaderboards.terminal import add_row, plain


class Progress(Section):
    """How rows do along their axis of progress."""

    name, template = "progress", "progress/section.html.j2"

    def __init__(self, board: Board) -> None:
        super().__init__(board)
        axis = board.display.progress
        self.title = axis.heading.capitalize() if axis else "Progress"

    @classmethod
    def present(cls, board: Board) -> bool:
        """Whether any method's row progresses, and is compared with a baseline."""
        return bool(speaking(board)) and any(curve.kind == "method" for curve in curves(board))

    def findings(self) -> Sequence[Finding]:
        """Returns who is better than the reference at equal progress, and who comes as far with less."""
        return [found for make in (at_equal_progress, with_less) if (found := make(self.board)) is not None]

    def terminal(self, width: int, *, whole: bool) -> TerminalBlock:
        """Returns a table a metric, a line a curve; and what is guaranteed to whom."""
        if not whole:
            return TerminalBlock()
        return TerminalBlock(
            [_table(self.board, metric) for metric in speaking(self.board)], abouts(self.board)
        )

    def figures(self, place: PagePlace) -> Figures:
        """Draws the curves of the metrics that speak, and one of each family."""
        found = [_figure(self.board, metric, place) for metric in drawn(self.board)]
        lead = len(speaking(self.board))
        return {"main": found[:lead], "more": found[lead:]}

    def page(self, place: PagePlace) -> Mapping[str, Any]:
        """Returns the curves as tables, and the variants' own words."""
        return {
            "metrics": speaking(self.board),
            "counts": counts(self.board),
            "curves": curves(self.board),
            "abouts": abouts(self.board),
            "axis": self.board.display.progress,
        }


def abouts(board: Board) -> list[str]:
    """The variants' own words, of each curve's last point, once each."""
    last = [curve.rows[curve.last] for curve in curves(board)]
    said = (record.about for row in last for record in row.records if isinstance(record, View))
    return list(dict.fromkeys(text for text in said if text))


def _table(board: Board, metric: BoardMetric) -> Table:
    """Differences to the baseline, a column a value of progress."""
    axis = board.display.progress
    table = plain(f"{metric.name} {formats.MINUS} {board.base} by {axis.heading if axis else 'progress'}")
    table.add_column("row", no_wrap=True)
    table.add_column(board.display.at_heading, no_wrap=True)
    for steps in counts(board):
        table.add_column(f"{steps:g}", justify="right", no_wrap=True)
    for curve in curves(board):
        add_row(table, curve.label, *_line(board, curve, metric))
    return table


def _line(board: Board, curve: Curve, metric: BoardMetric) -> Iterator[str]:
    yield board.at(curve.place) if curve.kind == "method" else curve.kind
    for steps in counts(board):
        yield _text(curve.rows.get(steps), metric)


def _text(row: BoardRow | None, metric: BoardMetric) -> str:
    if row is None or row.cells[metric.name].difference.value is None:
        return formats.MISSING
    return formats.with_interval(row.cells[metric.name].difference, metric.digits, signed=True)


def _figure(board: Board, metric: BoardMetric, place: PagePlace) -> Figure:
    axis = board.display.progress
    heading = axis.heading if axis else "progress"
    told = [
        f"{curve.label}{f' at {at}' if (at := board.at(curve.place)) and curve.kind == 'method' else ''} "
        f"{_text(curve.rows[curve.last], metric)} after {curve.last:g}"
        for curve in curves(board)
    ]
    way = {1: "Up is better.", -1: "Down is better.", 0: ""}[metric.sign]
    return written(
        lambda theme, layout: progress_chart(board, metric, theme, layout),
        chart_rows(board, metric),
        place.site / "charts" / place.slug / f"progress-{metric_file(metric.name)}",
        title=f"{metric.name} by {heading}",
        alt=f"Difference in {metric.name} to {board.base} by {heading}: {'; '.join(told)}.",
        caption=f"Paired differences to {board.base} with 95 % intervals, clustered by client; grey, dashed: a "
        f"reference that starts from nothing shared. {way}".strip(),
    )

"""Utility in the terminal, in tables that fit its width."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.table import Table
from rich.text import Text

from privtalk.core.records import Estimate
from privtalk.leaderboards import formats
from privtalk.leaderboards.board import columns
from privtalk.leaderboards.board.floors import flagged
from privtalk.leaderboards.board.model import Board, BoardMetric, BoardRow
from privtalk.leaderboards.terminal import Column, split

STYLES = {"better": "green", "worse": "red", "level": "", None: ""}


def overview_tables(board: Board, width: int) -> Iterator[Table]:
    """A column or two of every family."""
    shown = columns.overview(board)
    yield from _split(board, f"{board.suite}, {board.preset}", _leading(board), shown, width)


def utility_tables(board: Board, width: int) -> Iterator[Table]:
    """The overview, then each family that has more than the overview shows."""
    shown = columns.overview(board)
    yield from overview_tables(board, width)
    for family in columns.families(board):
        if set(family.measured) - set(shown):
            title = f"{family.title}: {family.about}" if family.about else family.title
            yield from _split(board, title, _names(board), family.measured, width)


def overview_columns(board: Board) -> list[Column]:
    """Rows, place and difference in the headline, and the metrics of the overview."""
    return [*_leading(board), *(_metric_column(board, m) for m in columns.overview(board))]


def metric_columns(board: Board, metrics: Sequence[BoardMetric]) -> list[Column]:
    """Rows and some metrics."""
    return [*_names(board), *(_metric_column(board, m) for m in metrics)]


def _split(
    board: Board, title: str, leading: Sequence[Column], metrics: Sequence[BoardMetric], width: int
) -> Iterator[Table]:
    """Columns in as many tables as the width needs; each repeats the rows' names."""
    groups: list[object] = [(row.kind == "method", row.key.tier) for row in board.rows]
    groups += ["absent"] * len(board.absent)
    return split(title, leading, _names(board), [_metric_column(board, m) for m in metrics], groups, width)


def not_measured(board: Board) -> list[str]:
    """Metrics without a value in any row, a line a reason."""
    return [
        f"Not measured here: {', '.join(gone.metrics)} {formats.MISSING} {gone.reason}"
        for gone in columns.absent(board, board.metrics)
    ]


def notes(board: Board) -> list[str]:
    """The meaning of the marks, the reasons behind dashes, and the problems."""
    lines = [
        f"Mean over clients ± half of the 95 % interval, clustered by client; {_seeds(board)}. Green / red: "
        "clear of the baseline. #: place within its tier, shared (=) where methods cannot be told apart."
    ]
    lines += [f"* {row.where}: {'; '.join(row.incomplete)}; not ranked" for row in _incomplete(board)]
    lines += [f"* {row.where}: planned, and nothing is recorded: {row.text}" for row in board.absent]
    lines += [f"! {who}: {flag}" for who, flag in flagged(board.rows)]
    lines += [f"{formats.MISSING} {reason}" for reason in reasons(board)]
    return lines + [f"! {problem}" for problem in board.problems]


def reasons(board: Board) -> list[str]:
    """Why single values of a measured column are missing: `metrics: reason (rows)`."""
    metrics: dict[str, list[str]] = {}
    rows: dict[str, list[str]] = {}
    for metric in board.metrics:
        for row in board.rows if columns.measured(board, metric) else ():
            if row.cells[metric.name].estimate.value is None:
                reason = row.cells[metric.name].estimate.missing or "no reason recorded"
                metrics.setdefault(reason, []).append(metric.name)
                rows.setdefault(reason, []).append(row.label)
    return [
        f"{formats.first_of(_once(names))}: {reason} ({formats.listing(_once(rows[reason]))})"
        for reason, names in metrics.items()
    ]


def _names(board: Board) -> list[Column]:
    """Every row, those of which nothing was recorded last."""
    marks = ["*" if row.incomplete else "!" if row.flags else "" for row in board.rows]
    names = [
        Text(row.label + mark, style="" if row.kind == "method" else "dim")
        for row, mark in zip(board.rows, marks, strict=True)
    ]
    tiers = [Text(row.placed) for row in board.rows]
    names += [Text(f"{row.label}*", style="yellow") for row in board.absent]
    tiers += [Text(row.at) for row in board.absent]
    return [Column("row", names, right=False), Column(board.display.at_heading, tiers, right=False)]


def _leading(board: Board) -> list[Column]:
    """Names, then place and difference in the headline metric."""
    if board.headline is None or board.baseline is None:
        return _names(board)
    digits = board.metric(board.headline).digits
    cells = [row.cells[board.headline] for row in board.rows]
    apart = [
        "" if c.difference.value is None else formats.with_interval(c.difference, digits, signed=True)
        for c in cells
    ]
    title = f"{board.headline}\n{formats.MINUS} {board.base}"
    return [
        *_names(board),
        Column("#", _padded(board, [Text(formats.rank(cell.rank)) for cell in cells])),
        Column(
            title, _padded(board, [Text(t, STYLES[c.verdict]) for t, c in zip(apart, cells, strict=True)])
        ),
    ]


def _padded(board: Board, cells: list[Text]) -> list[Text]:
    """Cells with a dash for each row of which nothing was recorded."""
    return [*cells, *(Text(formats.MISSING) for _ in board.absent)]


def _metric_column(board: Board, metric: BoardMetric) -> Column:
    cells = [row.cells[metric.name] for row in board.rows]
    texts = [Text(_value(cell.estimate, metric.digits), style=STYLES[cell.verdict]) for cell in cells]
    return Column(column_name(metric), _padded(board, texts))


def _value(estimate: Estimate, digits: int) -> str:
    return f"{formats.number(estimate.value, digits)} {formats.plus_minus(estimate, digits)}".strip()


def column_name(metric: BoardMetric) -> str:
    """Metric, then its evaluator, unit and direction, on two lines, or on three where they are many.

    >>> column_name(BoardMetric(name="sharp", unit="dB", direction="higher", ground_truth=None, digits=2))
    'sharp\\ndB ↑'
    >>> column_name(BoardMetric(name="near[net]", unit="", direction="lower", ground_truth=None, digits=2))
    'near\\n[net] ↓'
    """
    truth = "" if metric.ground_truth is None else f"→ {formats.number(metric.ground_truth, metric.digits)}"
    aim = {"higher": "↑", "lower": "↓", "reference": truth}[metric.direction]
    evaluator = f"[{metric.evaluator}]" if metric.evaluator else ""
    below = f"{metric.unit} {aim}".strip()
    break_ = "\n" if metric.evaluator and metric.unit else " "
    return f"{metric.base}\n{f'{evaluator}{break_}{below}'.strip()}"


def _incomplete(board: Board) -> list[BoardRow]:
    return [row for row in board.rows if row.incomplete]


def _seeds(board: Board) -> str:
    return f"seeds {formats.listing([str(seed) for seed in board.seeds])}"


def _once(items: Sequence[str]) -> list[str]:
    """Each item once, in the order in which they appear."""
    return list(dict.fromkeys(items))

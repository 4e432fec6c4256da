"""Boards and comparisons in the terminal, in tables that fit its width."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from privtalk.core.records import Estimate
from privtalk.leaderboards import formats
from privtalk.leaderboards.board import columns
from privtalk.leaderboards.board.floors import flagged
from privtalk.leaderboards.board.model import Board, Metric, Row
from privtalk.leaderboards.regression.comparison import Comparison, Status
from privtalk.leaderboards.regression.reports import change_digits
from privtalk.leaderboards.sections.attacks.tables import attack_notes, attack_tables
from privtalk.leaderboards.sections.utility.findings import findings
from privtalk.leaderboards.terminal import Column, add_row, plain, split

WIDTH = 120
"""Widest table, in characters, on a terminal that is wider."""
STYLES = {"better": "green", "worse": "red", "level": "", None: ""}
TONES = {"plain": "bold", "warning": "yellow", "error": "bold red"}
STATUS_STYLES: dict[Status, str] = {
    "regression": "bold red",
    "improvement": "green",
    "ok": "",
    "failure": "bold yellow",
}


def show(board: Board, console: Console, *, whole: bool = True) -> None:
    """Utility in overview, then the findings; where the `whole` is asked for also each family, privacy and attacks.

    Works on partial runs: what is missing is named in either.
    """
    width = min(console.width, WIDTH)
    for table in utility_tables(board, width) if whole else overview_tables(board, width):
        console.print(table)
    for note in [*(not_measured(board) if whole else ()), *notes(board)]:
        console.print(Text(note, style="dim"))
    console.print()
    if whole:
        for table in attack_tables(board, width):
            console.print(table)
        for note in attack_notes(board):
            console.print(Text(note, style="dim"))
        console.print()
    for finding in findings(board):
        mark = TONES[finding.tone]
        console.print(Text(finding.question, style=mark))
        for answer in finding.answers:
            tier = f"{answer.tier}: " if answer.tier else ""
            console.print(Text(f"  {tier}{answer.text}"))


def overview_tables(board: Board, width: int = WIDTH) -> Iterator[Table]:
    """A column or two of every family."""
    shown = columns.overview(board)
    yield from _split(board, f"{board.suite}, {board.preset}", _leading(board), shown, width)


def utility_tables(board: Board, width: int = WIDTH) -> Iterator[Table]:
    """The overview, then each family that has more than the overview shows."""
    shown = columns.overview(board)
    yield from overview_tables(board, width)
    for family in columns.families(board):
        if set(family.measured) - set(shown):
            title = f"{family.title}: {family.about}" if family.about else family.title
            yield from _split(board, title, _names(board), family.measured, width)


def _split(
    board: Board, title: str, leading: Sequence[Column], metrics: Sequence[Metric], width: int
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
    """What the marks mean, the reasons behind dashes, and the problems."""
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


def _names(board: Board) -> list[Column]:
    """Every row, those of which nothing was recorded last."""
    marks = ["*" if row.incomplete else "!" if row.flags else "" for row in board.rows]
    names = [
        Text(row.label + mark, style="" if row.kind == "method" else "dim")
        for row, mark in zip(board.rows, marks, strict=True)
    ]
    tiers = [Text(_tier(row)) for row in board.rows]
    names += [Text(f"{row.label}*", style="yellow") for row in board.absent]
    tiers += [Text(row.at) for row in board.absent]
    return [Column("row", names, right=False), Column("tier", tiers, right=False)]


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


def _metric_column(board: Board, metric: Metric) -> Column:
    cells = [row.cells[metric.name] for row in board.rows]
    texts = [Text(_value(cell.estimate, metric.digits), style=STYLES[cell.verdict]) for cell in cells]
    return Column(column_name(metric), _padded(board, texts))


def _value(estimate: Estimate, digits: int) -> str:
    return f"{formats.number(estimate.value, digits)} {formats.plus_minus(estimate, digits)}".strip()


def _tier(row: Row) -> str:
    """Privacy tier of a method, kind of any other row."""
    return row.placed


def column_name(metric: Metric) -> str:
    """Metric, then its evaluator, unit and direction, on two lines, or on three where they are many.

    >>> column_name(Metric(name="sharp", unit="dB", direction="higher", ground_truth=None, digits=2))
    'sharp\\ndB ↑'
    >>> column_name(Metric(name="near[net]", unit="", direction="lower", ground_truth=None, digits=2))
    'near\\n[net] ↓'
    """
    truth = "" if metric.ground_truth is None else f"→ {formats.number(metric.ground_truth, metric.digits)}"
    aim = {"higher": "↑", "lower": "↓", "reference": truth}[metric.direction]
    evaluator = f"[{metric.evaluator}]" if metric.evaluator else ""
    below = f"{metric.unit} {aim}".strip()
    break_ = "\n" if metric.evaluator and metric.unit else " "
    return f"{metric.base}\n{f'{evaluator}{break_}{below}'.strip()}"


def _incomplete(board: Board) -> list[Row]:
    return [row for row in board.rows if row.incomplete]


def _seeds(board: Board) -> str:
    return f"seeds {formats.listing([str(seed) for seed in board.seeds])}"


def _once(items: Sequence[str]) -> list[str]:
    """Each item once, in the order in which they appear."""
    return list(dict.fromkeys(items))

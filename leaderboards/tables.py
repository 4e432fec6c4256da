"""Boards and comparisons in the terminal, in tables that fit its width."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from privtalk.bench.records import Estimate, Privacy
from privtalk.leaderboards import columns, formats
from privtalk.leaderboards.comparison import Change, Comparison, Status
from privtalk.leaderboards.findings import findings
from privtalk.leaderboards.floors import flagged
from privtalk.leaderboards.model import Board, Metric, Row
from privtalk.leaderboards.summaries import AttackSummary

WIDTH = 120
"""Widest table, in characters, on a terminal that is wider."""
CONTINUED = " (continued)"
STYLES = {"better": "green", "worse": "red", "level": "", None: ""}
STATUS_STYLES: dict[Status, str] = {
    "regression": "bold red",
    "improvement": "green",
    "ok": "",
    "failure": "bold yellow",
}


def show(board: Board, console: Console) -> None:
    """Utility in overview and by family, then privacy and attacks, then the findings; works on partial runs."""
    width = min(console.width, WIDTH)
    for table in utility_tables(board, width):
        console.print(table)
    for note in [*not_measured(board), *notes(board)]:
        console.print(Text(note, style="dim"))
    console.print()
    for table in privacy_tables(board):
        console.print(table)
    console.print()
    for finding in findings(board):
        mark = "yellow" if finding.tone == "warning" else "bold"
        console.print(Text(finding.question, style=mark))
        for answer in finding.answers:
            tier = f"{answer.tier}: " if answer.tier else ""
            console.print(Text(f"  {tier}{answer.text}"))


def utility_tables(board: Board, width: int = WIDTH) -> Iterator[Table]:
    """The overview, then each family that has more than the overview shows."""
    shown = columns.overview(board)
    yield from _split(board, f"{board.suite}, {board.preset}", _leading(board), shown, width)
    for family in columns.families(board):
        if set(family.measured) - set(shown):
            title = f"{family.title}: {family.about}" if family.about else family.title
            yield from _split(board, title, _names(board), family.measured, width)


def _split(
    board: Board, title: str, leading: Sequence[_Column], metrics: Sequence[Metric], width: int
) -> Iterator[Table]:
    """Columns in as many tables as the width needs; each repeats the rows' names."""
    standing = start = list(leading)
    for metric in metrics:
        column = _metric_column(board, metric)
        if len(standing) > len(start) and _width([*standing, column]) > width:
            yield _assembled(board, title, standing)
            standing = start = _names(board)
            title = title if title.endswith(CONTINUED) else title + CONTINUED
        standing = [*standing, column]
    yield _assembled(board, title, standing)


def not_measured(board: Board) -> list[str]:
    """Metrics without a value in any row, a line a reason."""
    return [
        f"Not measured here: {', '.join(gone.metrics)} {formats.MISSING} {gone.reason}"
        for gone in columns.absent(board, board.metrics)
    ]


def privacy_tables(board: Board) -> Iterator[Table]:
    """Guarantees and results of each attack; guarantees alone where nothing was attacked."""
    for name in board.attacks or ("",):
        table = _table(f"Guarantee, and attack {name!r}" if name else "Guarantee")
        for column in ("row", "tier"):
            table.add_column(column, no_wrap=True)
        for column in ("ε of outsider\n/ sums / server", "δ", "AUC"):
            table.add_column(column, justify="right", no_wrap=True)
        targets = fpr_targets(board, name)
        for target in targets:
            table.add_column(f"TPR at {target:.4g}\n(FPR)", justify="right")
        table.add_column("controls", no_wrap=True)
        for row in board.rows:
            if row.kind == "method" or name in row.attacks:
                table.add_row(*_privacy_line(row, name, targets))
        yield table


def fpr_targets(board: Board, attack: str) -> list[float]:
    """False-positive rates at which any row has a true-positive rate."""
    points = [p for row in board.rows if attack in row.attacks for p in row.attacks[attack].points]
    return sorted({p.fpr_target for p in points if p.tpr.value is not None}, reverse=True)


def notes(board: Board) -> list[str]:
    """What the marks mean, the reasons behind dashes, and the problems."""
    lines = [
        f"Mean over clients ± half of the 95 % interval, clustered by client; {_seeds(board)}. Green / red: "
        "clear of the baseline. #: place within its tier, shared (=) where methods cannot be told apart."
    ]
    lines += [
        f"* {row.label}, {formats.tier_label(row.key.tier)}: {'; '.join(row.incomplete)}; not ranked"
        for row in _incomplete(board)
    ]
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
    table = _table("Comparison: new minus base, paired by seed, client and clip")
    for column in ("row", "tier", "metric"):
        table.add_column(column, no_wrap=True)
    for column in ("base", "new", "difference", "tolerance"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for change in comparison.noteworthy:
        digits = formats.digits_for([change.difference], default=4, most=_most(change))
        difference = formats.with_interval(change.difference, digits, signed=True)
        table.add_row(
            formats.method_label(change.row.method),
            formats.tier_label(change.row.tier),
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


class _Column(NamedTuple):
    title: str
    cells: list[Text]
    right: bool = True

    @property
    def width(self) -> int:
        return max(*map(len, self.title.split("\n")), *(len(cell) for cell in self.cells))


def _width(columns: Sequence[_Column]) -> int:
    """Width of a table: three characters part two columns, and one stands at either end."""
    return sum(column.width + 3 for column in columns)


def _names(board: Board) -> list[_Column]:
    marks = ["*" if row.incomplete else "!" if row.flags else "" for row in board.rows]
    names = [
        Text(row.label + mark, style="" if row.kind == "method" else "dim")
        for row, mark in zip(board.rows, marks, strict=True)
    ]
    return [
        _Column("row", names, right=False),
        _Column("tier", [Text(_tier(row)) for row in board.rows], right=False),
    ]


def _leading(board: Board) -> list[_Column]:
    """Names, then place and difference in the headline metric."""
    if board.headline is None or board.baseline is None:
        return _names(board)
    digits = board.metric(board.headline).digits
    cells = [row.cells[board.headline] for row in board.rows]
    apart = [
        "" if c.difference.value is None else formats.with_interval(c.difference, digits, signed=True)
        for c in cells
    ]
    title = f"{board.headline}\n{formats.MINUS} {formats.method_label(board.baseline.method)}"
    return [
        *_names(board),
        _Column("#", [Text(formats.rank(cell.rank)) for cell in cells]),
        _Column(
            title, [Text(text, style=STYLES[cell.verdict]) for text, cell in zip(apart, cells, strict=True)]
        ),
    ]


def _metric_column(board: Board, metric: Metric) -> _Column:
    cells = [row.cells[metric.name] for row in board.rows]
    texts = [Text(_value(cell.estimate, metric.digits), style=STYLES[cell.verdict]) for cell in cells]
    return _Column(column_name(metric), texts)


def _value(estimate: Estimate, digits: int) -> str:
    return f"{formats.number(estimate.value, digits)} {formats.plus_minus(estimate, digits)}".strip()


def _assembled(board: Board, title: str, standing: Sequence[_Column]) -> Table:
    """A table with a rule between tiers."""
    table = _table(title)
    height = max(column.title.count("\n") for column in standing)
    for column in standing:
        raised = "\n" * (height - column.title.count("\n")) + column.title
        table.add_column(Text(raised), justify="right" if column.right else "left", no_wrap=True)
    groups = [(row.kind == "method", row.key.tier) for row in board.rows]
    for index, cells in enumerate(zip(*(column.cells for column in standing), strict=True)):
        if index and groups[index] != groups[index - 1]:
            table.add_section()
        table.add_row(*cells)
    return table


def _tier(row: Row) -> str:
    """Privacy tier of a method, kind of any other row."""
    return formats.tier_label(row.key.tier) if row.kind == "method" else row.kind


def column_name(metric: Metric) -> str:
    """Metric, then its evaluator, unit and direction, on two lines, or on three where they are many.

    >>> column_name(Metric(name="psnr", unit="dB", direction="higher", ground_truth=None, digits=2))
    'psnr\\ndB ↑'
    >>> column_name(Metric(name="lpips[alex]", unit="", direction="lower", ground_truth=None, digits=2))
    'lpips\\n[alex] ↓'
    """
    truth = "" if metric.ground_truth is None else f"→ {formats.number(metric.ground_truth, metric.digits)}"
    aim = {"higher": "↑", "lower": "↓", "reference": truth}[metric.direction]
    evaluator = f"[{metric.evaluator}]" if metric.evaluator else ""
    below = f"{metric.unit} {aim}".strip()
    break_ = "\n" if metric.evaluator and metric.unit else " "
    return f"{metric.base}\n{f'{evaluator}{break_}{below}'.strip()}"


def _privacy_line(row: Row, name: str, targets: Sequence[float]) -> list[str | Text]:
    line: list[str | Text] = [row.label, _tier(row), *_guarantee(row.privacy)]
    attack = row.attacks.get(name)
    if attack is None:
        return [*line, *[formats.MISSING] * (len(targets) + 2)]
    auc = Text(formats.with_interval(attack.auc, 2), style="red" if attack.verdict == "above chance" else "")
    rates: list[str | Text] = [formats.MISSING] * len(targets)
    for point in attack.points:
        if point.fpr_target in targets and point.tpr.value is not None:
            realised = formats.number(point.fpr_realised, 3)
            rates[targets.index(point.fpr_target)] = f"{formats.number(point.tpr.value, 2)} ({realised})"
    return [*line, auc, *rates, _controls(attack)]


def _controls(attack: AttackSummary) -> str | Text:
    if not attack.controls:
        return formats.MISSING
    return Text("at chance", style="green") if attack.valid else Text("FAILED", style="bold red")


def _guarantee(privacy: Privacy) -> list[str]:
    if not privacy.guarantee:
        return ["no guarantee", formats.MISSING]
    values = privacy.epsilons.outsider, privacy.epsilons.secure_aggregation, privacy.epsilons.server
    shown = ["none" if value is None else f"{value:.2f}" for value in values]
    return [" / ".join(shown), formats.MISSING if privacy.delta is None else f"{privacy.delta:.0e}"]


def _table(title: str | None) -> Table:
    return Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False)


def _incomplete(board: Board) -> list[Row]:
    return [row for row in board.rows if row.incomplete]


def _seeds(board: Board) -> str:
    return f"seeds {formats.listing([str(seed) for seed in board.seeds])}"


def _most(change: Change) -> int:
    """Decimals beyond which a change is not read."""
    return max(5, formats.most_digits([Estimate(value=change.base)]))


def _once(items: Sequence[str]) -> list[str]:
    """Each item once, in the order in which they appear."""
    return list(dict.fromkeys(items))

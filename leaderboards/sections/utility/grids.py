"""Tables of rows and metrics as the page shows them: an overview, one a family, their heads and their footnotes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from privtalk.leaderboards import formats
from privtalk.leaderboards.board import columns
from privtalk.leaderboards.board.model import Board, BoardMetric, MetricCell
from privtalk.leaderboards.board.validation import MetricValidation, NoiseFloor
from privtalk.leaderboards.escaping import file_name

_MARKS = "abcdefghijklmnopqrstuvwxyz"
_COMMAND = re.compile(r"(.*): (bench [a-z-]+ .*)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """A metric at the head of its column."""

    label: str
    evaluator: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricTable:
    """A table of rows and metrics."""

    anchor: str
    title: str
    about: str
    metrics: tuple[BoardMetric, ...]
    marks: dict[str, str]
    """Reason of a missing value -> its footnote mark."""
    notes: list[tuple[str, str]]
    """(mark, note)."""
    absent: list[tuple[str, str, tuple[str, ...]]]
    """(reason, command that helps, metrics) of columns that are not drawn."""
    leading: bool
    """Starts with place and difference in the headline."""


def overview(board: Board) -> MetricTable:
    """The few columns that speak for their families; where none is named, all of them."""
    alone = board.families == ("",)
    gone = columns.absent(board, board.metrics) if alone else ()
    return _grid(board, "overview", "", "", columns.overview(board), gone, leading=True)


def families(board: Board) -> list[MetricTable]:
    """A table for each family; none where no family is named."""
    found = () if board.families == ("",) else columns.families(board)
    return [
        _grid(board, f"family-{file_name(f.name)}", f.title, f.about, f.measured, f.absent) for f in found
    ]


def _grid(
    board: Board,
    anchor: str,
    title: str,
    about: str,
    metrics: Sequence[BoardMetric],
    gone: Sequence[columns.AbsentMetrics],
    *,
    leading: bool = False,
) -> MetricTable:
    missing: dict[str, list[str]] = {}
    for metric in metrics:
        for row in board.rows:
            if row.cells[metric.name].estimate.value is None:
                missing.setdefault(missing_reason(row.cells[metric.name]), []).append(metric.name)
    marks = {reason: _MARKS[i] if i < len(_MARKS) else str(i + 1) for i, reason in enumerate(missing)}
    notes = [
        (marks[reason], f"{formats.listing(list(dict.fromkeys(names)))}: {reason}")
        for reason, names in missing.items()
    ]
    sets = [m.name for m in metrics if m.level == "set"]
    if sets:
        notes.append(
            ("", f"{formats.listing(sets)}: of all clips together; intervals rest on each clip's share")
        )
    return MetricTable(
        anchor=anchor,
        title=title,
        about=about,
        metrics=tuple(metrics),
        marks=marks,
        notes=notes,
        absent=[(*command_of(a.reason), a.metrics) for a in gone],
        leading=leading and board.headline is not None and board.baseline is not None,
    )


def missing_reason(cell: MetricCell) -> str:
    return cell.estimate.missing or "no reason recorded"


def command_of(reason: str) -> tuple[str, str]:
    """A reason, and the command that it ends with.

    >>> command_of("no weights of arcface: bench weights fetch arcface")
    ('no weights of arcface', 'bench weights fetch arcface')
    >>> command_of("the frames do not move")
    ('the frames do not move', '')
    """
    found = _COMMAND.fullmatch(reason)
    return (found[1], found[2]) if found else (reason, "")


def headers(board: Board, validation: MetricValidation | None) -> dict[str, Header]:
    """Metric -> how its column is headed."""
    floors = validation.noise_floor if validation else {}
    return {
        m.name: Header(
            label=board.display.metric_label(m.name),
            evaluator=m.evaluator,
            title=_title(board, m, floors.get(m.name)),
        )
        for m in board.metrics
    }


def _title(board: Board, metric: BoardMetric, floor: NoiseFloor | None) -> str:
    """The title of a column: what it measures, and how finely."""
    said = [f"{metric.name}: {metric.about or board.display.metric_about(metric.name)}".removesuffix(": ")]
    if metric.evaluator:
        said.append(f"evaluator: {metric.evaluator}")
    if metric.level == "set":
        said.append("of all clips together")
    if floor is not None:
        least = formats.number(floor.value, max(metric.digits, 2))
        said.append(f"smallest difference that {floor.n} clips can show: {f'{least} {metric.unit}'.strip()}")
    return "; ".join(said)

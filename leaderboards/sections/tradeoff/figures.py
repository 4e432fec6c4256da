"""The charts of a board's metrics: privacy against utility, differences, all metrics at a glance."""

from __future__ import annotations

from pathlib import Path

from privtalk.leaderboards import formats
from privtalk.leaderboards.board import columns, progress
from privtalk.leaderboards.board.model import Board, BoardMetric
from privtalk.leaderboards.charts import data as chart_data
from privtalk.leaderboards.charts.all_metrics import all_metrics
from privtalk.leaderboards.charts.files import Figure, written
from privtalk.leaderboards.charts.forest import forest
from privtalk.leaderboards.charts.parts import off_scale
from privtalk.leaderboards.escaping import metric_file
from privtalk.leaderboards.sections.tradeoff.opening import opening
from privtalk.leaderboards.sections.tradeoff.opening_rows import OpeningBoard

FEWEST = 4
"""Metrics from which a chart of all of them says more than their own."""


def title_of(board: Board) -> str:
    """The two things that the charts set against each other."""
    return "Privacy and utility" if board.federated else "Against the baseline"


def draw_all(board: Board, site: Path, slug: str) -> dict[str, list[Figure]]:
    """Figures of utility by section: `opening` of the page, `main` of the headline, `all` metrics at a glance, `more`.

    `more` are the families' main metrics: a forest for each of forty would be read by nobody.
    """
    everything, board = board, progress.ends(board)
    lead = [m for m in board.metrics if m.name == board.headline and columns.compared(board, m)]
    speak = [m for family in board.families for m in columns.main(board, family) if m.name != board.headline]
    rows = chart_data.standardised_rows(board)
    many = len({row["metric"] for row in rows}) >= FEWEST
    return {
        "opening": [_opening(everything, m, site, slug) for m in lead],
        "main": [_forest(board, m, site, slug) for m in lead],
        "all": [_all_metrics(board, rows, site, slug)] if many else [],
        "more": [_forest(board, m, site, slug) for m in speak],
    }


def _opening(board: Board, metric: BoardMetric, site: Path, slug: str) -> Figure:
    shown = OpeningBoard(board, metric.name)
    return written(
        lambda theme, layout: opening(shown, theme, layout),
        chart_data.union([*shown.quality, *shown.attacks]),
        site / "charts" / slug / f"privacy-utility-{metric_file(metric.name)}",
        title=title_of(board),
        alt=_told(shown),
        caption=_caption(shown),
    )


def _caption(shown: OpeningBoard) -> str:
    """How to read the opening picture, in the words of its board."""
    board, stages = shown.board, [stage for stage in shown.stages if stage]
    parts = [
        f"How much better than {board.base} each method’s output is, by {_place(board)}; bands are the references’ "
        "intervals."
    ]
    if stages:
        parts.append(
            f"Hollow and dashed: as released, the same for everybody. Filled: {formats.listing(stages)}."
        )
    if shown.attacks:
        parts.append(
            "Beside it the attack that got furthest on what each adversary sees; its point is filled where it is above "
            "chance after Holm’s correction, and the bar says what the same attack finds where something was planted."
        )
    if away := off_scale(board, shown.metric.name):
        parts.append(f"Off the scale: {formats.listing(away)}.")
    return " ".join(parts)


def _told(shown: OpeningBoard) -> str:
    """The opening picture for a reader who cannot see it."""
    attacks = [
        f"{row['seen']} at {shown.board.at(row['place'])}: {row['attack']} has AUC {formats.number(row['value'], 2)}, "
        f"{'above chance' if row['shown'] else 'not shown to be above chance'}"
        for row in shown.attacks
    ]
    told = f" Attacks: {'; '.join(attacks)}." if attacks else ""
    return f"{_described(shown.board, shown.metric)}{told}"


def _place(board: Board) -> str:
    return "guarantee" if board.federated else board.display.at_heading


def _forest(board: Board, metric: BoardMetric, site: Path, slug: str) -> Figure:
    return written(
        lambda theme, layout: forest(board, metric.name, theme, layout),
        chart_data.utility_rows(board, metric.name),
        site / "charts" / slug / f"differences-{metric_file(metric.name)}",
        title=f"Differences in {metric.name}",
        alt=_described(board, metric),
        caption=f"Paired differences in {metric.name} with 95 % intervals, clustered by client. {_direction(metric)}",
    )


def _all_metrics(board: Board, rows: chart_data.Table, site: Path, slug: str) -> Figure:
    base = board.base
    return written(
        lambda theme, layout: all_metrics(board, theme, layout),
        rows,
        site / "charts" / slug / "all-metrics",
        title="All metrics at a glance",
        alt=f"Every metric against {base}. {' '.join(_tally(board, rows))}",
        caption=(
            f"▲ better and ▼ worse than {base}: the paired difference is clear of zero; the stronger the colour, "
            f"the more half-intervals away. Not corrected for many comparisons: of {len(rows)} cells about "
            f"{round(0.05 * len(rows))} would be marked by chance alone."
        ),
    )


def _tally(board: Board, rows: chart_data.Table) -> list[str]:
    """A sentence a method and tier: in how many metrics it is better, and in which worse."""
    sentences = []
    for row in board.methods():
        own = [r for r in rows if (r["label"], r["tier"]) == (row.label, row.key.tier)]
        better = sum(r["verdict"] == "better" for r in own)
        worse = [r["metric"] for r in own if r["verdict"] == "worse"]
        bad = f", worse in {formats.listing(worse)}" if worse else ", worse in none"
        where = f"{row.stated}"
        sentences.append(f"{where}: better in {better} of {len(own)}{bad}.")
    return sentences


def _described(board: Board, metric: BoardMetric) -> str:
    """The description for a reader who cannot see the chart."""
    base = board.base
    lines = [
        f"{row.stated} "
        + formats.with_interval(row.cells[metric.name].difference, metric.digits, metric.unit, signed=True)
        for row in board.methods()
    ]
    return f"Difference in {metric.name} to {base}: {'; '.join(lines)}."


def _direction(metric: BoardMetric) -> str:
    return "To the right is better." if metric.sign > 0 else "To the left is better."

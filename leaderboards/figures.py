"""The charts of a board as files: two themes, two widths, and the data behind each."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from privtalk.leaderboards import charts, columns, formats, leaks
from privtalk.leaderboards.charts import data as chart_data
from privtalk.leaderboards.charts.attack_data import attack_rows
from privtalk.leaderboards.charts.style import LAYOUTS, LIGHT, THEMES, WIDE, Layout, Theme, recoloured, render
from privtalk.leaderboards.escaping import metric_file
from privtalk.leaderboards.model import Board, Metric

FEWEST = 4
"""Metrics from which a chart of all of them says more than their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A chart on the page."""

    title: str
    alt: str
    caption: str
    files: dict[str, str]
    """`<layout>_<theme>`, `csv`, `json`, `spec` -> path relative to the site."""


def draw_all(board: Board, site: Path, slug: str) -> dict[str, list[Figure]]:
    """Figures of utility by section: `main` of the headline, `all` metrics at a glance, `more`.

    `more` are the families' main metrics: a forest for each of forty would be read by nobody.
    """
    lead = [m for m in board.metrics if m.name == board.headline and columns.compared(board, m)]
    speak = [m for family in board.families for m in columns.main(board, family) if m.name != board.headline]
    rows = chart_data.standardised_rows(board)
    many = len({row["metric"] for row in rows}) >= FEWEST
    return {
        "main": [draw(board, m, site, slug) for m in lead for draw in (_utility, _forest)],
        "all": [_all_metrics(board, rows, site, slug)] if many else [],
        "more": [_forest(board, m, site, slug) for m in speak],
    }


def write_table(rows: chart_data.Table, path: Path) -> None:
    """Rows as `<path>.csv` and `<path>.json`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = io.StringIO()
    if rows:
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    path.with_name(path.name + ".csv").write_text(text.getvalue(), encoding="utf-8")
    dumped = json.dumps(rows, indent=1, ensure_ascii=False)
    path.with_name(path.name + ".json").write_text(dumped + "\n", encoding="utf-8")


def _utility(board: Board, metric: Metric, site: Path, slug: str) -> Figure:
    attack = leaks.beside_utility(board)
    away = charts.off_scale(board, metric.name)
    caption = (
        "Methods stand side by side at each guarantee; bars are 95 % intervals, bands those of the references."
        + (f" Off the scale: {formats.listing(away)}." if away else "")
    )
    rows = chart_data.utility_rows(board, metric.name)
    if attack is not None:
        rows = [r | {"attack": None} for r in rows]
        rows += [r | {"metric": None} for r in attack_rows(board, attack)]
    return written(
        lambda theme, layout: charts.privacy_utility(board, metric.name, attack, theme, layout),
        _union(rows),
        site / "charts" / slug / f"privacy-utility-{metric_file(metric.name)}",
        title="Privacy and utility",
        alt=_described(board, metric),
        caption=caption,
    )


def _forest(board: Board, metric: Metric, site: Path, slug: str) -> Figure:
    return written(
        lambda theme, layout: charts.forest(board, metric.name, theme, layout),
        chart_data.utility_rows(board, metric.name),
        site / "charts" / slug / f"differences-{metric_file(metric.name)}",
        title=f"Differences in {metric.name}",
        alt=_described(board, metric),
        caption=f"Paired differences in {metric.name} with 95 % intervals, clustered by client. {_direction(metric)}",
    )


def _all_metrics(board: Board, rows: chart_data.Table, site: Path, slug: str) -> Figure:
    base = formats.method_label(board.baseline.method) if board.baseline else "the baseline"
    return written(
        lambda theme, layout: charts.all_metrics(board, theme, layout),
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
        where = f"{row.label} at {formats.tier_label(row.key.tier)}"
        sentences.append(f"{where}: better in {better} of {len(own)}{bad}.")
    return sentences


def written(
    spec: Callable[[Theme, Layout], charts.Spec],
    rows: chart_data.Table,
    path: Path,
    *,
    title: str,
    alt: str,
    caption: str,
) -> Figure:
    """Draw a chart in every theme and width, with its data and specification beside it."""
    write_table(rows, path)
    root = path.parents[2]
    files = {}
    for layout in LAYOUTS:
        drawn = render(spec(LIGHT, layout))
        for theme in THEMES:
            target = path.with_name(f"{path.name}-{layout.name}-{theme.name}.svg")
            target.write_text(recoloured(drawn, LIGHT, theme), encoding="utf-8")
            files[f"{layout.name}_{theme.name}"] = target.relative_to(root).as_posix()
    source = path.with_name(f"{path.name}.vl.json")
    source.write_text(json.dumps(spec(LIGHT, WIDE), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    named = {"csv": f"{path.name}.csv", "json": f"{path.name}.json", "spec": source.name}
    files |= {kind: path.with_name(name).relative_to(root).as_posix() for kind, name in named.items()}
    return Figure(title=title, alt=alt, caption=caption, files=files)


def _described(board: Board, metric: Metric) -> str:
    """What a reader who cannot see the chart should know."""
    base = formats.method_label(board.baseline.method) if board.baseline else "the baseline"
    lines = [
        f"{row.label} at {formats.tier_label(row.key.tier)} "
        + formats.with_interval(row.cells[metric.name].difference, metric.digits, metric.unit, signed=True)
        for row in board.methods()
    ]
    return f"Difference in {metric.name} to {base}: {'; '.join(lines)}."


def _direction(metric: Metric) -> str:
    return "To the right is better." if metric.sign > 0 else "To the left is better."


def _union(rows: chart_data.Table) -> chart_data.Table:
    """Rows that all have the same keys, in the order in which they appear."""
    keys = list(dict.fromkeys(key for row in rows for key in row))
    return [{key: row.get(key) for key in keys} for row in rows]

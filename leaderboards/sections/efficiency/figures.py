"""The charts of efficiency: quality against frames a second, and against size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from privtalk.leaderboards import formats
from privtalk.leaderboards.charts.data import Table
from privtalk.leaderboards.charts.files import Figure, written
from privtalk.leaderboards.charts.parts import Spec, layer, quantitative, scale, whole
from privtalk.leaderboards.charts.style import Layout, Theme, method_colours, method_shapes
from privtalk.leaderboards.sections.efficiency.efficiency_board import EfficiencyBoard


def draw_all(shown: EfficiencyBoard, site: Path, slug: str) -> dict[str, list[Figure]]:
    """Both charts beside each other."""
    folder = site / "charts" / slug
    rows = point_rows(shown)
    metric = shown.board.metric(shown.headline)
    name = shown.board.display.metric_label(shown.headline)
    label = f"{name}, {metric.unit}"
    better = "Down" if shown.lower else "Up"
    lines = [{"name": row.label, "value": value} for row, value in shown.references]
    charts = (
        ("speed", "frames a second, one thread", "right is faster", "Quality against speed"),
        ("megabytes", "MB needed to animate", "left is smaller", "Quality against size"),
    )
    found = []
    for field, across, which, title in charts:
        known = [row for row in rows if row[field] is not None]
        told = "; ".join(f"{row['where']}: {formats.number(row['quality'], 1)}" for row in known)
        found.append(
            written(
                lambda theme, layout, known=known, field=field, across=across: points(  # type: ignore[misc]
                    known, lines, field, (across, label), theme, layout
                ),
                known,
                folder / f"efficiency-{field}",
                title=title,
                alt=f"{label} against {across}. {told}.",
                caption=f"{better} is better, {which}; lines join a method's numbers of steps. Dashes are floors and "
                "ceilings, which have no speed.",
            )
        )
    return {"efficiency": found}


def point_rows(shown: EfficiencyBoard) -> Table:
    """A row a timed row: quality with its interval, speed, size, passes."""
    return [
        {
            "label": timed.row.label,
            "where": timed.row.where,
            "quality": timed.quality.value,
            "low": timed.quality.low,
            "high": timed.quality.high,
            "speed": timed.speed(1),
            "megabytes": timed.megabytes,
            "passes": timed.first.passes,
        }
        for timed in shown.rows
        if timed.quality.value is not None
    ]


def points(
    rows: Table, lines: Table, field: str, titles: tuple[str, str], theme: Theme, layout: Layout
) -> Spec:
    """A cost across on a logarithmic scale, quality up."""
    labels = sorted({row["label"] for row in rows})
    top = max((row["high"] or row["quality"] for row in rows), default=1.0)
    near = [line for line in lines if line["value"] <= 1.15 * top]
    x = quantitative(field) | {"title": titles[0], "scale": {"type": "log", "nice": False}}
    y = quantitative("quality") | {"title": titles[1], "scale": {"zero": True}}
    legend: dict[str, Any] = {
        "legend": {"title": None, "columns": 4 if layout.columns > 1 else 1, "orient": "bottom"}
    }
    colour = {"field": "label", "scale": scale(method_colours(labels, theme)), **legend}
    shape = {"field": "label", "scale": scale(method_shapes(labels)), **legend}
    at = {"field": "value", "type": "quantitative"}
    spec = {
        "width": layout.width,
        "height": layout.tall,
        "layer": [
            layer(near, {"type": "rule", "color": theme.muted, "strokeDash": [3, 4]}, y=at),
            layer(
                near,
                {
                    "type": "text",
                    "color": theme.muted,
                    "align": "left",
                    "dy": -5,
                    "fontSize": layout.font - 1,
                },
                y=at,
                x={"value": 4},
                text={"field": "name"},
            ),
            layer(
                rows,
                {"type": "rule", "opacity": 0.5},
                x=x,
                y=y | {"field": "low"},
                y2={"field": "high"},
                color=colour,
            ),
            layer(
                rows,
                {"type": "line", "strokeWidth": 1},
                x=x,
                y=y,
                color=colour,
                order={"field": "passes", "type": "quantitative"},
            ),
            layer(rows, {"type": "point", "filled": True, "size": 70}, x=x, y=y, color=colour, shape=shape),
        ],
    }
    return whole(spec, theme, layout)

"""The charts of efficiency: quality against frames a second, and against size."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from privtalk.leaderboards import formats
from privtalk.leaderboards.charts.data import Table, spread
from privtalk.leaderboards.charts.files import Figure, written
from privtalk.leaderboards.charts.parts import Spec, layer, quantitative, scale, whole
from privtalk.leaderboards.charts.style import Layout, Theme, method_colours, method_shapes
from privtalk.leaderboards.sections.efficiency.efficiency_board import EfficiencyBoard
from privtalk.leaderboards.sections.efficiency.labels import (
    CHARACTER,
    LabelBox,
    NamingPlot,
    Pixel,
    placed_labels,
)

REACH, MARGIN = 0.6, 0.08
"""Spans of the rows beyond which a floor is off the scale, and that are left free at either end."""
TALLER = 1.25
"""Height of these charts in usual ones: names need room."""
FARTHEST = (math.log(1e-300), math.log(1e300))
"""The logarithms that are drawn at all."""
DOTS = 24
"""Places on a line that names avoid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CostAxis:
    """The axis across: a cost or a gain, on a logarithmic scale."""

    field: str
    title: str
    better: str
    heading: str


AXES = (
    CostAxis(
        field="speed",
        title="frames a second on one thread, with audio",
        better="right is faster",
        heading="Quality against speed",
    ),
    CostAxis(
        field="megabytes",
        title="MB on disk that are needed to animate",
        better="left is smaller",
        heading="Quality against size",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CostChart:
    """The data of a chart, the same in every theme and width."""

    axis: CostAxis
    rows: Table
    lines: Table
    """Floors and ceilings that were not timed and lie near the rows."""
    label: str
    """The headline with its unit."""
    ends: tuple[float, float]
    """The drawn range of the headline."""


def draw_all(shown: EfficiencyBoard, site: Path, slug: str) -> dict[str, list[Figure]]:
    """Both charts, each as far as anything was taken."""
    made = [_figure(shown, axis, site / "charts" / slug) for axis in AXES]
    return {"efficiency": [figure for figure in made if figure is not None]}


def point_rows(shown: EfficiencyBoard) -> Table:
    """A row a timed row: quality with its interval, speed, size, passes, and the method that it is a step of."""
    several = {timed.row.key for rows in shown.by_steps for timed in rows}
    return [
        {
            "label": timed.row.label,
            "where": timed.row.where,
            "series": " ".join(timed.series),
            "name": f"{timed.row.label}, {timed.first.passes}"
            if timed.row.key in several
            else timed.row.label,
            "quality": timed.quality.value,
            "low": timed.quality.low,
            "high": timed.quality.high,
            "speed": timed.speed(),
            "megabytes": timed.megabytes,
            "passes": float(timed.first.passes),
        }
        for timed in shown.rows
        if timed.quality.value is not None
    ]


def cost_chart_of(shown: EfficiencyBoard, axis: CostAxis) -> CostChart | None:
    """Returns the data of a chart; None where no row has both."""
    rows = [row for row in point_rows(shown) if row[axis.field] is not None and row[axis.field] > 0]
    if not rows or shown.headline is None:
        return None
    reach = [row[end] for row in rows for end in ("low", "high", "quality") if row[end] is not None]
    low, high = min(reach), max(reach)
    span = high - low or abs(high) or 1.0
    lines = [
        {"name": row.label, "value": value}
        for row, value in shown.untimed
        if low - REACH * span <= value <= high + REACH * span
    ]
    drawn = [low, high, *(line["value"] for line in lines)]
    margin = MARGIN * (max(drawn) - min(drawn) or span)
    name = f"{shown.board.display.metric_label(shown.headline.name)}, {shown.headline.unit}".removesuffix(
        ", "
    )
    ends = (min(drawn) - margin, max(drawn) + margin)
    return CostChart(axis=axis, rows=rows, lines=lines, label=name, ends=ends)


def cost_spec(chart: CostChart, theme: Theme, layout: Layout) -> Spec:
    """Quality up, speed or size across; names beside the points where there is room."""
    labels = sorted({row["label"] for row in chart.rows})
    across = _across([row[chart.axis.field] for row in chart.rows])
    size = (float(layout.width), layout.tall * TALLER)
    x = quantitative(chart.axis.field) | {
        "title": chart.axis.title if layout.columns > 1 else chart.axis.title.partition(" on ")[0],
        "scale": {"type": "log", "domain": list(map(math.exp, across)), "nice": False},
        "axis": {"tickCount": 8 if layout.columns > 1 else 3, "labelOverlap": "greedy", "format": "~r"},
    }
    y = quantitative("quality") | {
        "title": chart.label,
        "scale": {"domain": list(chart.ends), "nice": False, "zero": False},
    }
    columns = 4 if layout.columns > 1 else 1
    legend = {"legend": {"title": None, "columns": columns, "orient": "bottom", "symbolOpacity": 1}}
    colours = scale(method_colours(labels, theme))
    colour = {"field": "label", "scale": colours, **legend}
    shape = {"field": "label", "scale": scale(method_shapes(labels)), **legend}
    lines = _named_lines(chart, size, layout)
    names = _named_points(chart, across, size, layout, lines)
    word = {"type": "text", "align": "left", "baseline": "middle", "fontSize": layout.font - 1}
    pixels = {"y": {"field": "y", "type": "quantitative", "scale": None}, "text": {"field": "name"}}
    at = {"field": "x", "type": "quantitative", "scale": None}
    steps = {"field": "passes", "type": "quantitative"}
    one = {"field": "series", "type": "nominal"}
    bar, dot = {"type": "rule", "opacity": 0.3}, {"type": "point", "filled": True, "size": 70, "opacity": 1}
    dashed = {"type": "rule", "color": theme.muted, "strokeDash": [3, 4]}
    thin = {"type": "line", "strokeWidth": 1.5}
    spec = {
        "width": layout.width,
        "height": size[1],
        "layer": [
            layer(chart.lines, dashed, y=y | {"field": "value"}),
            layer(chart.rows, bar, x=x, y=y | {"field": "low"}, y2={"field": "high"}, color=colour),
            layer(chart.rows, thin, x=x, y=y, color=colour, detail=one, order=steps),
            layer(chart.rows, dot, x=x, y=y, color=colour, shape=shape),
            layer(lines, word | {"color": theme.muted}, x={"value": 4}, **pixels),
            layer(names, word, x=at, **pixels, color={"field": "label", "scale": colours, "legend": None}),
        ],
    }
    return whole(spec, theme, layout)


def _figure(shown: EfficiencyBoard, axis: CostAxis, folder: Path) -> Figure | None:
    chart = cost_chart_of(shown, axis)
    if chart is None:
        return None
    digits = shown.headline.digits if shown.headline else 1
    told = "; ".join(
        f"{row['where']}: {formats.number(row['quality'], digits)} at {row[axis.field]:.3g}"
        for row in chart.rows
    )
    return written(
        lambda theme, layout: cost_spec(chart, theme, layout),
        chart.rows,
        folder / f"efficiency-{axis.field}",
        title=axis.heading,
        alt=f"{chart.label} against {axis.title}. {told}.",
        caption=_caption(shown, chart, digits),
    )


def _caption(shown: EfficiencyBoard, chart: CostChart, digits: int) -> str:
    parts = [f"{'Down' if shown.lower else 'Up'} is better, {chart.axis.better}; bars are 95 % intervals."]
    if shown.by_steps:
        parts.append(
            "Lines join the same method with more and fewer passes, whose number stands beside its name."
        )
    if chart.lines:
        parts.append("Dashes are floors and ceilings that were not timed.")
    near = {line["name"] for line in chart.lines}
    away = [
        f"{row.label} {formats.number(value, digits)}"
        for row, value in shown.untimed
        if row.label not in near
    ]
    if away:
        parts.append(f"Off the scale: {formats.listing(away)}.")
    return " ".join(parts)


def _along(chart: CostChart, spot: Callable[[dict[str, Any]], Pixel]) -> list[Pixel]:
    """Places on the lines that join a method's rows."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in sorted(chart.rows, key=lambda row: row["passes"]):
        groups.setdefault(row["series"], []).append(row)
    pairs = [(spot(one), spot(two)) for rows in groups.values() for one, two in pairwise(rows)]
    shares = [step / DOTS for step in range(DOTS + 1)]
    return [Pixel(a.x + t * (b.x - a.x), a.y + t * (b.y - a.y)) for a, b in pairs for t in shares]


def _across(values: list[float]) -> tuple[float, float]:
    """The drawn range of a logarithmic axis, as logarithms, with room at either end."""
    low, high = math.log(min(values)), math.log(max(values))
    room = MARGIN * max(high - low, math.log(1.5))
    return max(low - room, FARTHEST[0]), min(high + room, FARTHEST[1])


def _up(chart: CostChart, value: float, height: float) -> float:
    """Pixels from the top."""
    low, high = chart.ends
    return height * (high - value) / (high - low)


def _named_lines(chart: CostChart, size: tuple[float, float], layout: Layout) -> Table:
    """The names of floors and ceilings, each above its line and apart from the others'."""
    heights = [_up(chart, line["value"], size[1]) - layout.font * 0.7 for line in chart.lines]
    apart = spread(heights, layout.font * 1.1)
    return [line | {"y": y} for line, y in zip(chart.lines, apart, strict=True)]


def _named_points(
    chart: CostChart, across: tuple[float, float], size: tuple[float, float], layout: Layout, lines: Table
) -> Table:
    """The names of points where there is room for them; on a narrow screen the legend names them."""
    if layout.columns == 1:
        return []
    low, high = across
    font = layout.font - 1

    def spot(row: dict[str, Any]) -> Pixel:
        share = (math.log(row[chart.axis.field]) - low) / (high - low)
        return Pixel(size[0] * share, _up(chart, row["quality"], size[1]))

    wide = {line["name"]: 4 + CHARACTER * font * len(line["name"]) for line in lines}
    taken = [
        LabelBox(0, line["y"] - 0.5 * font, wide[line["name"]], line["y"] + 0.5 * font) for line in lines
    ]
    drawn = [
        Pixel(x, _up(chart, line["value"], size[1])) for line in lines for x in range(0, layout.width, 8)
    ]
    drawn += _along(chart, spot)
    plot = NamingPlot(*size, font, taken, drawn)
    places = placed_labels([spot(row) for row in chart.rows], [row["name"] for row in chart.rows], plot)
    return [
        {"label": row["label"], "name": row["name"], "x": place.x, "y": place.y}
        for row, place in zip(chart.rows, places, strict=True)
        if place is not None
    ]

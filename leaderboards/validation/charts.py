"""The report's charts as Vega-Lite specifications."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from privtalk.leaderboards.charts.data import Table
from privtalk.leaderboards.charts.parts import Spec, layer, quantitative, scale, whole
from privtalk.leaderboards.charts.style import SHAPES, Layout, Theme

WIDTH = {"wide": 250, "narrow": 215}
"""The width of a panel, pixels."""
SMALL = {"wide": 168, "narrow": 215}
"""The width of one of many."""
COLUMNS = {"wide": 4, "narrow": 1}


def colours(names: Sequence[str], theme: Theme) -> Spec:
    """One for each name, in the theme's order."""
    return scale(dict(zip(names, theme.methods, strict=False)))


def densities(rows: Table, title: str, theme: Theme, layout: Layout) -> Spec:
    """Rows (panel, kind, value, share): one panel for each population, an area for each kind."""
    kinds = list(dict.fromkeys(row["kind"] for row in rows))
    colour = {"field": "kind", "scale": colours(kinds, theme), "legend": {"title": None}}

    def panel(name: str) -> Spec:
        own = [row for row in rows if row["panel"] == name]
        area = {"type": "area", "interpolate": "step", "fillOpacity": 0.35, "line": {"strokeWidth": 1.5}}
        return _panel(name, 150, WIDTH, layout) | layer(
            own,
            area,
            x=quantitative("value") | {"title": title, "axis": {"tickCount": 5}},
            y=quantitative("share")
            | {"title": "share", "stack": None, "axis": {"tickCount": 4, "format": "%"}},
            color=colour,
        )

    return _concat(rows, panel, layout.columns, theme, layout)


def roc(rows: Table, theme: Theme, layout: Layout) -> Spec:
    """Rows (population, far, tar): true against false acceptance, the latter logarithmic."""
    names = list(dict.fromkeys(row["population"] for row in rows))
    x = quantitative("far") | {"title": "impostors accepted", "scale": {"type": "log"}}
    x |= {"axis": {"values": [1e-5, 1e-4, 1e-3, 0.01, 0.1, 1], "format": "~%"}}
    y = quantitative("tar") | {"title": "genuine accepted", "scale": {"zero": False}, "axis": {"format": "%"}}
    colour = {"field": "population", "scale": colours(names, theme), "legend": _legend(layout)}
    line = {"type": "line", "strokeWidth": 2}
    return whole(
        {"width": min(layout.width, 420), "height": 220, **layer(rows, line, x=x, y=y, color=colour)},
        theme,
        layout,
    )


def slices(rows: Table, theme: Theme, layout: Layout) -> Spec:
    """Rows (by, range, population, auc): areas of frames' pairs by how far apart pose or light are."""
    names = list(dict.fromkeys(row["population"] for row in rows))

    def panel(by: str) -> Spec:
        own = [row for row in rows if row["by"] == by]
        order = list(dict.fromkeys(row["range"] for row in own))
        point = {"type": "point", "filled": True, "size": 70, "opacity": 1}
        return _panel(f"by difference in {by}", 150, WIDTH, layout) | layer(
            own,
            point,
            x={"field": "range", "type": "nominal", "sort": order, "title": None, "axis": {"labelAngle": 0}},
            y=quantitative("auc") | {"title": "AUC of single frames", "scale": {"zero": False}},
            color={"field": "population", "scale": colours(names, theme), "legend": _legend(layout)},
            shape={"field": "population", "scale": {"domain": names, "range": list(SHAPES[: len(names)])}},
        )

    return _concat(rows, panel, layout.columns, theme, layout, "by")


def shifts(rows: Table, bar: float, theme: Theme, layout: Layout) -> Spec:
    """Rows (length, shift, share, low, high): clips whose shift is found, by shift and length, with the bar."""
    names = list(dict.fromkeys(row["length"] for row in rows))
    colour = {"field": "length", "scale": colours(names, theme), "legend": {"title": None}}
    y = quantitative("share") | {
        "title": "found exactly",
        "scale": {"domain": [0, 1]},
        "axis": {"format": "%"},
    }
    x = quantitative("shift") | {"title": "frames by which the sound is late", "axis": {"tickCount": 11}}
    return whole(
        {
            "width": layout.width - 40,
            "height": 190,
            "layer": [
                layer(rows, {"type": "rule", "opacity": 0.5}, x=x, y=y | {"field": "low"},
                      y2={"field": "high"}, color=colour),
                layer(rows, {"type": "line", "point": True, "strokeWidth": 2}, x=x, y=y, color=colour),
                layer([{"bar": bar}], {"type": "rule", "strokeDash": [5, 4], "color": theme.muted},
                      y=quantitative("bar")),
            ],
        },
        theme,
        layout,
    )  # fmt: skip


def offsets(rows: Table, chance: float, theme: Theme, layout: Layout) -> Spec:
    """Rows (offset, share): where mismatched sounds seem to fit, with chance."""
    x: Spec = {"field": "offset", "type": "ordinal", "title": "offset found, frames"}
    x |= {"axis": {"labelAngle": 0, "values": [-10, -5, 0, 5, 10]}}
    y = quantitative("share") | {"title": "share of clips", "axis": {"format": "%", "tickCount": 4}}
    return whole(
        {
            "width": layout.width - 40,
            "height": 150,
            "layer": [
                layer(rows, {"type": "bar", "color": theme.methods[0], "opacity": 0.75}, x=x, y=y),
                layer([{"chance": chance}], {"type": "rule", "strokeDash": [5, 4], "color": theme.ink},
                      y=quantitative("chance")),
            ],
        },
        theme,
        layout,
    )  # fmt: skip


def readings(rows: Table, theme: Theme, layout: Layout) -> Spec:
    """Rows (reader, true, read): openings as they are and as they are read."""
    most = max((max(row["true"], row["read"]) for row in rows), default=1.0)
    domain = {"domain": [0, most], "nice": False}

    def panel(name: str) -> Spec:
        x = quantitative("true") | {"title": "true opening, eye distances", "scale": domain}
        x |= {"axis": {"tickCount": 4}}
        y = quantitative("read") | {"title": "as read", "scale": domain}
        ends = [{"true": 0.0, "read": 0.0}, {"true": most, "read": most}]
        dot = {"type": "circle", "size": 9, "opacity": 0.35, "color": theme.methods[0]}
        return _panel(name, 220, {"wide": 220, "narrow": 215}, layout) | {
            "layer": [
                layer([row for row in rows if row["reader"] == name], dot, x=x, y=y),
                layer(ends, {"type": "line", "color": theme.muted, "strokeWidth": 1}, x=x, y=y),
            ]
        }

    return _concat(rows, panel, layout.columns, theme, layout, "reader")


def ladders(rows: Table, theme: Theme, layout: Layout) -> Spec:
    """Rows (metric, arrow, kind, level, value): a panel for each metric, a line for each distortion."""
    kinds = list(dict.fromkeys(row["kind"] for row in rows))
    arrows = {row["metric"]: row["arrow"] for row in rows}
    colour = {"field": "kind", "scale": colours(kinds, theme), "legend": _legend(layout)}
    shape = {"field": "kind", "scale": {"domain": kinds, "range": list(SHAPES[: len(kinds)])}}

    def panel(name: str) -> Spec:
        own = [row for row in rows if row["metric"] == name]
        x = quantitative("level") | {"title": None, "axis": {"values": [1, 2, 3, 4, 5], "format": "d"}}
        y = quantitative("value") | {"title": None, "scale": {"zero": False}, "axis": {"tickCount": 4}}
        return _panel(f"{name} {arrows[name]}", 110, SMALL, layout) | {
            "encoding": {"x": x, "y": y, "color": colour},
            "layer": [
                layer(own, {"type": "line", "strokeWidth": 1.75}),
                layer(own, {"type": "point", "filled": True, "size": 34, "opacity": 1}, shape=shape),
            ],
        }

    return _concat(rows, panel, COLUMNS[layout.name], theme, layout, "metric")


def times(rows: Table, theme: Theme, layout: Layout) -> Spec:
    """Rows (metric, version, value, low, high): a panel for each metric of time."""
    order = list(dict.fromkeys(row["version"] for row in rows))

    def panel(name: str) -> Spec:
        own = [row for row in rows if row["metric"] == name]
        y = {"field": "version", "type": "nominal", "sort": order, "title": None}
        x = quantitative("value") | {"title": None, "axis": {"tickCount": 4}}
        colour = {"field": "version", "scale": colours(order, theme), "legend": None}
        return _panel(name, 88, WIDTH if layout.columns > 1 else {"narrow": 150}, layout) | {
            "encoding": {"y": y, "color": colour},
            "layer": [
                layer(own, {"type": "rule", "strokeWidth": 2}, x=x | {"field": "low"}, x2={"field": "high"}),
                layer(own, {"type": "point", "filled": True, "size": 60, "opacity": 1}, x=x),
            ],
        }

    return _concat(rows, panel, min(2, layout.columns), theme, layout, "metric")


def _panel(title: str, height: int, widths: Mapping[str, int], layout: Layout) -> Spec:
    return {"width": widths[layout.name], "height": height, "title": title}


def _concat(
    rows: Table,
    panel: Callable[[str], Spec],
    columns: int,
    theme: Theme,
    layout: Layout,
    field: str = "panel",
) -> Spec:
    names: list[Any] = list(dict.fromkeys(row[field] for row in rows))
    return whole({"concat": [panel(name) for name in names], "columns": columns}, theme, layout)


def _legend(layout: Layout) -> Spec:
    return {"title": None, "columns": 1 if layout.columns == 1 else 5, "labelLimit": 260}

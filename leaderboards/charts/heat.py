"""Heat maps: cells in named groups along both axes, coloured and marked by their verdict."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from privtalk.leaderboards.charts.data import Table
from privtalk.leaderboards.charts.parts import Spec, layer, scale
from privtalk.leaderboards.charts.style import Layout, Theme

WIDEST, TALL = 30, 20
"""Widest column and height of a row, in pixels."""
ROOM = 54
"""Width of a column from which a cell holds a figure."""
FAINT, STRONG, FULL = 0.14, 0.62, 4.0
"""Opacity just clear of zero, opacity at most, and the half-intervals from which it is most."""
GLYPHS = {"better": "▲", "worse": "▼", "level": ""}


class HeatLabel(NamedTuple):
    """A place on an axis: a group's name, or one of its members."""

    label: str
    key: str | None = None
    """None for the name of a group."""


def heat_map(
    cells: Table,
    across: str,
    columns: Sequence[HeatLabel],
    down: str,
    lines: Sequence[HeatLabel],
    theme: Theme,
    layout: Layout,
    widest: int = WIDEST,
) -> Spec:
    """Cells with a `verdict`, a `standardised` size in half-intervals, and for each axis a key of one of its labels.

    A cell may have a `text`, which stands beside its mark where columns are wide enough.
    """
    x_of, y_of = (
        {line.key: str(i) for i, line in enumerate(places) if line.key} for places in (columns, lines)
    )
    step = min(widest, layout.width / len(columns))
    placed = [_marked(c, step) | {"x": x_of[c[f"{across}_key"]], "y": y_of[c[f"{down}_key"]]} for c in cells]
    colours = {"better": theme.better, "worse": theme.worse, "level": theme.muted}
    rect = {"type": "rect", "cornerRadius": 2}
    glyph = {"type": "text", "color": theme.ink, "fontSize": min(10, round(0.6 * step)), "baseline": "middle"}
    groups = [{"x": str(i), "text": name} for i, name in group_names(columns, step)]
    names = {"type": "text", "align": "left", "fontSize": layout.font - 2, "fontWeight": 700}
    names |= {"color": theme.muted, "dx": -step / 2}
    return {
        "width": round(step * len(columns)),
        "height": TALL * len(lines),
        "encoding": {
            "x": axis("x", columns, layout, theme, labelAngle=-90, orient="bottom"),
            "y": axis("y", lines, layout, theme, labelLimit=190),
        },
        "layer": [
            layer(
                placed,
                rect,
                color={"field": "verdict", "scale": scale(colours), "legend": None},
                opacity={"field": "opacity", "type": "quantitative", "scale": None, "legend": None},
            ),
            layer([c for c in placed if c["glyph"]], glyph, text={"field": "glyph"}),
            layer(groups, names, y={"value": -8}, text={"field": "text"}),
        ],
    }


def _marked(cell: dict[str, Any], step: float) -> dict[str, Any]:
    """A cell with its glyph, its text where there is room for it, and its opacity."""
    text = cell.get("text", "") if step >= ROOM else ""
    size = min(abs(cell["standardised"]), FULL) / FULL
    clear = cell["verdict"] != "level"
    return {
        "verdict": cell["verdict"],
        "glyph": f"{GLYPHS[cell['verdict']]} {text}".strip(),
        "opacity": round(FAINT + (STRONG - FAINT) * size, 3) if clear else FAINT,
    }


def axis(name: str, lines: Sequence[HeatLabel], layout: Layout, theme: Theme, **more: Any) -> Spec:
    """An ordinal axis with a gap, and on the left a name, before each group."""
    groups = [str(i) for i, line in enumerate(lines) if line.key is None]
    labels = ["" if name == "x" and line.key is None else line.label for line in lines]
    among = f"indexof({json.dumps(groups)}, datum.value) >= 0"
    return {
        "field": name,
        "type": "ordinal",
        "scale": {"domain": [str(i) for i in range(len(lines))], "paddingInner": 0.12},
        "axis": {
            "labelExpr": f"{json.dumps(labels, ensure_ascii=False)}[+datum.value]",
            "labelFontSize": layout.font - (2 if name == "x" else 1),
            "labelFontWeight": {"condition": {"test": among, "value": 700}, "value": 400},
            "labelColor": {"condition": {"test": among, "value": theme.muted}, "value": theme.ink},
            "labelOverlap": False,
            "title": None,
            "domain": False,
            "ticks": False,
            "grid": False,
            **more,
        },
    }


def group_names(lines: Sequence[HeatLabel], step: float) -> list[tuple[int, str]]:
    """(place of its first member, name) of each group, cut to the room above it."""
    starts = [i for i, line in enumerate(lines) if line.key is None]
    ends = [*starts[1:], len(lines) + 2]
    named = []
    for start, end in zip(starts, ends, strict=True):
        room, name = int((end - start) * step / 6), lines[start].label
        named.append((start + 1, name if len(name) <= room else f"{name[: room - 1]}."))
    return named

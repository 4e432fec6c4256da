"""The parts that heat maps share: axes of cells in named groups."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from privtalk.leaderboards.charts.parts import Spec
from privtalk.leaderboards.charts.style import Layout, Theme

WIDEST, TALL = 30, 20
"""Widest column and height of a row, in pixels."""


class HeatLabel(NamedTuple):
    """A place on an axis: a group's name, or one of its members."""

    label: str
    key: str | None = None
    """None for the name of a group."""


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

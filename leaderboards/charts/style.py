"""How charts look: two themes, two widths, colours that colour-blind readers can tell apart."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from privtalk.leaderboards.escaping import drawable

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
FONT = "Helvetica Neue, Arial, Liberation Sans, sans-serif"
SHAPES = (
    "circle",
    "square",
    "triangle-up",
    "diamond",
    "triangle-down",
    "cross",
    "triangle-right",
    "triangle-left",
)
"""Shape of each method, so that colour is never the only mark."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Theme:
    """Colours on a transparent ground."""

    name: str
    ink: str
    muted: str
    grid: str
    methods: tuple[str, ...]
    """By method, in alphabetical order (after Okabe and Ito)."""
    tiers: tuple[str, ...]
    """By tier, the weakest guarantee first."""
    better: str
    worse: str


LIGHT = Theme(
    name="light",
    ink="#1f2328",
    muted="#636c76",
    grid="#e4e7eb",
    methods=("#0072b2", "#d55e00", "#008a64", "#b0578d", "#8a6d00", "#4a4a9c", "#2a8fbd", "#7a4a2a"),
    tiers=("#6a3d9a", "#00808c", "#c27c0e", "#5a5a5a", "#2b6cb0", "#a23b3b"),
    better="#0b6e4f",
    worse="#b3341f",
)
DARK = Theme(
    name="dark",
    ink="#e6edf3",
    muted="#9aa4af",
    grid="#2b323b",
    methods=("#56b4e9", "#ff9d5c", "#3ccf9f", "#e59ac6", "#e6c84b", "#a5a5f0", "#8fd3ee", "#cf9f7a"),
    tiers=("#c4a5f0", "#4fd0d6", "#f0b64a", "#b0b0b0", "#7cb3ee", "#ee8d8d"),
    better="#45c795",
    worse="#ff8b73",
)
THEMES = (LIGHT, DARK)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Sizes in pixels."""

    name: str
    width: int
    """The width of a plot, without axes and labels."""
    tall: int
    short: int
    panel: int
    """Side of a small panel."""
    columns: int
    """Small panels beside each other."""
    font: int


WIDE = Layout(name="wide", width=860, tall=320, short=200, panel=270, columns=3, font=13)
NARROW = Layout(name="narrow", width=215, tall=300, short=190, panel=270, columns=1, font=13)
LAYOUTS = (WIDE, NARROW)


def config(theme: Theme, layout: Layout) -> dict[str, Any]:
    """Vega-Lite configuration shared by all charts."""
    text = {"labelColor": theme.muted, "titleColor": theme.ink, "labelFontSize": layout.font - 1}
    return {
        "background": "transparent",
        "font": FONT,
        "view": {"stroke": None},
        "axis": {
            **text,
            "titleFontSize": layout.font - 1,
            "titleFontWeight": "normal",
            "titleColor": theme.muted,
            "gridColor": theme.grid,
            "domainColor": theme.grid,
            "tickColor": theme.grid,
            "labelPadding": 6,
            "titlePadding": 10,
        },
        "legend": {**text, "titleFontSize": layout.font - 1, "orient": "top", "symbolStrokeWidth": 2.5},
        "title": {
            "color": theme.ink,
            "fontSize": layout.font,
            "fontWeight": 600,
            "anchor": "start",
            "frame": "group",
            "offset": 12,
            "subtitleColor": theme.muted,
            "subtitleFontSize": layout.font - 1,
        },
        "concat": {"spacing": 28},
    }


def method_colours(methods: Sequence[str], theme: Theme) -> dict[str, str]:
    """Colour of each method, stable across charts of a board."""
    return {m: theme.methods[i % len(theme.methods)] for i, m in enumerate(sorted(set(methods)))}


def method_shapes(methods: Sequence[str]) -> dict[str, str]:
    """Shape of each method; where there are more than shapes, none has both colour and shape of another's."""
    count = len(SHAPES)
    return {m: SHAPES[(i + i // count) % count] for i, m in enumerate(sorted(set(methods)))}


def recoloured(svg: str, old: Theme, new: Theme) -> str:
    """A drawing in another theme: the same as drawing it anew, without the time that takes."""
    pairs = {
        old.ink: new.ink,
        old.muted: new.muted,
        old.grid: new.grid,
        old.better: new.better,
        old.worse: new.worse,
        **dict(zip(old.methods, new.methods, strict=True)),
        **dict(zip(old.tiers, new.tiers, strict=True)),
    }
    return re.sub("|".join(pairs), lambda match: pairs[match[0]], svg)


def render(spec: dict[str, Any]) -> str:
    """SVG of a Vega-Lite specification, drawn here: the page needs no script and no network."""
    import vl_convert

    svg: str = vl_convert.vegalite_to_svg(drawable(spec), vl_version="6.1")
    return svg

"""The heat map of effects: terms against measures, better, worse or not shown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from privtalk.leaderboards import formats
from privtalk.leaderboards.charts.files import Figure, written
from privtalk.leaderboards.charts.heat import HeatLabel, heat_map
from privtalk.leaderboards.charts.parts import Spec, whole
from privtalk.leaderboards.charts.style import Layout, Theme
from privtalk.leaderboards.sections.ablation import tables
from privtalk.leaderboards.sections.ablation.effects import Effect, Effects, Outcome

WIDEST = 76
"""Width of a column that holds a figure."""


def draw(found: Sequence[Effects], site: Path, slug: str) -> Figure:
    """The heat map of all designs, with every effect as its data."""
    return written(
        lambda theme, layout: effect_map(found, theme, layout),
        tables.rows(found),
        site / "charts" / slug / "effects",
        title="Effects at a glance",
        alt=" ".join(_described(effects) for effects in found),
        caption=(
            "▲ better and ▼ worse with the part than without it, after Holm’s correction; of an interaction: together "
            "better or worse than the parts alone add up to. The stronger the colour, the more half-intervals away "
            "from zero. Grey: not shown."
        ),
    )


def effect_map(found: Sequence[Effects], theme: Theme, layout: Layout) -> Spec:
    """Lines are terms by design and columns measures by family; the other way round on narrow screens."""
    measures = list(dict.fromkeys(measure for effects in found for measure in effects.measures))
    columns, family = [], None
    for measure in sorted(measures, key=lambda m: [n.family for n in measures].index(m.family)):
        if measure.family != family:
            columns.append(HeatLabel(measure.family or "metrics"))
            family = measure.family
        columns.append(HeatLabel(measure.label, measure.name))
    lines = []
    for effects in found:
        lines.append(HeatLabel(effects.design.place or effects.design.method))
        lines += [
            HeatLabel(effects.named(term), _key(effects, effects.named(term))) for term in effects.terms
        ]
    cells = [
        cell
        for effects in found
        for term in effects.terms
        for effect, measure in zip(effects.of(term), effects.measures, strict=True)
        if (cell := _drawn(effects, effect, measure)) is not None
    ]
    axes = {"measure": columns, "line": lines}
    across, down = ("measure", "line") if layout.columns > 1 else ("line", "measure")
    spec = heat_map(cells, across, axes[across], down, axes[down], theme, layout, WIDEST)
    return whole(spec, theme, layout)


def _drawn(effects: Effects, effect: Effect, measure: Outcome) -> dict[str, Any] | None:
    """A cell of the map; None for an effect without an interval of some width."""
    apart = effect.difference
    half = formats.half_width(apart.estimate())
    if effect.verdict is None or apart.value is None or not half:
        return None
    return {
        "verdict": effect.verdict,
        "standardised": measure.sign * apart.value / half,
        "text": formats.number(apart.value, measure.digits, signed=True),
        "measure_key": measure.name,
        "line_key": _key(effects, effects.named(effect.term)),
    }


def _key(effects: Effects, name: str) -> str:
    return f"{effects.design.title}: {name}"


def _described(effects: Effects) -> str:
    """The description for a reader who cannot see the chart."""
    told = []
    for term in effects.terms:
        for effect, measure in zip(effects.of(term), effects.measures, strict=True):
            if effect.verdict in ("better", "worse"):
                told.append(f"{effects.named(term)} {effect.verdict} in {measure.label}")
    return f"{tables.title(effects)}: {formats.listing(told) or 'nothing is shown'}."

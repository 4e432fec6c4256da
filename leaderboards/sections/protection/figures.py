"""The charts of protections: who is silenced and who broken, what it costs, and who restores it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from privtalk.leaderboards import formats
from privtalk.leaderboards.charts.data import Table
from privtalk.leaderboards.charts.files import Figure, written
from privtalk.leaderboards.charts.parts import Spec, layer, quantitative, scale, whole
from privtalk.leaderboards.charts.style import Layout, Theme, method_colours, method_shapes
from privtalk.leaderboards.sections.protection.findings import words
from privtalk.leaderboards.sections.protection.protection_board import (
    INTACT,
    SILENCED,
    TALKING,
    ProtectionBoard,
    state,
)

SHADE = 0.42
"""Opacity of a cell of the matrix."""


def draw_all(shown: ProtectionBoard, site: Path, slug: str) -> dict[str, list[Figure]]:
    """The quadrants and the cost beside each other, and the matrix of attackers."""
    folder = site / "charts" / slug
    found = {"quadrants": [_quadrants(shown, folder)], "cost": [_cost(shown, folder)], "matrix": []}
    if shown.attackers:
        found["matrix"] = [_matrix(shown, folder)]
    return found


def point_rows(shown: ProtectionBoard) -> Table:
    """A row a protection and budget: control, intactness, cost."""
    rows = []
    for found in shown.rows:
        control, intact, cost = (read(found.row) for read in (shown.control, shown.intact, shown.cost))
        rows.append(
            {
                "label": found.row.label,
                "at": found.row.at,
                "kind": found.row.kind,
                "control": control.value,
                "low": control.low,
                "high": control.high,
                "intact": intact.value,
                "cost": cost.value,
                "state": state(control.value, intact.value),
            }
        )
    return rows


def matrix_rows(shown: ProtectionBoard) -> Table:
    """A row a protection at the main budget and attacker, the direct and the worst one among them."""
    rows = []
    clean = [found for found in shown.rows if found.row.key.tier == "none"]
    for found in [*clean, *shown.main]:
        worst = shown.worst(found)
        tried = {"direct": found.row, **found.attacked}
        if worst is not None:
            tried = {"worst of all": worst[1], **tried}
        for name, row in tried.items():
            control = shown.control(row)
            rows.append(
                {
                    "label": found.row.label,
                    "attacker": words(name),
                    "control": control.value,
                    "low": control.low,
                    "high": control.high,
                    "who": words(worst[0]) if worst and name == "worst of all" else words(name),
                }
            )
    return rows


def _quadrants(shown: ProtectionBoard, folder: Path) -> Figure:
    rows = [row for row in point_rows(shown) if row["control"] is not None and row["intact"] is not None]
    told = "; ".join(
        f"{row['label']} {row['at']}: control {formats.number(row['control'], 2)}, identity "
        f"{formats.number(row['intact'], 2)}, {row['state']}"
        for row in rows
    )
    return written(
        lambda theme, layout: quadrants(rows, theme, layout),
        rows,
        folder / "protection-quadrants",
        title="Silenced, broken or talking",
        alt=f"Audio control retained against identity kept. {told}.",
        caption="Left is silent, up is intact: a protection belongs to the upper left. Bars are 95 % intervals, "
        "clustered by owner; lines join the budgets of a method; the larger, the further from the clean portrait.",
    )


def _cost(shown: ProtectionBoard, folder: Path) -> Figure:
    rows = [row for row in point_rows(shown) if row["kind"] != "reference" and row["control"] is not None]
    return written(
        lambda theme, layout: cost_chart(rows, theme, layout),
        rows,
        folder / "protection-cost",
        title="Protection against what it costs the portrait",
        alt="Audio control retained against the portrait’s I-PSNR, by method and budget.",
        caption="Down is silent, right is unseen. Only points above each other compare: a protection that changes a "
        "portrait more should be set against others that do.",
    )


def _matrix(shown: ProtectionBoard, folder: Path) -> Figure:
    rows = [row for row in matrix_rows(shown) if row["control"] is not None]
    order = ["worst of all", "direct", *map(words, shown.attackers)]
    return written(
        lambda theme, layout: matrix(rows, order, theme, layout),
        rows,
        folder / "protection-matrix",
        title="Who restores the mouth",
        alt="; ".join(
            f"{row['label']} by {row['attacker']}: {formats.number(row['control'], 2)}" for row in rows
        ),
        caption="Audio control retained: 0 is silence, 1 the clean portrait under the direct animation. The worst "
        "attacker stands in front; a protection counts for what it leaves that one. Above 1 the mouth answers "
        "more than the clean portrait’s.",
    )


def quadrants(rows: Table, theme: Theme, layout: Layout) -> Spec:
    """Control across, identity up, with lines at the borders of the quadrants."""
    labels = sorted({row["label"] for row in rows})
    low = min([*(row["intact"] for row in rows), INTACT]) - 0.03
    top = max([*(row["high"] or row["control"] for row in rows), 1.0]) + 0.05
    left = min([*(row["control"] if row["low"] is None else row["low"] for row in rows), 0.0])
    x = quantitative("control") | {"title": "audio control retained", "scale": {"domain": [left, top]}}
    x["axis"] = {"tickCount": 10}
    y = quantitative("intact") | {"title": "identity kept", "scale": {"domain": [low, 1.0], "zero": False}}
    colour = {"field": "label", "scale": scale(method_colours(labels, theme)), **_legend(layout)}
    shape = {"field": "label", "scale": scale(method_shapes(labels)), **_legend(layout)}
    names = [
        {"control": 0.02, "intact": 0.998, "text": "silenced"},
        {"control": top - 0.02, "intact": 0.998, "text": "talking"},
        {"control": 0.02, "intact": low + 0.005, "text": "broken"},
        {"control": top - 0.02, "intact": low + 0.005, "text": "talking and broken"},
    ]
    quiet = {"type": "rule", "color": theme.muted, "strokeDash": [3, 4]}
    word = {"type": "text", "color": theme.muted, "fontSize": layout.font - 1, "fontStyle": "italic"}
    borders = [
        layer(
            [{"at": value} for value in (SILENCED, TALKING)], quiet, x={"field": "at", "type": "quantitative"}
        ),
        layer([{"at": INTACT}], quiet, y={"field": "at", "type": "quantitative"}),
    ]
    spec = {
        "width": layout.width,
        "height": layout.tall,
        "layer": [
            *borders,
            layer(names[::2], word | {"align": "left"}, x=x, y=y, text={"field": "text"}),
            layer(names[1::2], word | {"align": "right"}, x=x, y=y, text={"field": "text"}),
            layer(
                rows,
                {"type": "rule", "opacity": 0.5},
                x=x | {"field": "low"},
                x2={"field": "high"},
                y=y,
                color=colour,
            ),
            layer(rows, {"type": "line", "strokeWidth": 1}, x=x, y=y, color=colour, order=_budget()),
            layer(rows, {"type": "point", "filled": True, "size": 70}, x=x, y=y, color=colour, shape=shape),
        ],
    }
    return whole(spec, theme, layout)


def cost_chart(rows: Table, theme: Theme, layout: Layout) -> Spec:
    """I-PSNR across, control up."""
    labels = sorted({row["label"] for row in rows})
    x = quantitative("cost") | {"title": "I-PSNR of the portrait, dB", "scale": {"zero": False}}
    y = quantitative("control") | {"title": "audio control retained", "scale": {"zero": True}}
    colour = {"field": "label", "scale": scale(method_colours(labels, theme)), **_legend(layout)}
    shape = {"field": "label", "scale": scale(method_shapes(labels)), **_legend(layout)}
    spec = {
        "width": layout.width,
        "height": layout.tall,
        "layer": [
            layer(
                rows,
                {"type": "rule", "opacity": 0.5},
                x=x,
                y=y | {"field": "low"},
                y2={"field": "high"},
                color=colour,
            ),
            layer(rows, {"type": "line", "strokeWidth": 1}, x=x, y=y, color=colour, order=_budget()),
            layer(rows, {"type": "point", "filled": True, "size": 70}, x=x, y=y, color=colour, shape=shape),
        ],
    }
    return whole(spec, theme, layout)


def matrix(rows: Table, order: list[str], theme: Theme, layout: Layout) -> Spec:
    """Protections down, attackers across, darker the more of the mouth's response is left."""
    labels = list(dict.fromkeys(row["label"] for row in rows))
    shown = [row | {"text": formats.number(row["control"], 2), **_shades(row["control"])} for row in rows]
    wide = layout.columns > 1
    across, down = ("attacker", "label") if wide else ("label", "attacker")
    sorts = {"attacker": order, "label": labels}
    step = min(62, max(layout.width / len(sorts[across]), 34))

    def ordinal(field: str, **more: Any) -> dict[str, Any]:
        axis = {"title": None, "ticks": False, "domain": False, "labelLimit": 190, **more}
        return {"field": field, "type": "nominal", "sort": sorts[field], "axis": axis}

    spec = {
        "width": round(step * len(sorts[across])),
        "height": 24 * len(sorts[down]),
        "encoding": {
            "x": ordinal(across, labelAngle=-50, orient="top"),
            "y": ordinal(down),
        },
        "layer": [
            *(
                layer(
                    shown,
                    {"type": "rect", "cornerRadius": 2, "color": colour},
                    opacity={"field": shade, "type": "quantitative", "scale": None, "legend": None},
                )
                for shade, colour in (("silent", theme.better), ("loud", theme.worse))
            ),
            layer(
                shown,
                {"type": "text", "color": theme.ink, "fontSize": layout.font - 2},
                text={"field": "text"},
            ),
        ],
    }
    return whole(spec, theme, layout)


def _shades(control: float) -> dict[str, float]:
    """How opaque the colours of silence and of speech lie over each other; a blend would not follow the theme."""
    loud = min(max(control, 0.0), 1.0)
    return {"silent": round(SHADE * (1 - loud), 3), "loud": round(SHADE * loud, 3)}


def _budget() -> dict[str, Any]:
    return {"field": "cost", "type": "quantitative", "sort": "descending"}


def _legend(layout: Layout) -> dict[str, Any]:
    return {"legend": {"title": None, "columns": 5 if layout.columns > 1 else 1, "orient": "bottom"}}

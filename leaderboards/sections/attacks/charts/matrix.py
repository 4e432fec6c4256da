"""Who leaks: every attack on every row, coloured only where it gains and its controls are at chance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from privtalk.leaderboards import formats
from privtalk.leaderboards.board.attacks import RATES, AttackSummary
from privtalk.leaderboards.board.model import BoardRow
from privtalk.leaderboards.charts.heat import TALL, WIDEST, HeatLabel, axis
from privtalk.leaderboards.charts.parts import Spec, layer, scale, whole
from privtalk.leaderboards.charts.style import Layout, Theme
from privtalk.leaderboards.sections.attacks.attack_board import AttackBoard, Stand

GAP = 7
"""Letters between the start of a group's name and the next one's, at least."""
SPARE = 90
"""Pixels beside a wide plot that other charts need for labels."""
FAINT, STRONG = 0.18, 0.75
"""Opacity of the least and the greatest gain."""
DECIBELS = 6.0
"""A gain in decibels that is as strong as the scale goes."""
Cell = dict[str, Any]


def leak_matrix(attacks: AttackBoard, theme: Theme, layout: Layout) -> Spec:
    """Rows are methods by tier and columns attacks by family and view; on narrow screens a panel a tier, turned."""
    columns = _attacks(attacks)
    if layout.columns > 1:
        lines = [line for stand in attacks.stands for line in _rows(stand)]
        return whole(_panel(attacks, columns, lines, theme, layout, turned=False), theme, layout)
    panels = [
        _panel(attacks, columns, _rows(stand)[1:], theme, layout, turned=True) | {"title": stand.title}
        for stand in attacks.stands
    ]
    return whole({"vconcat": panels}, theme, layout)


def short(value: float, unit: str) -> str:
    """A figure in the room of a cell.

    >>> short(0.916, "AUC"), short(1.0, "rate"), short(0.42, "dB"), short(-12.3, "dB")
    ('.92', '1.0', '+.4', '−12')
    """
    if unit.lower() in RATES:
        return formats.number(value, 2).removeprefix("0") if round(value, 2) < 1 else "1.0"
    digits = 0 if abs(value) >= 9.95 else 1
    return formats.number(value, digits, signed=True).replace("0.", ".")


def state(attack: AttackSummary) -> str:
    """How a cell is drawn.

    `leak`; `quiet` at chance though it finds what is planted; `unsure` at chance and not known to find anything, or
    below chance; `invalid`; `missing`.
    """
    if attack.verdict in ("invalid", "missing"):
        return attack.verdict
    if attack.verdict == "above chance":
        return "leak"
    return "quiet" if attack.verdict == "at chance" and attack.power == "shown" else "unsure"


def _panel(
    attacks: AttackBoard,
    columns: Sequence[HeatLabel],
    lines: Sequence[HeatLabel],
    theme: Theme,
    layout: Layout,
    *,
    turned: bool,
) -> Spec:
    across, down = (lines, columns) if turned else (columns, lines)
    x_of, y_of = (
        {line.key: str(i) for i, line in enumerate(places) if line.key} for places in (across, down)
    )
    cells = [
        cell
        | {"x": x_of[cell["row"] if turned else cell["attack"]]}
        | {"y": y_of[cell["attack"] if turned else cell["row"]]}
        for cell in _cells(attacks)
        if cell["row"] in {line.key for line in lines}
    ]
    step = min(WIDEST, (layout.width + (0 if turned else SPARE)) / len(across))
    names = [] if turned else _names(attacks, columns, theme, layout, step)
    return {
        "width": round(step * len(across)),
        "height": TALL * len(down),
        "encoding": {
            "x": axis("x", across, layout, theme, labelAngle=-90, orient="bottom", labelLimit=240),
            "y": axis("y", down, layout, theme, labelLimit=190),
        },
        "layer": [*_boxes(cells, theme), *_texts(cells, theme, step), *names],
    }


def _boxes(cells: Sequence[Cell], theme: Theme) -> list[Spec]:
    """Filled where something is known, outlined where not; dashed where a control failed."""
    box = {"type": "rect", "cornerRadius": 2}
    filled = [c for c in cells if c["state"] in ("leak", "quiet")]
    colour = {"field": "state", "scale": scale({"leak": theme.worse, "quiet": theme.muted}), "legend": None}
    opacity = {"field": "opacity", "type": "quantitative", "scale": None, "legend": None}
    empty = {"filled": False, "stroke": theme.muted, "strokeWidth": 0.8, "strokeOpacity": 0.55}
    dashed = {"filled": False, "stroke": theme.worse, "strokeWidth": 1, "strokeDash": [2, 2]}
    return [
        layer(filled, box, color=colour, opacity=opacity),
        layer([c for c in cells if c["state"] == "unsure"], box | empty),
        layer([c for c in cells if c["state"] == "invalid"], box | dashed),
    ]


def _texts(cells: Sequence[Cell], theme: Theme, step: float) -> list[Spec]:
    size = min(10.5, 0.42 * step)
    text = {"type": "text", "fontSize": round(size, 1), "baseline": "middle"}
    strong = [c for c in cells if c["state"] == "leak"]
    weak = [c for c in cells if c["state"] != "leak"]
    return [
        layer(strong, text | {"color": theme.ink, "fontWeight": 700}, text={"field": "text"}),
        layer(weak, text | {"color": theme.muted}, text={"field": "text"}),
    ]


def _names(
    attacks: AttackBoard, columns: Sequence[HeatLabel], theme: Theme, layout: Layout, step: float
) -> list[Spec]:
    """Above the columns: families, and below them their views; a name without room is cut."""
    starts = [i for i, line in enumerate(columns) if line.key is None]
    groups = attacks.groups
    first = [k for k, group in enumerate(groups) if k == 0 or groups[k - 1].family != group.family]
    end = len(columns) + GAP * 6 / step
    family = [(starts[k], groups[k].family) for k in first]
    view = [(start, group.view) for start, group in zip(starts, groups, strict=True)]
    text = {
        "type": "text",
        "align": "left",
        "fontSize": layout.font - 2,
        "color": theme.muted,
        "dx": -step / 2,
    }
    return [
        layer(_cut(family, end, step), text | {"fontWeight": 700}, y={"value": -22}, text={"field": "text"}),
        layer(_cut(view, end, step), text, y={"value": -8}, text={"field": "text"}),
    ]


def _cut(names: Sequence[tuple[int, str]], end: float, step: float) -> list[Cell]:
    ends = [*(start for start, _ in names[1:]), end]
    placed = []
    for (start, name), stop in zip(names, ends, strict=True):
        room = int((stop - start) * step / 6)
        placed.append({"x": str(start + 1), "text": name if len(name) <= room else f"{name[: room - 1]}."})
    return placed


def _cells(attacks: AttackBoard) -> list[Cell]:
    return [
        {"row": _key(row), "attack": name, "state": state(a), "text": _text(a), "opacity": _opacity(a)}
        for stand in attacks.stands
        for row in stand.rows
        for name, a in row.attacks.items()
    ]


def _text(attack: AttackSummary) -> str:
    """The figure; a dash where there is none, ! where it means nothing, ‹ where it lies below chance."""
    head = attack.headline
    if head.estimate.value is None:
        return formats.MISSING
    if attack.verdict == "invalid":
        return "!"
    return "‹" * (attack.verdict == "below chance") + short(head.estimate.value, head.unit)


def _opacity(attack: AttackSummary) -> float:
    if state(attack) != "leak" or attack.headline.estimate.value is None:
        return FAINT
    head = attack.headline
    gain = abs(attack.headline.estimate.value - head.chance)
    share = gain / max(1 - head.chance, 1e-9) if head.unit != "dB" else gain / DECIBELS
    return round(FAINT + (STRONG - FAINT) * min(share, 1.0), 3)


def _attacks(attacks: AttackBoard) -> list[HeatLabel]:
    lines = []
    for group in attacks.groups:
        lines += [
            HeatLabel(f"{group.family}: {group.view}"),
            *(HeatLabel(attacks.labelled(n), n) for n in group.attacks),
        ]
    return lines


def _rows(stand: Stand) -> list[HeatLabel]:
    return [HeatLabel(stand.title), *(HeatLabel(row.label, _key(row)) for row in stand.rows)]


def _key(row: BoardRow) -> str:
    return f"{row.label} {row.key.tier}"

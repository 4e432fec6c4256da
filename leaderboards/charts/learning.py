"""The chart of a training: its loss by step, for each stage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from privtalk.leaderboards.charts.data import Table
from privtalk.leaderboards.charts.parts import Spec, layer, quantitative, whole
from privtalk.leaderboards.charts.style import LIGHT, WIDE, Layout, Theme, render

Curve = Sequence[tuple[int, float]]


def learning_rows(curves: Mapping[str, Curve]) -> Table:
    """Returns a row a point: stage, step and the mean loss since the point before.

    >>> learning_rows({"denoiser": [(50, 0.5)]})
    [{'stage': 'denoiser', 'step': 50, 'loss': 0.5}]
    """
    return [
        {"stage": stage, "step": step, "loss": loss}
        for stage, curve in curves.items()
        for step, loss in curve
    ]


def learning_chart(curves: Mapping[str, Curve], theme: Theme, layout: Layout) -> Spec:
    """Returns the specification: a panel a stage, on a logarithmic scale of its own."""
    panels = []
    for number, (stage, curve) in enumerate(curves.items()):
        colour = theme.methods[number % len(theme.methods)]
        loss = quantitative("loss") | {"scale": {"type": "log", "nice": False}, "title": "loss"}
        step = quantitative("step") | {"axis": {"tickCount": 5, "grid": False}}
        drawn = layer(
            learning_rows({stage: curve}),
            {"type": "line", "color": colour, "point": len(curve) < 8},
            x=step,
            y=loss,
        )
        panels.append(
            {"title": stage, "width": layout.width // max(1, len(curves)) - 40, "height": 220, **drawn}
        )
    return whole({"hconcat": panels}, theme, layout)


def write_learning_chart(curves: Mapping[str, Curve], path: Path) -> bool:
    """Draws the curves as an SVG file; says whether it could: the drawing needs the extra `site`."""
    try:
        drawn = render(learning_chart(curves, LIGHT, WIDE))
    except ImportError:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(drawn.replace("<svg ", '<svg style="background:#fff" ', 1), encoding="utf-8")
    return True

"""The marks by which charts tell methods apart."""

from __future__ import annotations

from privtalk.leaderboards.charts.style import LIGHT, method_colours, method_shapes


def test_more_methods_than_shapes_never_share_both_colour_and_shape():
    names = [f"method {k:02d}" for k in range(24)]
    colours, shapes = method_colours(names, LIGHT), method_shapes(names)
    assert len({(colours[name], shapes[name]) for name in names}) == len(names)

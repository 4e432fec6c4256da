"""Charts as Vega-Lite specifications, drawn to SVG when the site is built: one chart a file."""

from privtalk.leaderboards.charts.aggregation import aggregation
from privtalk.leaderboards.charts.all_metrics import all_metrics
from privtalk.leaderboards.charts.forest import forest
from privtalk.leaderboards.charts.leaks import leak_matrix
from privtalk.leaderboards.charts.parts import Spec, off_scale
from privtalk.leaderboards.charts.privacy_utility import privacy_utility
from privtalk.leaderboards.charts.roc import roc
from privtalk.leaderboards.charts.style import render

__all__ = [
    "Spec",
    "aggregation",
    "all_metrics",
    "forest",
    "leak_matrix",
    "off_scale",
    "privacy_utility",
    "render",
    "roc",
]

"""Every metric of generated clips by its name, in the order of the board's columns."""

from __future__ import annotations

from privtalk.metrics.declaration import Family, Metric
from privtalk.metrics.distributions import SOURCES
from privtalk.metrics.scorers import SCORERS

FAMILIES: tuple[Family, ...] = ("quality", "distribution", "identity", "landmarks", "temporal", "sync")

_DECLARED = [scorer.metric for scorer in SCORERS.values()] + [source.metric for source in SOURCES.values()]

METRICS: dict[str, Metric] = {
    metric.name: metric for family in FAMILIES for metric in _DECLARED if metric.family == family
}


def metric(name: str) -> Metric:
    """Declaration of a metric.

    >>> metric("psnr").direction
    'higher'
    """
    if name not in METRICS:
        raise ValueError(f"unknown metric {name!r}; the metrics are {', '.join(METRICS)}")
    return METRICS[name]

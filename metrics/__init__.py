"""Quality metrics of generated clips: one a file, each with its declaration, listed in `METRICS`."""

from privtalk.metrics.clip_scores import ClipScores, check_clip, score_clip
from privtalk.metrics.declaration import Metric, Undefined
from privtalk.metrics.readings import ClipPair, Reading
from privtalk.metrics.registry import METRICS, metric

__all__ = [
    "METRICS",
    "ClipPair",
    "ClipScores",
    "Metric",
    "Reading",
    "Undefined",
    "check_clip",
    "metric",
    "score_clip",
]

"""FVD: the Fréchet distance between features of windows of 16 frames (Unterthiner et al., 2018)."""

from __future__ import annotations

from privtalk.metrics.declaration import Metric


def fvd(evaluator: str) -> Metric:
    """Declaration; the distance itself is `frechet.frechet`."""
    return Metric(
        name=f"fvd[{evaluator}]",
        family="distribution",
        direction="lower",
        unit="",
        range=(0.0, float("inf")),
        worst=None,
        needs=("truth", "weights"),
        about="Fréchet distance between the features of generated and true windows of 16 frames",
        level="set",
    )

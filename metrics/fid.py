"""FID: the Fréchet distance between features of generated and of true frames (Heusel et al., 2017)."""

from __future__ import annotations

from privtalk.metrics.declaration import Metric


def fid(evaluator: str) -> Metric:
    """Declaration; the distance itself is `frechet.frechet`. Values of different networks do not compare."""
    return Metric(
        name=f"fid[{evaluator}]",
        family="distribution",
        direction="lower",
        unit="",
        range=(0.0, float("inf")),
        worst=None,
        needs=("truth", "weights"),
        about="Fréchet distance between the features of all generated and all true frames",
        level="set",
    )

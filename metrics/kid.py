"""KID: the kernel distance between features of generated and of true frames (Bińkowski et al., 2018)."""

from __future__ import annotations

from privtalk.metrics.declaration import Metric


def kid(evaluator: str) -> Metric:
    """Declaration; the distance itself is `kernel_distance.kernel_distance`."""
    return Metric(
        name=f"kid[{evaluator}]",
        family="distribution",
        direction="lower",
        unit="",
        range=(-float("inf"), float("inf")),
        worst=None,
        needs=("truth", "weights"),
        about="kernel distance between the features of generated and true frames of different people, unbiased",
        level="set",
    )

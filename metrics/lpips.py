"""LPIPS: the perceptual distance between generated and true frames (Zhang et al., 2018)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from privtalk.metrics.declaration import Metric
from privtalk.metrics.evaluators.protocols import PerceptualDistance
from privtalk.metrics.inputs import check_floats, check_region

REGIONS = {
    "": "the whole frame",
    "_face": "the face, mean of its map",
    "_mouth": "the box around the true mouth, mean of its map",
}


def lpips_metric(evaluator: str, region: str = "") -> Metric:
    """Declaration, of the whole frame or of a region of `REGIONS`."""
    return Metric(
        name=f"lpips{region}[{evaluator}]",
        family="quality",
        direction="lower",
        unit="",
        range=(0.0, float("inf")),
        worst=None,
        needs=("truth", "weights", *(("landmarks",) if region else ())),
        about=f"perceptual distance to the true frames over {REGIONS[region]}",
    )


def lpips(distance: PerceptualDistance, region: NDArray[np.bool_] | None = None) -> float:
    """Mean over frames of the distance, or of its map over a region [T, H, W]; lower is better.

    >>> apart = PerceptualDistance(np.array([0.1, 0.3]), np.full((2, 4, 4), 0.5))
    >>> round(lpips(apart), 6), lpips(apart, np.ones((2, 4, 4), bool))
    (0.2, 0.5)
    """
    check_floats(distance.whole, "distances", "[T]", 1)
    check_floats(distance.map, "maps of distances", "[T, H, W]", 3)
    if len(distance.whole) != len(distance.map):
        raise ValueError(
            f"{len(distance.whole)} distances and {len(distance.map)} maps; give one of each a frame"
        )
    check_region(region, distance.map.shape)
    if region is None:
        return float(distance.whole.mean(dtype=np.float64))
    inside = np.where(region, distance.map, 0).sum((1, 2), dtype=np.float64)
    return float((inside / region.sum((1, 2))).mean())

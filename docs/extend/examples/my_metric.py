"""A metric of one's own: how much sharper or softer than the truth generated frames are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from privtalk.metrics.declaration import Metric, Undefined
from privtalk.metrics.readings import ClipPair
from privtalk.metrics.scorers import Scorer


def edges(frames: NDArray[np.uint8]) -> float:
    """Mean absolute difference of neighbouring pixels of frames [T, H, W, 3]."""
    return float(np.abs(np.diff(frames.astype(np.int16), axis=2)).mean())


def sharpness_error(pair: ClipPair) -> float:
    truth = edges(pair.truth.frames)
    if truth == 0:
        raise Undefined("the true frames have no edges")
    return abs(edges(pair.generated.frames) - truth) / truth


METRIC = Scorer(
    Metric(
        name="sharpness_error",
        family="quality",
        direction="lower",
        unit="",
        range=(0.0, float("inf")),
        worst=None,
        needs=("truth",),
        about="relative distance of the edges' strength from ground truth's",
    ),
    sharpness_error,
)

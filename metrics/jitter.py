"""Temporal jitter, as PrivFedTalk's code computes it, and its distance from ground truth's.

The raw value alone is misleading: a frozen face has none. So it is only ever read beside ground truth's.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from privtalk.metrics.declaration import Metric, Undefined
from privtalk.metrics.inputs import check_frames, check_number

JITTER = Metric(
    name="jitter",
    family="temporal",
    direction="reference",
    unit="",
    range=(0.0, 1.0),
    worst=None,
    needs=(),
    about="mean absolute change between successive frames, to be compared with ground truth's",
)
JITTER_ERROR = Metric(
    name="jitter_error",
    family="temporal",
    direction="lower",
    unit="",
    range=(0.0, float("inf")),
    worst=None,
    needs=("truth",),
    about="relative distance of the jitter from ground truth's (a frozen face: 1)",
)


def jitter(frames: NDArray[np.uint8]) -> float:
    """mean |x[t+1] - x[t]| of frames [T, H, W, 3] on a 0..1 scale; T at least 2.

    >>> jitter(np.array([0, 255, 0], np.uint8).reshape(3, 1, 1, 1))
    1.0
    """
    check_frames(frames)
    if len(frames) < 2:
        raise Undefined("one frame has no motion")
    later, earlier = frames[1:], frames[:-1]
    # |a - b| of unsigned bytes without widening them.
    change = np.maximum(later, earlier) - np.minimum(later, earlier)
    return float(change.mean(dtype=np.float64)) / 255


def jitter_error(generated: float, truth: float) -> float:
    """|generated - truth| / truth of two jitters; lower is better: 0 ground truth's motion, 1 a frozen face.

    >>> jitter_error(0.0, 0.02), jitter_error(0.02, 0.02)
    (1.0, 0.0)
    """
    check_number(generated, "the generated jitter", 0)
    check_number(truth, "the true jitter", 0)
    if truth == 0:
        raise Undefined("the true clip does not move")
    return abs(generated - truth) / truth

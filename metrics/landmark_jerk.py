"""Landmark jerk: how abruptly the points of a face change their acceleration.

A frozen face has none, so the raw value alone is misleading; it is only ever read beside ground truth's.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from privtalk.metrics.declaration import Metric, Undefined
from privtalk.metrics.inputs import check_points
from privtalk.metrics.regions import eye_distance


def landmark_jerk(evaluator: str) -> Metric:
    """Declaration of `jerk` of the points that a network reads.

    >>> landmark_jerk("talkhead").name
    'landmark_jerk[talkhead]'
    """
    return Metric(
        name=f"landmark_jerk[{evaluator}]",
        family="temporal",
        direction="reference",
        unit="eye distances/frame³",
        range=(0.0, float("inf")),
        worst=None,
        needs=("landmarks", "weights"),
        about="mean third difference of the landmarks over time, to be compared with ground truth's",
    )


def jerk(landmarks: NDArray[np.floating]) -> float:
    """Mean L2 of x[t+3] - 3 x[t+2] + 3 x[t+1] - x[t] over points and frames, in eye distances per frame³.

    landmarks: [T, 68, 2] pixels, T at least 4; the size is that of the same clip (`eye_distance`). Any motion
    of constant acceleration has none.

    >>> points = np.zeros((4, 68, 2)); points[:, 45, 0] = 10; points[3, :, 1] = 5
    >>> jerk(points)
    0.5
    """
    check_points(landmarks)
    if len(landmarks) < 4:
        raise Undefined(f"{len(landmarks)} frames are too few for a third difference (at least 4)")
    third = np.diff(landmarks.astype(np.float64), n=3, axis=0)
    return float(np.linalg.norm(third, axis=-1).mean()) / eye_distance(landmarks)

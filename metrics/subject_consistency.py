"""Subject consistency (VBench; Huang et al., 2024): does a clip show the same face throughout?

A frozen clip scores 1, so the value is only ever read beside ground truth's.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from privtalk.metrics.declaration import Metric, Undefined
from privtalk.metrics.inputs import check_floats


def subject_consistency(evaluator: str) -> Metric:
    """Declaration of `consistency` of the features of a network.

    >>> subject_consistency("talkhead").evaluator
    'talkhead'
    """
    return Metric(
        name=f"subject_consistency[{evaluator}]",
        family="temporal",
        direction="reference",
        unit="",
        range=(0.0, 1.0),
        worst=None,
        needs=("weights",),
        about="likeness of each frame to the first and to the one before, to be compared with ground truth's",
    )


def consistency(features: NDArray[np.floating]) -> float:
    """Mean over t >= 1 of ½ (cos(f_t, f_0) + cos(f_t, f_(t-1))), each cosine at least 0 as in VBench's code.

    features: [T, D], unit or raw, T at least 2.

    >>> consistency(np.array([[1.0, 0.0], [0.0, 2.0], [0.0, 3.0]]))
    0.25
    """
    check_floats(features, "features", "[T, D]", 2)
    if len(features) < 2:
        raise Undefined("one frame has nothing to be consistent with")
    lengths = np.linalg.norm(features.astype(np.float64), axis=1, keepdims=True)
    if not lengths.all():
        raise Undefined("a frame's features are zero")
    unit = features / lengths
    first, previous = unit[1:] @ unit[0], np.einsum("td,td->t", unit[1:], unit[:-1])
    return float((np.maximum(first, 0) + np.maximum(previous, 0)).mean() / 2)

"""Identity similarity of a recogniser whose descriptors are compared by their distance and have no fixed length.

dlib's recogniser says one person where two descriptors are less than .6 apart. A cosine would squeeze all people into
.9 to 1, as its descriptors are not centred; so the similarity is 1 - distance / .6: 1 for equal faces, 0 where the
recogniser is undecided, below 0 for somebody else. Measured on 40 rendered people of 128 px, two sittings of a person
against those of two people: AUC .974 by the distance and .972 by the cosine frame by frame, .995 both ways for
templates of four frames.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from privtalk.metrics.declaration import Metric
from privtalk.metrics.inputs import check_floats, check_number

SAME = 0.6
"""Distance under which two pictures are of one person, as published with dlib's recogniser."""
EVERY = 5
"""Every so many frames are read: five a second, as neighbours say the same and a face takes a twelfth of a second."""


def distance_identity(evaluator: str) -> Metric:
    """Declaration of the similarity by a network.

    >>> distance_identity("dlib").worst is None
    True
    """
    return Metric(
        name=f"identity[{evaluator}]",
        family="identity",
        direction="higher",
        unit="",
        range=(-float("inf"), 1.0),
        worst=None,
        needs=("truth", "landmarks", "weights"),
        about=f"1 − distance/{SAME:g} of each generated face to the person's template: 0 at the published threshold",
    )


def distance_similarity(
    generated: NDArray[np.floating], truth: NDArray[np.floating], same: float = SAME
) -> float:
    """Mean over frames of 1 - d / same; d is each descriptor's distance to the truth's template; higher is better.

    generated, truth: descriptors [T, D] and [U, D] of any length. The template is the mean of the true clip's, as dlib
    itself averages the descriptors of one face. same: the distance at which the similarity is 0, positive. Raises
    `ValueError` for other arrays.

    >>> distance_similarity(np.array([[0.0, 0.3], [0.0, 0.9]]), np.array([[0.0, 0.0]]))
    0.0
    """
    check_floats(generated, "generated descriptors", "[T, D]", 2)
    check_floats(truth, "true descriptors", "[U, D]", 2)
    check_number(same, "the distance of the threshold", 1e-9)
    if generated.shape[1] != truth.shape[1]:
        raise ValueError(
            f"descriptors of {generated.shape[1]} and {truth.shape[1]} numbers; one network must make both"
        )
    template = truth.astype(np.float64).mean(0)
    distances = np.linalg.norm(generated.astype(np.float64) - template, axis=1)
    return float((1 - distances / same).mean())

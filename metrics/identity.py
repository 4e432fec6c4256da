"""Identity similarity: is the generated face the person's?

Two clips without a face are alike to a network of faces (.99 and more), so there is no value where the true frames show
none (`evaluators.face_presence`). Generated frames without a face keep theirs, against a true face -.3 to .3: to leave
them out would favour a row that shows no faces.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from privtalk.metrics.declaration import Metric, Undefined
from privtalk.metrics.inputs import check_floats

UNIT = 1e-3
"""By which the length of a unit vector may be off."""


def identity(evaluator: str) -> Metric:
    """Declaration of the similarity by a network."""
    return Metric(
        name=f"identity[{evaluator}]",
        family="identity",
        direction="higher",
        unit="",
        range=(-1.0, 1.0),
        worst=-1.0,
        needs=("truth", "landmarks", "weights"),
        about="cosine between each generated face and the template of the person's true frames",
    )


def identity_similarity(generated: NDArray[np.floating], truth: NDArray[np.floating]) -> float:
    """Mean over frames of the cosine between unit embeddings [T, D] and the truth's template; higher is better.

    The template is the normalised mean of the true clip's embeddings [U, D], as in face verification: a single
    true frame would reward sharing its pose and light.

    >>> identity_similarity(np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([[1.0, 0.0]]))
    0.5
    """
    check_floats(generated, "generated embeddings", "[T, D]", 2)
    check_floats(truth, "true embeddings", "[U, D]", 2)
    if generated.shape[1] != truth.shape[1]:
        raise ValueError(
            f"embeddings of {generated.shape[1]} and {truth.shape[1]} numbers; one network must make both"
        )
    lengths = np.linalg.norm(np.concatenate([generated, truth]).astype(np.float64), axis=1)
    if np.abs(lengths - 1).max() > UNIT:
        raise ValueError(
            f"an embedding has length {lengths[np.abs(lengths - 1).argmax()]:.4g}, must be a unit vector"
        )
    template = truth.astype(np.float64).mean(0)
    length = float(np.linalg.norm(template))
    if not length > 0:
        raise Undefined("the true frames' embeddings cancel: there is no template")
    return float(np.clip((generated.astype(np.float64) @ template).mean() / length, -1, 1))

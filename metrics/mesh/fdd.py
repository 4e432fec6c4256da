"""Upper-face dynamics deviation (FDD; CodeTalker, Xing et al., 2023): does the upper face move as much as the true one?

The field reports the mean over sequences of a signed value, in which too lively and too still sequences cancel; so
the mean of its absolute values stands beside it.
"""

from __future__ import annotations

import numpy as np

from privtalk.metrics.declaration import Metric
from privtalk.metrics.mesh.vertices import Region, Vertices, check_region, check_vertices, squared_distances

FDD = Metric(
    name="fdd",
    family="mesh",
    direction="reference",
    unit="mesh unit²",
    range=(float("-inf"), float("inf")),
    worst=None,
    needs=("vertices",),
    about="upper-face motion that is missing, below 0 where there is too much (ground truth: 0); signs cancel",
)
ABSOLUTE_FDD = Metric(
    name="absolute_fdd",
    family="mesh",
    direction="lower",
    unit="mesh unit²",
    range=(0.0, float("inf")),
    worst=None,
    needs=("vertices",),
    about="upper-face motion that is missing or too much, without the sign",
)


def fdd(generated: Vertices, truth: Vertices, template: Vertices, upper: Region) -> float:
    """`dynamics` of the truth minus that of the generated sequence; above 0: too still, below 0: too lively.

    generated, truth: [T, V, 3]. template: [V, 3], the neutral face. upper: numbers of the upper face's vertices.

    >>> truth = np.zeros((2, 1, 3)); truth[1] = (0, 0, 2)
    >>> fdd(np.zeros_like(truth), truth, np.zeros((1, 3)), upper=[0])
    2.0
    """
    check_vertices(generated, truth)
    return dynamics(truth, template, upper) - dynamics(generated, template, upper)


def absolute_fdd(generated: Vertices, truth: Vertices, template: Vertices, upper: Region) -> float:
    """|fdd| of one sequence, so that its mean over sequences does not cancel; lower is better.

    >>> still = np.zeros((2, 1, 3)); lively = still.copy(); lively[1] = (0, 0, 2)
    >>> absolute_fdd(still, lively, still[0], [0]), absolute_fdd(lively, still, still[0], [0])
    (2.0, 2.0)
    """
    return abs(fdd(generated, truth, template, upper))


def dynamics(vertices: Vertices, template: Vertices, upper: Region) -> float:
    """mean_(v in upper) std_t(||vertices - template||²), population standard deviation, in the mesh's unit squared."""
    if template.shape != vertices.shape[1:]:
        raise ValueError(f"the template is {list(template.shape)}, must be {list(vertices.shape[1:])}")
    region = check_region(upper, len(template))
    neutral = np.broadcast_to(template, vertices.shape)
    return float(squared_distances(vertices, neutral, region).std(0).mean())

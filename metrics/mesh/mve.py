"""Mean vertex error (MVE; FaceDiffuser, Stan et al., 2023): unsquared, over the whole face."""

from __future__ import annotations

import numpy as np

from privtalk.metrics.declaration import Metric
from privtalk.metrics.mesh.vertices import Vertices, squared_distances

MVE = Metric(
    name="mve",
    family="mesh",
    direction="lower",
    unit="mesh unit",
    range=(0.0, float("inf")),
    worst=None,
    needs=("vertices",),
    about="mean distance of all vertices",
)


def mve(generated: Vertices, truth: Vertices) -> float:
    """mean_(t, v) ||generated - truth||, in the mesh's unit; lower is better. Both: [T, V, 3].

    >>> truth = np.zeros((2, 2, 3)); generated = truth.copy(); generated[:, 0] = (0, 3, 4)
    >>> mve(generated, truth)
    2.5
    """
    return float(np.sqrt(squared_distances(generated, truth)).mean())

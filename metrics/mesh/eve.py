"""Emotional vertex error (EVE; EmoTalk, Peng et al., 2023): LVE's formula on the eyes and the forehead."""

from __future__ import annotations

from privtalk.metrics.declaration import Metric
from privtalk.metrics.mesh.vertices import Region, Vertices, squared_distances

EVE = Metric(
    name="eve",
    family="mesh",
    direction="lower",
    unit="mesh unit²",
    range=(0.0, float("inf")),
    worst=None,
    needs=("vertices",),
    about="largest squared distance of a vertex of the eyes or forehead, mean over frames",
)

EVE_ABOVE_FLOOR = Metric(
    name="eve_above_floor",
    family="mesh",
    direction="lower",
    unit="mesh unit²",
    range=(float("-inf"), float("inf")),
    worst=None,
    needs=("vertices",),
    about="eve less that of the mean of many takes of the same sentence, the best that speech alone allows",
)


def eve(generated: Vertices, truth: Vertices, upper: Region) -> float:
    """mean_t max_(v in upper) ||generated - truth||², in the mesh's unit squared; lower is better.

    generated, truth: [T, V, 3]. upper: numbers of the vertices of the eyes and the forehead.

    >>> import numpy as np
    >>> truth = np.zeros((2, 3, 3)); generated = truth.copy(); generated[1, 2, 0] = 4
    >>> eve(generated, truth, upper=[2])
    8.0
    """
    return float(squared_distances(generated, truth, upper).max(1).mean())

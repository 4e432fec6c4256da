"""Lip vertex error (LVE; MeshTalk, Richard et al., 2021), as CodeTalker, FaceDiffuser and torchmetrics compute it."""

from __future__ import annotations

from privtalk.metrics.declaration import Metric
from privtalk.metrics.mesh.vertices import Region, Vertices, squared_distances

LVE = Metric(
    name="lve",
    family="mesh",
    direction="lower",
    unit="mesh unit²",
    range=(0.0, float("inf")),
    worst=None,
    needs=("vertices",),
    about="largest squared distance of a lip vertex, mean over frames",
)


def lve(generated: Vertices, truth: Vertices, lips: Region) -> float:
    """mean_t max_(v in lips) ||generated - truth||², in the mesh's unit squared; lower is better.

    generated, truth: [T, V, 3]. lips: vertex numbers.

    >>> import numpy as np
    >>> truth = np.zeros((2, 3, 3)); generated = truth.copy(); generated[0, 1, 2] = 2; generated[0, 0] = 9
    >>> lve(generated, truth, lips=[1, 2])
    2.0
    """
    return float(squared_distances(generated, truth, lips).max(1).mean())

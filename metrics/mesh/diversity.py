"""Diversity: how far several animations of the same speech lie apart. It stands beside error: who always makes the same
motion has little of either.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from privtalk.metrics.declaration import Metric
from privtalk.metrics.mesh.vertices import Region

DIVERSITY = Metric(
    name="diversity",
    family="mesh",
    direction="reference",
    unit="mesh unit",
    range=(0.0, float("inf")),
    worst=None,
    needs=("vertices",),
    about="distance of the upper face between animations of the same speech; ground truth's is that of other takes",
)


def diversity(samples: NDArray[np.floating], region: Region) -> float:
    """Mean over pairs of samples, frames and vertices of the distance, in the mesh's unit.

    samples: [K, T, V, 3], K at least 2.

    >>> samples = np.zeros((2, 3, 1, 3)); samples[1, :, :, 2] = 4
    >>> diversity(samples, [0])
    4.0
    """
    if len(samples) < 2:
        raise ValueError(f"{len(samples)} samples; diversity needs at least two")
    chosen = samples[:, :, np.asarray(region)].astype(np.float64)
    apart = [
        np.linalg.norm(chosen[a] - chosen[b], axis=-1).mean() for a, b in combinations(range(len(chosen)), 2)
    ]
    return float(np.mean(apart))

"""The checks that every metric of 3-D faces makes of its vertices.

T frames, V vertices of one mesh: [T, V, 3] floats in the mesh's unit. A region is an integer array of vertex numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from privtalk.metrics.inputs import as_array

Vertices = NDArray[np.floating]
Region = NDArray[np.integer] | Sequence[int]


def squared_distances(
    generated: Vertices, truth: Vertices, region: Region | None = None
) -> NDArray[np.float64]:
    """[T, R] squared L2 between the vertices of a region (None: all), in the mesh's unit squared.

    >>> squared_distances(np.full((1, 2, 3), 2.0), np.zeros((1, 2, 3)), [1]).tolist()
    [[12.0]]
    """
    check_vertices(generated, truth)
    chosen = slice(None) if region is None else check_region(region, truth.shape[1])
    difference = generated[:, chosen].astype(np.float64) - truth[:, chosen]
    return np.einsum("trc,trc->tr", difference, difference)


def check_vertices(generated: Vertices, truth: Vertices) -> None:
    """Raise `ValueError` unless both are [T, V, 3] of one length and one mesh, and finite."""
    for name, vertices in (("generated", generated), ("true", truth)):
        array = as_array(vertices, f"{name} vertices")
        if array.ndim != 3 or array.shape[-1] != 3 or not array.size:
            raise ValueError(f"{name} vertices are {list(array.shape)}, must be [T, V, 3]")
        if array.dtype.kind != "f":
            raise ValueError(f"{name} vertices are {array.dtype}, must be floats")
        if not np.isfinite(vertices).all():
            raise ValueError(f"{name} vertices are not finite")
    if len(generated) != len(truth):
        raise ValueError(
            f"{len(generated)} generated and {len(truth)} true frames; lengths must agree (nothing is cut off)"
        )
    if generated.shape != truth.shape:
        raise ValueError(
            f"{generated.shape[1]} generated and {truth.shape[1]} true vertices; must be one mesh"
        )


def check_region(region: Region, count: int) -> NDArray[np.intp]:
    """The region as an array; `ValueError` unless it holds different numbers of vertices of a mesh of `count`."""
    numbers = np.asarray(region)
    if numbers.ndim != 1 or not numbers.size or numbers.dtype.kind not in "iu":
        raise ValueError("a region must be a list of vertex numbers that is not empty")
    if numbers.min() < 0 or numbers.max() >= count:
        raise ValueError(f"vertex numbers {numbers.min()}..{numbers.max()} must lie in 0..{count - 1}")
    if len(np.unique(numbers)) != len(numbers):
        raise ValueError("a region names a vertex twice")
    return numbers.astype(np.intp)

"""The kernel distance between two sets of features (KID), unbiased although frames of a clip are alike.

Bińkowski et al. (2018): squared maximum mean discrepancy under k(x, y) = (x·y / D + 1)³. Their estimator takes all
samples to be independent. Frames of one clip are not, and a generated clip is made after a true one, so only pairs
of different clips are compared, in all three terms: a U-statistic of clips, whose expectation is 0 where the two
distributions are one. It can be negative.

C clips, D features.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from privtalk.metrics.declaration import Undefined
from privtalk.metrics.frechet import SetScore
from privtalk.metrics.inputs import check_floats
from privtalk.metrics.spool import Spool

Array = NDArray[np.float64]

ROWS = 4096
"""Rows compared at most: of longer recordings evenly spaced ones."""
LEAST = 3
"""Clusters below which there is no share."""


def kernel(first: Array, second: Array) -> Array:
    """[N, M] (x·y / D + 1)³ of rows [N, D] and [M, D].

    >>> kernel(np.array([[1.0, 1.0]]), np.array([[1.0, 1.0], [0.0, 0.0]])).tolist()
    [[8.0, 1.0]]
    """
    check_floats(first, "rows", "[N, D]", 2)
    check_floats(second, "rows", "[M, D]", 2)
    if first.shape[1] != second.shape[1]:
        raise ValueError(f"rows of {first.shape[1]} and {second.shape[1]} features, must be of the same")
    values: Array = (first @ second.T / first.shape[1] + 1) ** 3
    return values


def kernel_distance(generated: Spool, truth: Spool, clusters: Sequence[str]) -> SetScore:
    """Squared MMD over pairs of different clusters (clients), with each clip's share; clusters: [C] names.

    A cluster's share is its jackknife pseudo-value, n θ − (n − 1) θ without it; a U-statistic's mean to the digit.
    """
    if not len(generated.counts) == len(truth.counts) == len(clusters):
        raise ValueError(
            f"{len(generated.counts)} generated clips, {len(truth.counts)} true ones and {len(clusters)} "
            "clusters; give one of each for every clip"
        )
    names, owner = np.unique(np.asarray(clusters, dtype=str), return_inverse=True)
    if len(names) < LEAST:
        raise Undefined(f"{len(names)} clients are too few for a kernel distance (at least {LEAST})")
    first, second = (_thinned(spool, owner, len(names)) for spool in (generated, truth))
    excess = _means(first, first) + _means(second, second) - _means(first, second) - _means(second, first)
    value, shares = u_statistic(excess)
    return SetScore(value, tuple(shares[owner].tolist()))


def u_statistic(excess: Array) -> tuple[float, Array]:
    """Mean of the entries off the diagonal of [n, n], and the jackknife pseudo-values [n] of it.

    >>> value, shares = u_statistic(np.array([[9.0, 1.0, 2.0], [1.0, 9.0, 3.0], [2.0, 3.0, 9.0]]))
    >>> value, shares.tolist()
    (2.0, [0.0, 2.0, 4.0])
    """
    check_floats(excess, "means of kernels", "[n, n]", 2)
    count = len(excess)
    if count < LEAST or excess.shape != (count, count):
        raise ValueError(
            f"means of kernels are {list(excess.shape)}, must be [n, n] of at least {LEAST} clusters"
        )
    off = excess - np.diag(np.diag(excess))
    total = off.sum()
    value = total / (count * (count - 1))
    without = (total - off.sum(0) - off.sum(1)) / ((count - 1) * (count - 2))
    return float(value), count * value - (count - 1) * without


def _thinned(spool: Spool, owner: NDArray[np.int64], count: int) -> list[Array]:
    """[n, D] rows of each cluster, at most `ROWS` in all."""
    quota = max(1, ROWS // max(1, len(spool.counts)))
    found: list[list[Array]] = [[] for _ in range(count)]
    for clip, rows in zip(owner, spool.clips(), strict=True):
        chosen = np.unique(np.linspace(0, len(rows) - 1, min(quota, len(rows))).round().astype(int))
        found[clip].append(rows[chosen] if len(rows) else rows)
    joined = [np.concatenate(parts) for parts in found]
    if empty := sum(not len(rows) for rows in joined):
        raise Undefined(f"{empty} clients have no sample (their clips are too short)")
    return joined


def _means(first: Sequence[Array], second: Sequence[Array]) -> Array:
    """[n, n] mean kernel between the rows of every two clusters."""
    ends = np.cumsum([len(rows) for rows in second])[:-1]
    together = np.concatenate(second)
    return np.array(
        [[part.mean() for part in np.split(kernel(rows, together), ends, axis=1)] for rows in first]
    )

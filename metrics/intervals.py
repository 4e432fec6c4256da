"""Interval of a metric's mean over clients whose clips are not independent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from privtalk.core.intervals import Interval, mean_interval

RESAMPLES = 2000
FEW = 5
"""Clusters below which a bootstrap is no interval: of two it is their range, which holds the mean half of the time."""


def clustered_mean(
    values: Sequence[float | None],
    clusters: Sequence[str],
    generator: np.random.Generator,
    *,
    level: float = 0.95,
    resamples: int = RESAMPLES,
) -> Interval:
    """Mean over clusters of each cluster's mean, with its percentile bootstrap interval over clusters.

    Every client counts alike, however many clips it has. Clusters are resampled whole, so that dependence
    within one costs what it should. Below about 20 clusters percentile intervals are somewhat too short; below five
    Student's takes their place.
    Missing values (None) are left out and not counted.

    >>> clustered_mean([1.0, 3.0, None], ["a", "b", "b"], np.random.default_rng(0)).value
    2.0
    """
    if len(values) != len(clusters):
        raise ValueError(
            f"{len(values)} values and {len(clusters)} cluster names; give one name for each value"
        )
    present = [(name, value) for name, value in zip(clusters, values, strict=True) if value is not None]
    if not present:
        return mean_of_means(np.empty(0), 0, generator)
    if not all(np.isfinite(value) for _, value in present):
        raise ValueError("a value is not finite; give None where a metric is undefined")
    means = cluster_means([name for name, _ in present], [value for _, value in present])
    return mean_of_means(means, len(present), generator, level=level, resamples=resamples)


def mean_of_means(
    means: NDArray[np.float64],
    n: int,
    generator: np.random.Generator,
    *,
    level: float = 0.95,
    resamples: int = RESAMPLES,
) -> Interval:
    """`clustered_mean` from the clusters' own means [G], of `n` values altogether.

    >>> mean_of_means(np.array([1.0, 3.0]), 5, np.random.default_rng(0)).value
    2.0
    """
    if not len(means):
        return Interval(missing="no clip has a value")
    if len(means) < FEW:
        return replace(mean_interval(means, level), n=n, clusters=len(means))
    low, high = bootstrap(means, generator, level, resamples)
    return Interval(value=float(means.mean()), low=low, high=high, n=n, clusters=len(means))


def cluster_means(clusters: Sequence[str], values: Sequence[float]) -> NDArray[np.float64]:
    """[G] mean of each cluster, in order of names; the order of the clips does not matter, bit for bit."""
    _, index = np.unique(np.asarray(clusters, dtype=str), return_inverse=True)
    numbers = np.asarray(values, dtype=np.float64)
    ordered = np.lexsort((numbers, index))
    sums = np.bincount(index[ordered], weights=numbers[ordered])
    means: NDArray[np.float64] = sums / np.bincount(index)
    return means


def bootstrap(
    means: NDArray[np.float64], generator: np.random.Generator, level: float, resamples: int
) -> tuple[float, float]:
    """Percentile interval of the mean of `means` [G], drawing G of them with replacement."""
    draws = generator.integers(0, len(means), (resamples, len(means)))
    low, high = np.quantile(means[draws].mean(1), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)

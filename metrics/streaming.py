"""A metric of clips that come one at a time, of which nothing but sums is kept.

The clustered mean weighs clusters alike, so each one's sum and count say all there is to know about it: memory
grows with the clusters, never with their clips.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from privtalk.core.intervals import Interval
from privtalk.metrics.declaration import Metric, Undefined
from privtalk.metrics.intervals import RESAMPLES, mean_of_means


class Streaming:
    """Clustered mean of `function` over clips, as `intervals.clustered_mean` of all values at once.

    >>> from privtalk.metrics.jitter import JITTER, jitter
    >>> stream = Streaming(JITTER, jitter)
    >>> stream.update(np.zeros((2, 4, 4, 3), np.uint8), cluster="a")
    >>> stream.update(np.zeros((1, 4, 4, 3), np.uint8), cluster="a")
    >>> estimate = stream.compute(np.random.default_rng(0))
    >>> estimate.value, estimate.n, stream.undefined
    (0.0, 1, {'one frame has no motion': 1})
    """

    def __init__(self, metric: Metric, function: Callable[..., float]) -> None:
        self.metric = metric
        self._function = function
        self._sums: dict[str, float] = {}
        self._counts: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()

    @property
    def undefined(self) -> Mapping[str, int]:
        """Clips without a value, by reason; they are counted here and never as 0."""
        return dict(self._reasons)

    def update(self, *arguments: Any, cluster: str) -> None:
        """Take in one clip of a cluster (a client): what the function is called with."""
        try:
            value = self._function(*arguments)
        except Undefined as reason:
            self._reasons[str(reason)] += 1
            return
        if not np.isfinite(value):
            raise ValueError(f"{self.metric.name} is {value}; raise Undefined where a metric has no value")
        self._sums[cluster] = self._sums.get(cluster, 0.0) + value
        self._counts[cluster] += 1

    def compute(
        self, generator: np.random.Generator, *, level: float = 0.95, resamples: int = RESAMPLES
    ) -> Interval:
        """The mean so far with its interval; more clips may follow."""
        means = np.array([self._sums[name] / self._counts[name] for name in sorted(self._sums)])
        return mean_of_means(means, self._counts.total(), generator, level=level, resamples=resamples)

"""The metrics of many clips together, gathered clip by clip: FID, KID and FVD of every network.

Features lie on disk meanwhile (`spool`); memory does not grow with the clips.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from privtalk.metrics.declaration import Metric, Undefined
from privtalk.metrics.evaluators.bundle import NAMES
from privtalk.metrics.fid import fid
from privtalk.metrics.frechet import SetScore, frechet
from privtalk.metrics.fvd import fvd
from privtalk.metrics.kernel_distance import kernel_distance
from privtalk.metrics.kid import kid
from privtalk.metrics.readings import ClipPair, Reading
from privtalk.metrics.spool import Spool


class FeatureSource(NamedTuple):
    """The features that a metric of a set is computed from."""

    metric: Metric
    key: tuple[str, str]
    """Kind and name of the network."""


def _sources() -> Iterator[FeatureSource]:
    for name in NAMES["frames"]:
        yield FeatureSource(fid(name), ("frames", name))
        yield FeatureSource(kid(name), ("frames", name))
    for name in NAMES["video"]:
        yield FeatureSource(fvd(name), ("video", name))


SOURCES: dict[str, FeatureSource] = {source.metric.name: source for source in _sources()}

READ: dict[str, Callable[[Reading, str], NDArray[np.float32]]] = {
    "frames": Reading.features,
    "video": Reading.windows,
}


class Gathered(NamedTuple):
    """Features of generated and of true clips."""

    generated: Spool
    truth: Spool


class Distributions:
    """`update` with every clip, then `compute`; more clips may follow.

    A network that cannot be had, or has no features for some clip, leaves its metrics with that reason.
    """

    def __init__(self) -> None:
        self._gathered: dict[tuple[str, str], Gathered] = {}
        self._reasons: dict[tuple[str, str], str] = {}
        self._clusters: list[str] = []

    def update(self, pair: ClipPair, cluster: str) -> None:
        """Take in one clip of a cluster (a client)."""
        self._clusters.append(cluster)
        for key in dict.fromkeys(source.key for source in SOURCES.values()):
            if key not in self._reasons:
                try:
                    self._take(key, pair)
                except Undefined as reason:
                    self._reasons[key] = str(reason)

    def _take(self, key: tuple[str, str], pair: ClipPair) -> None:
        kind, name = key
        made, true = READ[kind](pair.generated, name), READ[kind](pair.truth, name)
        if key not in self._gathered:
            self._gathered[key] = Gathered(Spool(made.shape[1]), Spool(made.shape[1]))
        self._gathered[key].generated.append(made)
        self._gathered[key].truth.append(true)

    def compute(self) -> tuple[dict[str, SetScore], dict[str, str]]:
        """Metric -> its value with each clip's share, and metric -> reason where it has none."""
        found: dict[str, SetScore] = {}
        missing: dict[str, str] = {}
        for name, source in SOURCES.items():
            try:
                found[name] = self._score(source)
            except Undefined as reason:
                missing[name] = str(reason)
        return found, missing

    def _score(self, source: FeatureSource) -> SetScore:
        if source.key in self._reasons:
            raise Undefined(self._reasons[source.key])
        if source.key not in self._gathered:
            raise Undefined("no clip was given")
        gathered = self._gathered[source.key]
        if source.metric.base == "kid":
            return kernel_distance(gathered.generated, gathered.truth, self._clusters)
        return by_cluster(frechet(gathered.generated, gathered.truth), self._clusters)


def by_cluster(score: SetScore, clusters: Sequence[str]) -> SetScore:
    """The same value, with shares whose mean over clusters is the value however many clips each has.

    A cluster's clips have its whole influence alike, per cluster instead of per clip: nothing changes in the mean
    where all have as many clips, and there the shares are left as they are.

    >>> score = by_cluster(SetScore(2.5, (1.0, 1.0, 4.0, 4.0)), ["a", "b", "b", "b"])
    >>> score.shares, sum(score.shares[:2]) / 2
    ((1.75, 3.25, 3.25, 3.25), 2.5)
    """
    _, owner, counts = np.unique(np.asarray(clusters, dtype=str), return_inverse=True, return_counts=True)
    if (counts == counts[0]).all():
        return score
    influence = np.bincount(owner, np.array(score.shares) - score.value) * len(counts) / len(owner)
    return SetScore(score.value, tuple((score.value + influence[owner]).tolist()))

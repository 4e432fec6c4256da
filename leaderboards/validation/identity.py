"""Identity: are two sittings of a person told from those of two people, whom the embedder never saw?

A template is the mean of a sitting's embeddings, as the metric uses them. Light, camera, backdrop and clothes differ
between sittings, poses between frames. P people, S sittings each, F frames a sitting, D dimensions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from privtalk.bench.corpus.rendered.studio import Portraits, Sittings
from privtalk.core.seeds import numpy_stream
from privtalk.leaderboards.validation.checks import BarCheck, judged, not_done
from privtalk.metrics.evaluators.fitting.identity_fitting import area, equal_error, verification

Array = NDArray[np.float64]
BAR = 0.99
UNFAMILIAR = 0.975
"""The bar on cameras that embedders were not fitted on; on them a stranger is taken for the person more often."""
RESAMPLES = 500
POSES = (0.0, 8.0, 16.0, 180.0)
"""Edges of differences in the head's direction, degrees."""
LIGHTS = (0.0, 30.0, 60.0, 180.0)
"""Edges of angles between key lights, degrees."""
ENOUGH = 20
"""Genuine pairs below which an area means nothing."""
POINTS = 120
"""The points of a curve, or a histogram's bins."""


class PeopleInterval(NamedTuple):
    """A value with its 95 % interval over people."""

    value: float
    low: float
    high: float


class Slice(NamedTuple):
    """Frames' pairs whose pose or light differ by so much."""

    by: str
    low: float
    high: float
    auc: float
    eer: float
    genuine: int


class Pairing(NamedTuple):
    """Two templates that are the hardest of their kind, by their rows."""

    first: int
    second: int
    cosine: float
    genuine: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """A population."""

    population: str
    people: int
    templates: PeopleInterval
    """AUC."""
    templates_eer: PeopleInterval
    frames_auc: float
    frames_eer: float
    roc: Array
    """[n, 2] false and true acceptance, of templates."""
    genuine: Array
    """[n] cosines of templates of one person."""
    impostor: Array
    """[m] of different people, evenly thinned in order."""
    slices: tuple[Slice, ...]
    hardest: tuple[Pairing, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cosines:
    """All pairs of rows that say something: same person in different sittings, or different people."""

    cosine: Array
    genuine: NDArray[np.bool_]
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    """Rows of either side."""

    @property
    def parts(self) -> tuple[Array, Array]:
        """Genuine ones and impostors."""
        return self.cosine[self.genuine], self.cosine[~self.genuine]


def pairs(embeddings: NDArray[np.floating], person: NDArray[np.int64], sitting: NDArray[np.int64]) -> Cosines:
    """Pairs of unit rows [N, D].

    >>> found = pairs(np.eye(3), np.array([0, 0, 1]), np.array([0, 1, 0]))
    >>> found.genuine.tolist(), found.cosine.tolist()
    ([True, False, False], [0.0, 0.0, 0.0])
    """
    first, second = np.triu_indices(len(embeddings), 1)
    same = person[first] == person[second]
    kept = ~same | (sitting[first] != sitting[second])
    cosines = embeddings.astype(np.float64) @ embeddings.astype(np.float64).T
    first, second = first[kept], second[kept]
    return Cosines(cosine=cosines[first, second], genuine=same[kept], first=first, second=second)


def templates(embeddings: NDArray[np.floating], frames: int) -> Array:
    """[N / F, D] normalised means of every F successive rows."""
    means = embeddings.astype(np.float64).reshape(-1, frames, embeddings.shape[1]).mean(1)
    unit: Array = means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)
    return unit


def verify(
    population: str,
    embeddings: NDArray[np.float32],
    portraits: Portraits,
    lights: Array,
    frames: int,
    seed: int = 0,
) -> Verified:
    """embeddings: [N, D] unit rows of `portraits`; lights: [N / F, 3] unit vectors to each sitting's key light."""
    person, sitting = portraits.person[::frames], portraits.sitting[::frames]
    found = pairs(templates(embeddings, frames), person, sitting)
    genuine, impostor = found.parts
    auc, eer = over_people(found, person, numpy_stream(seed, "validation", "identity", population))
    whole = verification(embeddings, portraits.person, portraits.sitting)
    return Verified(
        population=population,
        people=len(np.unique(person)),
        templates=auc,
        templates_eer=eer,
        frames_auc=whole.auc,
        frames_eer=whole.eer,
        roc=roc(genuine, impostor),
        genuine=np.sort(genuine),
        impostor=np.sort(impostor)[:: max(1, len(impostor) // 20_000)],
        slices=sliced(embeddings, portraits, lights, frames),
        hardest=hardest(found),
    )


def over_people(
    found: Cosines, person: NDArray[np.int64], rng: np.random.Generator
) -> tuple[PeopleInterval, PeopleInterval]:
    """AUC and equal error rate, people drawn with replacement: a pair weighs as often as both sides were drawn."""
    names, owner = np.unique(person, return_inverse=True)
    order = np.argsort(found.cosine, kind="stable")
    own, other = owner[found.first[order]], owner[found.second[order]]
    genuine = found.genuine[order]
    draws = []
    for _ in range(RESAMPLES):
        times = np.bincount(rng.integers(0, len(names), len(names)), minlength=len(names)).astype(np.float64)
        weight = np.where(genuine, times[own], times[own] * times[other])
        draws.append(_weighted(genuine, weight))
    low, high = np.quantile(np.array(draws), [0.025, 0.975], axis=0)
    values = area(*found.parts), equal_error(*found.parts)
    auc, eer = (PeopleInterval(v, float(lo), float(up)) for v, lo, up in zip(values, low, high, strict=True))
    return auc, eer


def _weighted(genuine: NDArray[np.bool_], weight: Array) -> tuple[float, float]:
    """AUC and equal error rate of scores in rising order."""
    refused = np.cumsum(np.where(genuine, weight, 0))
    passed = np.cumsum(np.where(genuine, 0, weight))
    auc = float(np.sum(np.where(genuine, weight, 0) * passed) / (refused[-1] * passed[-1]))
    frr, far = refused / refused[-1], 1 - passed / passed[-1]
    place = int(np.argmin(np.abs(frr - far)))
    return auc, float((frr[place] + far[place]) / 2)


def roc(genuine: Array, impostor: Array) -> Array:
    """[n, 2] false and true acceptance at thresholds that spread the impostors evenly on a logarithmic scale.

    >>> roc(np.array([2.0, 3.0]), np.array([0.0, 1.0]))[-1].tolist()
    [1.0, 1.0]
    """
    rates = np.unique(np.round(np.geomspace(1 / len(impostor), 1, POINTS) * len(impostor)).astype(int))
    thresholds = np.sort(impostor)[::-1][rates - 1]
    accepted = 1 - np.searchsorted(np.sort(genuine), thresholds, "left") / len(genuine)
    return np.stack([rates / len(impostor), accepted], 1)


def sliced(
    embeddings: NDArray[np.float32], portraits: Portraits, lights: Array, frames: int
) -> tuple[Slice, ...]:
    """Frames' pairs by the difference in pose, and by that in light."""
    found = pairs(embeddings, portraits.person, portraits.sitting)
    pose = _directions(portraits.controls[:, 6:8])
    light = np.repeat(lights, frames, axis=0)
    apart = {"pose": (pose, POSES), "light": (light, LIGHTS)}
    slices = []
    for by, (vectors, edges) in apart.items():
        cosine = np.einsum("nd,nd->n", vectors[found.first], vectors[found.second])
        degrees = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
        for low, high in pairwise(edges):
            inside = (degrees >= low) & (degrees < high)
            genuine, impostor = found.cosine[inside & found.genuine], found.cosine[inside & ~found.genuine]
            if len(genuine) >= ENOUGH and len(impostor) >= ENOUGH:
                slices.append(
                    Slice(
                        by, low, high, area(genuine, impostor), equal_error(genuine, impostor), len(genuine)
                    )
                )
    return tuple(slices)


def hardest(found: Cosines, count: int = 6) -> tuple[Pairing, ...]:
    """The least alike of one person and the most alike of two."""
    rows = np.arange(len(found.cosine))
    genuine, impostor = rows[found.genuine], rows[~found.genuine]
    low = genuine[np.argsort(found.cosine[genuine], kind="stable")[:count]]
    high = impostor[np.argsort(-found.cosine[impostor], kind="stable")[:count]]
    return tuple(
        Pairing(int(found.first[k]), int(found.second[k]), float(found.cosine[k]), bool(found.genuine[k]))
        for k in (*low, *high)
    )


def lights(wanted: Sequence[Sittings]) -> Array:
    """[P x S, 3] unit vectors to the key light of every sitting, drawn again as the studio draws them."""
    from privtalk.bench.corpus.rendered.embedded import character
    from privtalk.bench.corpus.rendered.studio import redressed

    found = []
    for file in wanted:
        for index in range(file.first, file.first + file.people):
            person = character(file.seed, file.role, index)
            found += [
                redressed(person.look, person.stream("studio", number)).light.direction
                for number in range(file.sittings)
            ]
    return np.array(found, dtype=np.float64)


def check(
    name: str, population: str, found: Verified | None, reason: str = "", least: float = BAR
) -> BarCheck:
    """The bar on the templates of one population."""
    title, bar = f"{name}: {population}", f"AUC of templates at least {least}"
    if found is None:
        return not_done("identity", title, bar, reason)
    auc, eer = found.templates, found.templates_eer
    measured = (
        f"AUC {auc.value:.4f} [{auc.low:.4f}, {auc.high:.4f}], "
        f"EER {100 * eer.value:.1f} % [{100 * eer.low:.1f}, {100 * eer.high:.1f}], {found.people} people"
    )
    return judged("identity", title, bar, auc.value >= least, measured, auc.value, auc.low, auc.high)


def _directions(turns: NDArray[np.floating]) -> Array:
    """[N, 3] where heads of yaw and pitch [N, 2] (radians) look.

    >>> _directions(np.zeros((1, 2))).tolist()
    [[0.0, 0.0, 1.0]]
    """
    yaw, pitch = turns.T.astype(np.float64)
    return np.stack([np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch)], 1)

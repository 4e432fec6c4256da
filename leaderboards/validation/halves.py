"""Are distances of distributions near zero between two halves of the same data?

Two ways of halving: people against other people, whose kernel distance has expectation 0; and successive frames dealt
out in turn, two halves of the very same clips. A Fréchet distance between a few dozen people and others is not zero,
since their faces differ and the estimate is biased; it is shown, not judged. Its bar is on the second halving.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from privtalk.core.intervals import half_width
from privtalk.leaderboards.validation.checks import BarCheck, digits, judged, not_done
from privtalk.leaderboards.validation.ladder import REQUIRED, Climb
from privtalk.metrics import METRICS
from privtalk.metrics.frechet import frechet_distance, moments
from privtalk.metrics.kernel_distance import kernel_distance
from privtalk.metrics.spool import Spool

Rows = Sequence[NDArray[np.floating]]


class Halved(NamedTuple):
    """A distance between halves."""

    metric: str
    people: float | None
    """Between people and other people."""
    low: float | None
    high: float | None
    """95 % interval over people (kernel distances)."""
    frames: float | None
    """Between frames dealt out in turn."""
    clips: int


def halve(metric: str, rows: Rows) -> Halved:
    """The halves of features [n, D] of clips, one a person. Raises `Undefined` where they are too few."""
    if METRICS[metric].base == "kid":
        return _kernel(metric, rows)
    people = frechet_distance(moments(spool(rows[::2])), moments(spool(rows[1::2])))
    dealt = frechet_distance(
        moments(spool([clip[::2] for clip in rows])), moments(spool([clip[1::2] for clip in rows]))
    )
    return Halved(metric, people, None, None, dealt, len(rows))


def _kernel(metric: str, rows: Rows) -> Halved:
    count = len(rows) // 2
    first, second = spool(rows[: 2 * count : 2]), spool(rows[1 : 2 * count : 2])
    found = kernel_distance(first, second, [f"{k:04d}" for k in range(count)])
    half = half_width(float(np.std(found.shares, ddof=1)), count)
    dealt = kernel_distance(
        spool([clip[::2] for clip in rows]),
        spool([clip[1::2] for clip in rows]),
        [f"{k:04d}" for k in range(len(rows))],
    )
    return Halved(metric, found.value, found.value - half, found.value + half, dealt.value, len(rows))


def spool(rows: Rows) -> Spool:
    """Features [n, D] of clips."""
    gathered = Spool(rows[0].shape[1])
    for clip in rows:
        gathered.append(clip)
    return gathered


def check(metric: str, found: Halved | None, climbs: Sequence[Climb], missing: Mapping[str, str]) -> BarCheck:
    """Zero inside the interval (kernel distance), or below the mildest distortion (Fréchet distance)."""
    kernel = METRICS[metric].base == "kid"
    bar = (
        "the interval between two halves of the people covers 0"
        if kernel
        else "between two halves of the frames less than under the mildest blur, noise and compression"
    )
    name = f"{metric}: two halves"
    if found is None:
        return not_done("halves", name, bar, missing.get(metric, "not measured"))
    if kernel:
        assert found.low is not None
        assert found.high is not None
        told = f"{digits(found.people or 0.0)} [{digits(found.low)}, {digits(found.high)}]"
        return judged(
            "halves", name, bar, found.low <= 0 <= found.high, told, found.people, found.low, found.high
        )
    mild = [
        c.means[0] for c in climbs if c.metric == metric and c.kind in REQUIRED and c.means[0] is not None
    ]
    if len(mild) < len(REQUIRED) or found.frames is None:
        return not_done("halves", name, bar, "the distortions have no value to compare with")
    least = min(mild)
    others = digits(found.people or 0.0)
    told = f"{digits(found.frames)}, mildest distortion {digits(least)}; between different people {others}"
    return judged("halves", name, bar, found.frames < least, told, found.frames)

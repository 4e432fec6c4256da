"""Does a metric get worse, level by level, under what anybody sees is worse?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy.stats import spearmanr

from privtalk.leaderboards import formats
from privtalk.leaderboards.validation.checks import BarCheck, judged, not_done
from privtalk.leaderboards.validation.distortions import LADDERS
from privtalk.leaderboards.validation.scoring import Scored
from privtalk.metrics import METRICS

REQUIRED = ("blur", "noise", "compression")
"""Under which the perceptual distances, FID and KID must rise."""
BARRED = ("lpips", "fid", "kid")
Table = Mapping[tuple[str, float], Scored]
"""(kind, level) -> scores."""


class Climb(NamedTuple):
    """A metric under a distortion."""

    metric: str
    kind: str
    means: tuple[float | None, ...]
    """By level, the mildest first; None without a value."""
    monotone: bool
    """Strictly worse from each level to the next."""
    spearman: float | None
    """Rank correlation of badness with the level: mean over clips; of a set's metric that of its values."""


def climbs(table: Table) -> list[Climb]:
    """Every metric that has a value, under every distortion."""
    kinds = [kind for kind in LADDERS if any(key[0] == kind for key in table)]
    found = []
    for name in METRICS:
        for kind in kinds:
            steps = [table[kind, level] for level in LADDERS[kind]]
            means = tuple(scored.mean(name) for scored in steps)
            if any(mean is not None for mean in means):
                found.append(climb(name, kind, means, _ranks(name, steps)))
    return found


def climb(metric: str, kind: str, means: Sequence[float | None], spearman: float | None) -> Climb:
    """
    >>> climb("psnr", "blur", [40.0, 35.0, 30.0], 1.0).monotone
    True
    >>> climb("lpips[alex]", "blur", [0.1, 0.1, 0.3], 0.9).monotone
    False
    """
    sign = -1 if METRICS[metric].direction == "higher" else 1
    values = [sign * mean for mean in means if mean is not None]
    rising = len(values) == len(means) and all(a < b for a, b in pairwise(values))
    return Climb(metric, kind, tuple(means), rising, spearman)


def _ranks(name: str, steps: Sequence[Scored]) -> float | None:
    sign = -1 if METRICS[name].direction == "higher" else 1
    if METRICS[name].level == "set":
        values = np.array([[step.mean(name) for step in steps]], dtype=np.float64)
    else:
        values = np.stack([step.values[name] for step in steps], 1)
    kept = [sign * row for row in values if np.isfinite(row).all() and np.ptp(row) > 0]
    if not kept:
        return 0.0 if np.isfinite(values).all(1).any() else None
    return float(np.mean([spearmanr(np.arange(len(row)), row).statistic for row in kept]))


def checks(found: Sequence[Climb], missing: Mapping[str, str]) -> list[BarCheck]:
    """One check for each perceptual distance, FID and KID."""
    return [
        _check(name, [c for c in found if c.metric == name and c.kind in REQUIRED], missing.get(name, ""))
        for name in METRICS
        if METRICS[name].base in BARRED
    ]


def _check(name: str, own: Sequence[Climb], reason: str) -> BarCheck:
    bar = "strictly worse at each of five levels of blur, noise and compression"
    if reason or len(own) < len(REQUIRED):
        return not_done("distortions", name, bar, reason or "not every distortion was scored")
    wrong = [climb.kind for climb in own if not climb.monotone]
    ranks = [climb.spearman for climb in own if climb.spearman is not None]
    held = ", ".join(climb.kind for climb in own if climb.monotone)
    parts = [f"rises under {held}" if held else "", f"not under {', '.join(wrong)}" if wrong else ""]
    least = min(ranks) if ranks else None
    measured = "; ".join(part for part in parts if part)
    if least is not None:
        measured += f"; least rank correlation with the level {formats.number(least, 2)}"
    return judged("distortions", name, bar, not wrong, measured, least)

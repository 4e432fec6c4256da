"""The answers of the networks that read the mouth's opening and the landmarks, against what is exactly known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from privtalk.bench.corpus.clip import Clip
from privtalk.bench.execution.task import Report
from privtalk.leaderboards import formats
from privtalk.leaderboards.validation.checks import BarCheck, judged, not_done
from privtalk.metrics.evaluators.protocols import LandmarkReader
from privtalk.metrics.regions import MOUTH, eye_distance, mouth_opening

BAR = 0.9
POINTS_SHOWN = 800
FLAT = 0.01
"""Standard deviation of an opening, in eye distances, below which a clip says nothing of correlation."""


class Read(NamedTuple):
    """A reader against the truth, over clips."""

    correlation: float
    """Mean over clips of the correlation over time of the mouth's opening."""
    worst_tenth: float
    """The worst tenth of the correlation."""
    error: float
    """Mean absolute error of the opening, eye distances."""
    spread: float
    """Standard deviation of the true opening."""
    points: float | None
    """Mean distance of the 68 points, eye distances; None for a reader of openings."""
    mouth_points: float | None
    clips: int
    shown: NDArray[np.float64]
    """[n, 2] true and read openings of some frames."""


def read_openings(
    clips: Sequence[Clip], reader: LandmarkReader, report: Report = lambda stage, done, total: None
) -> Read:
    """The validation of a reader that gives openings [T] in eye distances (the protocol of the mouth reader)."""
    found = []
    for number, clip in enumerate(clips):
        report("reading", number, len(clips))
        found.append(np.asarray(reader(clip.frames, clip.landmarks), dtype=np.float64))
    return compare(found, [mouth_opening(clip.landmarks) for clip in clips])


def read_landmarks(
    clips: Sequence[Clip], reader: LandmarkReader, report: Report = lambda stage, done, total: None
) -> Read:
    """The validation of a reader that gives points [T, 68, 2]; openings follow from them."""
    openings, apart, mouths = [], [], []
    for number, clip in enumerate(clips):
        report("reading", number, len(clips))
        points, size = reader(clip.frames, clip.landmarks), eye_distance(clip.landmarks)
        distance = np.linalg.norm(points - clip.landmarks, axis=-1) / size
        apart.append(distance.mean())
        mouths.append(distance[:, MOUTH].mean())
        openings.append(opening(points, size))
    found = compare(openings, [mouth_opening(clip.landmarks) for clip in clips])
    return found._replace(points=float(np.mean(apart)), mouth_points=float(np.mean(mouths)))


def opening(points: NDArray[np.floating], size: float) -> NDArray[np.float64]:
    """[T] inner-lip opening of points [T, 68, 2], in eye distances of `size` pixels (a reader's eyes may coincide)."""
    placed = np.array(points, dtype=np.float64)
    placed[:, 36], placed[:, 45] = (0.0, 0.0), (size, 0.0)
    return mouth_opening(placed)


def compare(read: Sequence[NDArray[np.float64]], true: Sequence[NDArray[np.float64]]) -> Read:
    """The comparison of openings [T] of clips.

    >>> compare([np.array([0.0, 0.2])], [np.array([0.0, 0.1])]).correlation
    1.0
    """
    moving = [(a, b) for a, b in zip(read, true, strict=True) if b.std() >= FLAT]
    if not moving:
        raise ValueError("no clip has a moving mouth; validate on clips with speech")
    each = np.sort([_correlation(a, b) for a, b in moving])
    together, exact = np.concatenate(read), np.concatenate(true)
    step = max(1, len(exact) // POINTS_SHOWN)
    return Read(
        correlation=float(round(each.mean(), 12)),
        worst_tenth=float(each[: max(1, len(each) // 10)].mean()),
        error=float(np.abs(together - exact).mean()),
        spread=float(exact.std()),
        points=None,
        mouth_points=None,
        clips=len(moving),
        shown=np.stack([exact, together], 1)[::step],
    )


def check(name: str, found: Read | None, reason: str = "") -> BarCheck:
    """The bar on the correlation."""
    bar = f"mean correlation over time with the exact opening at least {BAR}"
    if found is None:
        return not_done("readers", name, bar, reason)
    points = "" if found.points is None else f"; points {found.points:.3f} eye distances off"
    mean, worst = (formats.number(value, 3) for value in (found.correlation, found.worst_tenth))
    measured = (
        f"{mean} (worst tenth of {found.clips} clips {worst}); "
        f"error {found.error:.4f} of a spread of {found.spread:.4f} eye distances{points}"
    )
    return judged("readers", name, bar, found.correlation >= BAR, measured, found.correlation)


def _correlation(read: NDArray[np.float64], true: NDArray[np.float64]) -> float:
    return float(np.corrcoef(read, true)[0, 1]) if read.std() > 0 else 0.0

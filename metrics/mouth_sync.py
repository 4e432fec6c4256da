"""Mouth sync by landmarks: does the generated mouth open when, and as far as, the true one does?

The generated opening is read from pixels (`evaluators.mouth_opening`), the true one comes from the landmarks,
so that no artefact of the reader can appear on both sides and pass for agreement. What ground truth's own
frames score is the ceiling that the reader allows. Both curves are [T], in eye distances.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from privtalk.metrics.declaration import Metric, Undefined
from privtalk.metrics.inputs import check_curves
from privtalk.metrics.soft_dtw import BAND, GAMMA, aligned_cost

MAX_SHIFT = 8
"""Frames, the largest shift that is tried."""
MIN_OVERLAP = 12
"""Frames that must overlap at every shift; nothing is padded, since padding invents confidence."""
FLAT = 0.01
"""Eye distances, standard deviation below which a curve counts as flat (under .2 px of a 64 px face)."""

MOUTH_SYNC = Metric(
    name="mouth_sync",
    family="sync",
    direction="higher",
    unit="",
    range=(-1.0, 1.0),
    worst=-1.0,
    needs=("landmarks", "mouth_reader"),
    about="correlation over time of the mouth opening read from the generated frames with the true one",
)
MOUTH_SYNC_OFFSET = Metric(
    name="mouth_sync_offset",
    family="sync",
    direction="reference",
    unit="frames",
    range=(-MAX_SHIFT, MAX_SHIFT),
    worst=None,
    needs=("landmarks", "mouth_reader"),
    about="frames by which the generated mouth lags behind the true one (ground truth: 0)",
)
MOUTH_OPENING_ERROR = Metric(
    name="mouth_opening_error",
    family="sync",
    direction="lower",
    unit="eye distances",
    range=(0.0, float("inf")),
    worst=None,
    needs=("landmarks", "mouth_reader"),
    about="mean absolute error of the mouth opening",
)
MOUTH_OPENING_ERROR_ALIGNED = Metric(
    name="mouth_opening_error_aligned",
    family="sync",
    direction="lower",
    unit="eye distances",
    range=(0.0, float("inf")),
    worst=None,
    needs=("landmarks", "mouth_reader"),
    about=f"mean absolute error of the mouth opening along the best soft alignment within {BAND} frames",
)


def mouth_sync(generated: NDArray[np.float64], truth: NDArray[np.float64]) -> float:
    """Pearson correlation of two opening curves without shift; higher is better.

    >>> curve = np.sin(np.arange(20))
    >>> round(mouth_sync(2 * curve + 1, curve), 6)
    1.0
    """
    _check(generated, truth, MIN_OVERLAP)
    return _correlation(generated, truth)


def mouth_sync_offset(generated: NDArray[np.float64], truth: NDArray[np.float64]) -> int:
    """Shift s in -8..8 at which generated[t + s] correlates best with truth[t]; positive: generated is late.

    >>> curve = np.sin(np.arange(40)**1.3)
    >>> mouth_sync_offset(np.roll(curve, 3), curve)
    3
    """
    _check(generated, truth, MIN_OVERLAP + MAX_SHIFT)
    scores = shift_correlations(generated, truth)
    best = int(np.argmax(scores)) - MAX_SHIFT
    if abs(best) == MAX_SHIFT:
        raise Undefined(f"no best shift within {MAX_SHIFT} frames (the best lies at the edge)")
    return best


def shift_correlations(generated: NDArray[np.float64], truth: NDArray[np.float64]) -> NDArray[np.float64]:
    """[17] correlation of the overlapping frames at each shift -8..8; -1 where an overlap is flat."""
    scores = np.full(2 * MAX_SHIFT + 1, -1.0)
    length = len(truth)
    for index, shift in enumerate(range(-MAX_SHIFT, MAX_SHIFT + 1)):
        late = generated[max(shift, 0) : length + min(shift, 0)]
        true = truth[max(-shift, 0) : length - max(shift, 0)]
        if late.std() >= FLAT and true.std() >= FLAT:
            scores[index] = _correlation(late, true)
    return scores


def mouth_opening_error(generated: NDArray[np.float64], truth: NDArray[np.float64]) -> float:
    """mean |generated - truth| of two opening curves, in eye distances; lower is better.

    >>> mouth_opening_error(np.array([0.25, 0.5]), np.array([0.25, 0.25]))
    0.125
    """
    check_curves(generated, truth)
    return float(np.abs(generated - truth).mean())


def aligned_opening_error(
    generated: NDArray[np.float64], truth: NDArray[np.float64], band: int = BAND, gamma: float = GAMMA
) -> float:
    """`mouth_opening_error` along the soft alignment of the two curves; lower is better.

    band: frames by which one may run ahead of the other; 0 is the rigid error. gamma: softness, in eye
    distances; 0 is the best alignment alone. A harmless delay is no error here (arXiv 2606.01031).

    >>> truth = np.array([0.0, 0.0, 0.25, 0.0, 0.0])
    >>> aligned_opening_error(np.roll(truth, 1), truth, gamma=0), mouth_opening_error(np.roll(truth, 1), truth)
    (0.0, 0.1)
    """
    check_curves(generated, truth)
    return aligned_cost(np.abs(generated[:, None] - truth), gamma, band)


def _check(generated: NDArray[np.float64], truth: NDArray[np.float64], least: int) -> None:
    check_curves(generated, truth)
    if len(truth) < least:
        raise Undefined(f"{len(truth)} frames are too few (at least {least})")
    if truth.std() < FLAT:
        raise Undefined("the true mouth does not move")
    if generated.std() < FLAT:
        raise Undefined("the generated mouth does not move")


def _correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    a, b = a - a.mean(), b - b.mean()
    return float(np.clip(a @ b / np.sqrt((a @ a) * (b @ b)), -1, 1))

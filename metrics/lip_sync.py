"""Lip sync as SyncNet measures it (Chung & Zisserman, 2016; Wav2Lip's LSE-C and LSE-D), without invented confidence.

A network puts five frames of a mouth and the sound around them into one space; d(s) is the mean distance between
frames at t and sound at t + s. The reference implementation pads the sound with zeros at the ends, which lends
confidence to short clips of anything. Here only windows that exist on both sides count, the same number of them at
every shift, and a clip that is too short has no value.

W windows, D dimensions; shifts are in frames, positive where the mouth comes before its sound.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from privtalk.metrics.declaration import Metric, Undefined
from privtalk.metrics.inputs import check_floats

MAX_SHIFT = 10
"""Frames, the largest shift that is tried where the clip allows it."""
LEAST_SHIFT = 5
"""The smallest range of shifts that a median can be taken over."""
LEAST_WINDOWS = 10
"""Windows that must overlap at every shift."""


class Sync(NamedTuple):
    """The reading of a clip's distances."""

    confidence: float
    """LSE-C: median over shifts of d, minus its minimum."""
    distance: float
    """LSE-D: the least d."""
    offset: int
    """Frames by which the sound comes late: the mouth at t fits the sound at t + offset."""
    windows: int
    """Windows behind every d(s)."""
    reach: int
    """Largest shift that was tried."""


def lse_c(evaluator: str) -> Metric:
    """Declaration of the confidence by a network."""
    return Metric(
        name=f"lse_c[{evaluator}]",
        family="sync",
        direction="higher",
        unit="",
        range=(0.0, float("inf")),
        worst=0.0,
        needs=("audio", "landmarks", "weights"),
        about="sync confidence: by how much the best shift of the sound beats the median one",
    )


def lse_d(evaluator: str) -> Metric:
    """Declaration of the distance by a network."""
    return Metric(
        name=f"lse_d[{evaluator}]",
        family="sync",
        direction="lower",
        unit="",
        range=(0.0, float("inf")),
        worst=None,
        needs=("audio", "landmarks", "weights"),
        about="sync distance between mouth and sound at their best shift",
    )


def av_offset(evaluator: str) -> Metric:
    """Declaration of the offset by a network."""
    return Metric(
        name=f"av_offset[{evaluator}]",
        family="sync",
        direction="reference",
        unit="frames",
        range=(-MAX_SHIFT, MAX_SHIFT),
        worst=None,
        needs=("audio", "landmarks", "weights"),
        about="frames by which the sound lags behind the mouth, to be compared with ground truth's",
    )


def shift_distances(
    video: NDArray[np.floating], audio: NDArray[np.floating], reach: int
) -> NDArray[np.float64]:
    """[2 reach + 1] mean L2 distance between video[t] and audio[t + s] for s = -reach..reach.

    video, audio: [W, D]. The same W - 2 reach video windows count at every shift, all of which have a sound there.

    >>> x = np.eye(9)
    >>> shift_distances(x, np.roll(x, 1, axis=0), 2).round(3).tolist()
    [1.414, 1.414, 1.414, 0.0, 1.414]
    """
    inner = np.arange(reach, len(video) - reach)
    shifts = np.arange(-reach, reach + 1)
    apart = video[inner][:, None].astype(np.float64) - audio[inner[:, None] + shifts]
    distances: NDArray[np.float64] = np.linalg.norm(apart, axis=-1).mean(0)
    return distances


def lip_sync(video: NDArray[np.floating], audio: NDArray[np.floating]) -> Sync:
    """LSE-C, LSE-D and offset of embeddings [W, D] of a clip's windows and of their sounds.

    The range of shifts is 10 frames, or what leaves 10 windows; below 5 frames there is no value.
    """
    check_floats(video, "embeddings of video", "[W, D]", 2)
    check_floats(audio, "embeddings of audio", "[W, D]", 2)
    if video.shape != audio.shape:
        raise ValueError(
            f"embeddings of video {list(video.shape)} and audio {list(audio.shape)} must be alike"
        )
    reach = min(MAX_SHIFT, (len(video) - LEAST_WINDOWS) // 2)
    if reach < LEAST_SHIFT:
        least = LEAST_WINDOWS + 2 * LEAST_SHIFT
        raise Undefined(f"{len(video)} windows are too few for sync (at least {least})")
    distances = shift_distances(video, audio, reach)
    best = int(np.argmin(distances))
    return Sync(
        confidence=float(np.median(distances) - distances[best]),
        distance=float(distances[best]),
        offset=best - reach,
        windows=len(video) - 2 * reach,
        reach=reach,
    )


def certain_offset(sync: Sync) -> int:
    """The offset, unless it lies at the edge of what was tried."""
    if abs(sync.offset) == sync.reach:
        raise Undefined(f"no best shift within {sync.reach} frames (the best lies at the edge)")
    return sync.offset

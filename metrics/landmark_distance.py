"""Landmark distance (LMD; Chen et al., 2018): how far the points of a generated face lie from the true ones.

The field reports pixels, which do not compare between sizes of frames; boards show eye distances of the true face.
Nothing is resampled: stretching one clip over the other hides that they are out of step. The aligned variant lets
frames shift within a band instead (arXiv 2606.01031), so that a harmless delay is not scored as an error; the
rigid distance is its special case of band 0.

T frames, 68 iBUG points (x, y) in pixels: both sides are [T, 68, 2] floats.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from privtalk.metrics.declaration import Metric
from privtalk.metrics.inputs import check_number, check_points
from privtalk.metrics.regions import MOUTH, eye_distance
from privtalk.metrics.soft_dtw import BAND, GAMMA, aligned_cost

Landmarks = NDArray[np.floating]


def lmd(evaluator: str) -> Metric:
    """Declaration of `landmark_distance`, normalised, of the points that a network reads.

    >>> lmd("talkhead").name
    'lmd[talkhead]'
    """
    return _declare(
        f"lmd[{evaluator}]", "eye distances", "mean distance of the mouth's points, mouths centred"
    )


def lmd_px(evaluator: str) -> Metric:
    """Declaration of `landmark_distance` in pixels, the field's own unit."""
    return _declare(f"lmd_px[{evaluator}]", "px", "mean distance of the mouth's points, mouths centred")


def lmd_face(evaluator: str) -> Metric:
    """Declaration of `face_landmark_distance`, normalised."""
    return _declare(f"lmd_face[{evaluator}]", "eye distances", "mean distance of all 68 points, not centred")


def lmd_aligned(evaluator: str) -> Metric:
    """Declaration of `aligned_landmark_distance`."""
    about = f"mean distance of the mouth's points along the best soft alignment within {BAND} frames"
    return _declare(f"lmd_aligned[{evaluator}]", "eye distances", about)


def landmark_distance(generated: Landmarks, truth: Landmarks) -> float:
    """Mean L2 of the mouth's points, each frame's mouth centred by its own mean, in pixels; lower is better.

    >>> truth = np.zeros((2, 68, 2)); generated = truth + 7; generated[:, 48:68:2, 0] += 2
    >>> landmark_distance(generated, truth)
    1.0
    """
    check_landmarks(generated, truth)
    return _mean_distance(_centred_mouth(generated), _centred_mouth(truth))


def face_landmark_distance(generated: Landmarks, truth: Landmarks) -> float:
    """Mean L2 of all 68 points where they are, in pixels; lower is better.

    >>> truth = np.zeros((2, 68, 2))
    >>> face_landmark_distance(truth + (3, 4), truth)
    5.0
    """
    check_landmarks(generated, truth)
    return _mean_distance(generated.astype(np.float64), truth.astype(np.float64))


def normalised(distance: float, truth: Landmarks) -> float:
    """A distance in pixels in eye distances of the true face, so that sizes of frames compare.

    >>> truth = np.zeros((1, 68, 2)); truth[:, 45, 0] = 20
    >>> normalised(5.0, truth)
    0.25
    """
    check_number(distance, "the distance", 0)
    return distance / eye_distance(truth)


def aligned_landmark_distance(
    generated: Landmarks, truth: Landmarks, band: int = BAND, gamma: float = GAMMA
) -> float:
    """`landmark_distance` in eye distances along the soft alignment of the two clips; lower is better.

    band: frames by which one may run ahead of the other; 0 is the rigid distance. gamma: softness, in eye
    distances; 0 is the best alignment alone.

    >>> truth = np.zeros((9, 68, 2)); truth[:, 45, 0] = 10; truth[3:6, 48:58, 0] = 1
    >>> late = np.roll(truth, 1, axis=0)
    >>> aligned_landmark_distance(late, truth, gamma=0) < normalised(landmark_distance(late, truth), truth)
    True
    """
    check_landmarks(generated, truth)
    return aligned_cost(frame_distances(generated, truth) / eye_distance(truth), gamma, band)


def frame_distances(generated: Landmarks, truth: Landmarks) -> NDArray[np.float64]:
    """[T, U] mean L2 of the centred mouths' points of every pair of frames, in pixels."""
    ours, true = _centred_mouth(generated), _centred_mouth(truth)
    # Frame by frame: [U, 20] at a time stays in the cache where [T, U, 20, 2] would not.
    return np.stack([np.hypot(*np.moveaxis(frame - true, -1, 0)).mean(1) for frame in ours])


def check_landmarks(generated: Landmarks, truth: Landmarks) -> None:
    """Raise `ValueError` unless both are finite [T, 68, 2] of one length."""
    check_points(generated, "generated landmarks")
    check_points(truth, "true landmarks")
    if len(generated) != len(truth):
        raise ValueError(
            f"{len(generated)} generated and {len(truth)} true frames; lengths must agree (nothing is resampled)"
        )


def _centred_mouth(landmarks: Landmarks) -> NDArray[np.float64]:
    mouth = landmarks[:, MOUTH].astype(np.float64)
    centred: NDArray[np.float64] = mouth - mouth.mean(1, keepdims=True)
    return centred


def _mean_distance(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    return float(np.linalg.norm(a - b, axis=-1).mean())


def _declare(name: str, unit: str, about: str) -> Metric:
    return Metric(
        name=name,
        family="landmarks",
        direction="lower",
        unit=unit,
        range=(0.0, float("inf")),
        worst=None,
        needs=("truth", "landmarks", "weights"),
        about=about,
    )

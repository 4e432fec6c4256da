"""Whether what was animated is still the person and still a face: silence by destruction is told by these."""

from __future__ import annotations

from privtalk.metrics.declaration import Metric
from privtalk.metrics.landmark_distance import face_landmark_distance, normalised
from privtalk.metrics.psnr import CAP, psnr
from privtalk.metrics.readings import Reading

STILL_PSNR = Metric(
    name="still_psnr",
    family="intactness",
    direction="higher",
    unit="dB",
    range=(0.0, CAP),
    worst=0.0,
    needs=("truth", "landmarks"),
    about="peak signal-to-noise ratio to the clean portrait's animation outside the box around the mouth",
)


def identity_kept(evaluator: str) -> Metric:
    """Declaration of `identity.identity_similarity` between the two animations."""
    return Metric(
        name=f"identity_kept[{evaluator}]",
        family="intactness",
        direction="higher",
        unit="",
        range=(-1.0, 1.0),
        worst=-1.0,
        needs=("truth", "landmarks", "weights"),
        about="cosine between the animated face and the template of the clean portrait's animation",
    )


def face_shift(evaluator: str) -> Metric:
    """Declaration of `face_distance` of the points that a network reads."""
    return Metric(
        name=f"face_shift[{evaluator}]",
        family="intactness",
        direction="lower",
        unit="eye distances",
        range=(0.0, float("inf")),
        worst=None,
        needs=("truth", "landmarks", "weights"),
        about="mean distance of the face's points from the clean animation's, without the mouth's and the chin's",
    )


UPPER = slice(17, 48)
"""Brows, nose and eyes: what speech does not move."""


def still_psnr(protected: Reading, clean: Reading) -> float:
    """Returns the PSNR (dB) outside the mouth's box of the driving clip; higher is more intact."""
    return psnr(protected.frames, clean.frames, ~clean.region("mouth"))


def face_distance(protected: Reading, clean: Reading, evaluator: str) -> float:
    """Returns the distance of brows, nose and eyes from the clean animation's, in eye distances; lower is better."""
    own, true = protected.points(evaluator).copy(), clean.points(evaluator).copy()
    outside = [point for point in range(68) if not UPPER.start <= point < UPPER.stop]
    own[:, outside], true[:, outside] = 0.0, 0.0
    share = 68 / (UPPER.stop - UPPER.start)
    return normalised(share * face_landmark_distance(own, true), clean.where)

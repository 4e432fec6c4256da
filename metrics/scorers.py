"""The function that scores each metric of a clip, in the order of the board's columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from privtalk.metrics import landmark_distance as points
from privtalk.metrics import theval as thevals
from privtalk.metrics.declaration import Metric, Undefined
from privtalk.metrics.evaluators.bundle import NAMES, TALKHEAD
from privtalk.metrics.identity import identity, identity_similarity
from privtalk.metrics.identity_distance import EVERY, distance_identity, distance_similarity
from privtalk.metrics.jitter import JITTER, JITTER_ERROR, jitter, jitter_error
from privtalk.metrics.landmark_jerk import jerk, landmark_jerk
from privtalk.metrics.lip_sync import av_offset, certain_offset, lse_c, lse_d
from privtalk.metrics.lpips import REGIONS, lpips, lpips_metric
from privtalk.metrics.mouth_sync import (
    MOUTH_OPENING_ERROR,
    MOUTH_OPENING_ERROR_ALIGNED,
    MOUTH_SYNC,
    MOUTH_SYNC_OFFSET,
    aligned_opening_error,
    mouth_opening_error,
    mouth_sync,
    mouth_sync_offset,
)
from privtalk.metrics.ms_ssim import MS_SSIM, MS_SSIM_3, ms_ssim
from privtalk.metrics.psnr import PSNR, PSNR_FACE, PSNR_MOUTH, psnr
from privtalk.metrics.readings import ClipPair, Reading, moving
from privtalk.metrics.regions import mouth_opening
from privtalk.metrics.ssim import SSIM, SSIM_FACE, SSIM_MOUTH, ssim
from privtalk.metrics.subject_consistency import consistency, subject_consistency
from privtalk.metrics.warping_error import WARPING_ERROR, warping_error

BY_DISTANCE = ("dlib",)
"""The networks of faces whose descriptors are compared by their distance."""


class Scorer(NamedTuple):
    """A metric of a clip."""

    metric: Metric
    value: Callable[[ClipPair], float]
    truth: Callable[[ClipPair], float] | None = None
    """Ground truth's own value, where it is not trivially perfect."""


def _of_either(metric: Metric, value: Callable[[Reading], float]) -> Scorer:
    """A metric that needs no truth, and is read beside ground truth's."""
    return Scorer(metric, lambda pair: value(pair.generated), lambda pair: value(pair.truth))


def _against(metric: Metric, value: Callable[[Reading, Reading], float]) -> Scorer:
    """A metric that the reading of true frames itself does not do perfectly on."""
    return Scorer(
        metric, lambda pair: value(pair.generated, pair.truth), lambda pair: value(pair.truth, pair.truth)
    )


def _quality() -> Iterator[Scorer]:
    for metric, region in ((PSNR, ""), (PSNR_FACE, "face"), (PSNR_MOUTH, "mouth")):
        yield Scorer(metric, partial(_psnr, region))
    for metric, region in ((SSIM, ""), (SSIM_FACE, "face"), (SSIM_MOUTH, "mouth")):
        yield Scorer(metric, partial(_ssim, region))
    for metric, scales in ((MS_SSIM, 5), (MS_SSIM_3, 3)):
        yield Scorer(metric, partial(_ms_ssim, scales))
    for name in NAMES["perceptual"]:
        for region in REGIONS:
            yield Scorer(lpips_metric(name, region), partial(_lpips, name, region.removeprefix("_")))


def _psnr(region: str, pair: ClipPair) -> float:
    return psnr(pair.generated.frames, pair.truth.frames, _where(region, pair))


def _ssim(region: str, pair: ClipPair) -> float:
    return ssim(pair.similarity(), _where(region, pair))


def _ms_ssim(scales: int, pair: ClipPair) -> float:
    return ms_ssim(pair.generated.frames, pair.truth.frames, scales)


def _lpips(name: str, region: str, pair: ClipPair) -> float:
    return lpips(pair.perceptual(name), _where(region, pair))


def _where(region: str, pair: ClipPair) -> NDArray[np.bool_] | None:
    return pair.truth.region(region) if region else None


def _identity() -> Iterator[Scorer]:
    for name in NAMES["identity"]:
        if name in BY_DISTANCE:
            yield _against(distance_identity(name), partial(_nearness, name))
        else:
            yield _against(identity(name), partial(_likeness, name))


def _likeness(name: str, own: Reading, true: Reading) -> float:
    generated, template = own.faces(name), true.faces(name)
    true.require_face()
    return identity_similarity(generated, template)


def _nearness(name: str, own: Reading, true: Reading) -> float:
    generated, template = own.faces(name, EVERY), true.faces(name, EVERY)
    true.require_face()
    return distance_similarity(generated, template)


def _landmarks() -> Iterator[Scorer]:
    for name in NAMES["landmarks"]:
        yield _against(points.lmd(name), partial(_distance, points.landmark_distance, name))
        yield _against(points.lmd_face(name), partial(_distance, points.face_landmark_distance, name))
        yield _against(points.lmd_aligned(name), partial(_aligned, name))


def _distance(function: Callable[..., float], name: str, own: Reading, true: Reading) -> float:
    return points.normalised(function(own.points(name), true.where), true.where)


def _aligned(name: str, own: Reading, true: Reading) -> float:
    return points.aligned_landmark_distance(own.points(name), true.where)


def _temporal() -> Iterator[Scorer]:
    yield _of_either(JITTER, lambda own: jitter(own.frames))
    yield Scorer(JITTER_ERROR, lambda p: jitter_error(jitter(p.generated.frames), jitter(p.truth.frames)))
    yield _against(WARPING_ERROR, lambda own, true: warping_error(own.frames, *true.motion()))
    for name in NAMES["landmarks"]:
        yield _of_either(landmark_jerk(name), partial(_jerk, name))
    for name in NAMES["frames"]:
        yield _of_either(subject_consistency(name), partial(_consistency, name))
    yield Scorer(thevals.theval_metric(TALKHEAD), _theval)


def _jerk(name: str, own: Reading) -> float:
    return jerk(own.points(name))


def _consistency(name: str, own: Reading) -> float:
    return consistency(own.features(name))


def _sync() -> Iterator[Scorer]:
    yield _against(MOUTH_SYNC, lambda own, true: mouth_sync(moving(own), mouth_opening(true.where)))
    yield Scorer(
        MOUTH_SYNC_OFFSET,
        lambda p: mouth_sync_offset(moving(p.generated), mouth_opening(p.truth.where)),
        lambda p: 0.0,
    )
    yield _against(
        MOUTH_OPENING_ERROR, lambda own, true: mouth_opening_error(own.opening(), mouth_opening(true.where))
    )
    yield _against(
        MOUTH_OPENING_ERROR_ALIGNED,
        lambda own, true: aligned_opening_error(own.opening(), mouth_opening(true.where)),
    )
    for name in NAMES["sync"]:
        yield _of_either(lse_c(name), partial(_confidence, name))
        yield _of_either(lse_d(name), partial(_sync_distance, name))
        yield _of_either(av_offset(name), partial(_offset, name))


def _confidence(name: str, own: Reading) -> float:
    return own.sync(name).confidence


def _sync_distance(name: str, own: Reading) -> float:
    return own.sync(name).distance


def _offset(name: str, own: Reading) -> float:
    return certain_offset(own.sync(name))


def _theval(pair: ClipPair) -> float:
    """Over what ground truth has a value of its own for; missing where a network is, whose parts the name promises."""
    for kind in thevals.KINDS:
        pair.generated.evaluators.get(kind, TALKHEAD)
    values: dict[str, float | None] = {}
    truths: dict[str, float] = {}
    for name in thevals.PARTS:
        scorer = SCORERS[name]
        assert scorer.truth is not None
        try:
            truths[name] = scorer.truth(pair)
            values[name] = scorer.value(pair)
        except Undefined:
            values[name] = None
    return thevals.theval(values, truths)


SCORERS: dict[str, Scorer] = {
    scorer.metric.name: scorer
    for family in (_quality, _identity, _landmarks, _temporal, _sync)
    for scorer in family()
}

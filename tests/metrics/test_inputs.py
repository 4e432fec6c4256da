"""Arrays of another kind than a formula is for: every public function of a metric refuses them in one line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from privtalk.metrics.evaluators.protocols import PerceptualDistance
from privtalk.metrics.frechet import Moments, frechet_distance
from privtalk.metrics.identity import identity_similarity
from privtalk.metrics.jitter import jitter, jitter_error
from privtalk.metrics.kernel_distance import kernel, u_statistic
from privtalk.metrics.landmark_distance import (
    aligned_landmark_distance,
    face_landmark_distance,
    landmark_distance,
    normalised,
)
from privtalk.metrics.landmark_jerk import jerk
from privtalk.metrics.lip_sync import lip_sync
from privtalk.metrics.lpips import lpips
from privtalk.metrics.mesh import absolute_fdd, eve, fdd, lve, mve
from privtalk.metrics.mouth_sync import (
    aligned_opening_error,
    mouth_opening_error,
    mouth_sync,
    mouth_sync_offset,
)
from privtalk.metrics.ms_ssim import ms_ssim
from privtalk.metrics.psnr import psnr
from privtalk.metrics.regions import face_region, mouth_opening, mouth_region
from privtalk.metrics.ssim import ssim, ssim_map
from privtalk.metrics.subject_consistency import consistency
from privtalk.metrics.theval import normalised as share_of_truth
from privtalk.metrics.warping_error import true_motion, warping_error

RNG = np.random.default_rng(0)
T, SIDE = 6, 48
FRAMES = RNG.integers(0, 256, (T, SIDE, SIDE, 3), dtype=np.uint8)
OTHER = RNG.integers(0, 256, (T, SIDE, SIDE, 3), dtype=np.uint8)
POINTS = RNG.uniform(5, 40, (T, 68, 2))
UNIT = np.eye(T, 8, dtype=np.float32)
CURVE = np.sin(np.arange(40.0) ** 1.3)
LONG = RNG.normal(size=(40, 4))
VERTICES = RNG.normal(size=(T, 5, 3))


def refused(attempt: Callable[[], object]) -> None:
    with pytest.raises(
        ValueError, match=r"(must|lengths|every|one network|give one|generated and|is cut|finite)"
    ) as caught:
        attempt()
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 250


PAIRS: dict[str, Callable[[Any, Any], object]] = {
    "psnr": psnr,
    "ssim_map": ssim_map,
    "ms_ssim": lambda a, b: ms_ssim(a, b, 3),
}
BAD_FRAMES: dict[str, Any] = {
    "floats on 0..1": FRAMES / 255,
    "floats on 0..255": FRAMES.astype(np.float32),
    "wider": FRAMES.astype(np.int32),
    "signed": FRAMES.astype(np.int8),
    "bool": FRAMES > 0,
    "a frame less": FRAMES[:-1],
    "one frame": FRAMES[:1],
    "no frame": FRAMES[:0],
    "smaller": FRAMES[:, :-1],
    "grey": FRAMES[..., 0],
    "one channel": FRAMES[..., :1],
    "one picture": FRAMES[0],
    "a list": FRAMES[:1, :2].tolist(),
    "nothing": None,
}


@pytest.mark.parametrize("bad", BAD_FRAMES)
@pytest.mark.parametrize("measure", PAIRS)
def test_pairs_of_frames(measure: str, bad: str) -> None:
    refused(lambda: PAIRS[measure](BAD_FRAMES[bad], OTHER))
    refused(lambda: PAIRS[measure](OTHER, BAD_FRAMES[bad]))


def test_two_empty_clips() -> None:
    for measure in PAIRS.values():
        refused(lambda measure=measure: measure(FRAMES[:0], OTHER[:0]))  # type: ignore[misc]
        refused(lambda measure=measure: measure(FRAMES / 255, OTHER / 255))  # type: ignore[misc]


def test_the_right_kind_is_taken() -> None:
    for measure in PAIRS.values():
        assert np.all(np.isfinite(measure(FRAMES, OTHER)))  # type: ignore[call-overload]


REGION = np.zeros((T, SIDE, SIDE), bool)
REGION[:, 3:20, 4:30] = True
EMPTY = REGION.copy()
EMPTY[2] = False


@pytest.mark.parametrize(
    "region",
    [REGION[:-1], REGION[0], REGION[:, 1:], REGION.astype(np.uint8), REGION.astype(float), EMPTY, [True]],
    ids=["short", "one", "smaller", "numbers", "floats", "empty frame", "list"],
)
def test_regions(region: Any) -> None:
    similarity = ssim_map(FRAMES, OTHER)
    apart = PerceptualDistance(np.ones(T, np.float32), np.ones((T, SIDE, SIDE), np.float32))
    refused(lambda: psnr(FRAMES, OTHER, region))
    refused(lambda: ssim(similarity, region))
    refused(lambda: lpips(apart, region))
    for measure in (
        lambda r: psnr(FRAMES, OTHER, r),
        lambda r: ssim(similarity, r),
        lambda r: lpips(apart, r),
    ):
        assert np.isfinite(measure(REGION))


def spoilt(values: np.ndarray) -> list[Any]:
    """Not finite, of another kind, of another number of dimensions, empty, no array."""
    bent = values.astype(np.float64)
    bent.flat[0] = np.nan
    endless = values.astype(np.float64)
    endless.flat[-1] = np.inf
    return [
        bent,
        endless,
        values.astype(np.int64),
        values[..., 0],
        values[None],
        values[:0],
        values.tolist(),
        None,
    ]


@pytest.mark.parametrize("number", range(8))
def test_floats_of_one_clip(number: int) -> None:
    similarity = ssim_map(FRAMES, OTHER)
    refused(lambda: ssim(spoilt(similarity)[number]))
    apart = np.ones((T, SIDE, SIDE), np.float32)
    refused(lambda: lpips(PerceptualDistance(np.ones(T, np.float32), spoilt(apart)[number])))
    if number != 3:
        refused(lambda: lpips(PerceptualDistance(spoilt(np.ones((T,), np.float32))[number], apart)))
    for measure in (
        jerk,
        mouth_opening,
        lambda p: mouth_region(p, SIDE, SIDE),
        lambda p: face_region(p, SIDE, SIDE),
    ):
        refused(lambda measure=measure: measure(spoilt(POINTS)[number]))  # type: ignore[misc]
    refused(lambda: consistency(spoilt(UNIT)[number]))


@pytest.mark.parametrize("number", range(8))
def test_floats_of_two_clips(number: int) -> None:
    two: list[tuple[Callable[[Any, Any], object], np.ndarray]] = [
        (identity_similarity, UNIT),
        (landmark_distance, POINTS),
        (face_landmark_distance, POINTS),
        (aligned_landmark_distance, POINTS),
        (lip_sync, LONG),
        (kernel, LONG),
        (mve, VERTICES),
        (lambda a, b: lve(a, b, [0]), VERTICES),
        (lambda a, b: eve(a, b, [0]), VERTICES),
        (lambda a, b: fdd(a, b, VERTICES[0], [0]), VERTICES),
        (lambda a, b: absolute_fdd(a, b, VERTICES[0], [0]), VERTICES),
    ]
    for measure, good in two:
        bad = spoilt(good)[number]
        refused(lambda m=measure, b=bad, g=good: m(b, g))  # type: ignore[misc]
        refused(lambda m=measure, b=bad, g=good: m(g, b))  # type: ignore[misc]
        assert np.all(np.isfinite(np.asarray(measure(good, good), dtype=float)))


@pytest.mark.parametrize(
    "bad",
    [
        CURVE[:-1],
        CURVE[:1],
        CURVE[:0],
        np.append(CURVE[:-1], np.nan),
        CURVE.astype(int),
        CURVE[None],
        [0.1, 0.2],
    ],
    ids=["short", "one", "none", "nan", "whole", "two dimensions", "list"],
)
@pytest.mark.parametrize(
    "measure", [mouth_sync, mouth_sync_offset, mouth_opening_error, aligned_opening_error]
)
def test_curves(measure: Callable[[Any, Any], float], bad: Any) -> None:
    refused(lambda: measure(bad, CURVE))
    refused(lambda: measure(CURVE, bad))


@pytest.mark.parametrize("length", [0.0, 0.5, 2.0])
def test_embeddings_that_are_no_unit_vectors(length: float) -> None:
    bent = UNIT.copy()
    bent[1] *= length
    refused(lambda: identity_similarity(bent, UNIT))
    refused(lambda: identity_similarity(UNIT, bent))
    refused(lambda: identity_similarity(UNIT, UNIT[:, :-1]))


@pytest.mark.parametrize("frames", [FRAMES / 255, FRAMES.astype(np.int16), FRAMES[0], FRAMES[:0], None])
def test_frames_of_one_clip(frames: Any) -> None:
    motion = true_motion(FRAMES)
    refused(lambda: jitter(frames))
    refused(lambda: true_motion(frames))
    refused(lambda: warping_error(frames, *motion))


def test_motion_of_another_kind() -> None:
    flows, mask = true_motion(FRAMES)
    refused(lambda: warping_error(FRAMES, np.full_like(flows, np.nan), mask))
    refused(lambda: warping_error(FRAMES, flows, mask.astype(np.uint8)))
    refused(lambda: warping_error(FRAMES, flows[:-1], mask))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_none(value: float) -> None:
    for measure in (jitter_error, share_of_truth):
        refused(lambda measure=measure: measure(value, 0.5))  # type: ignore[misc]
        refused(lambda measure=measure: measure(0.5, value))  # type: ignore[misc]
    refused(lambda: jitter_error(-0.1, 0.5))
    refused(lambda: jitter_error(0.1, -0.5))
    refused(lambda: normalised(value, POINTS))
    refused(lambda: normalised(-1.0, POINTS))


def test_moments_and_kernels_of_another_kind() -> None:
    unit = Moments(np.zeros(2), np.eye(2))
    for bad in (
        Moments(np.zeros(3), np.eye(3)),
        Moments(np.zeros(2), np.eye(3)),
        Moments(np.array([np.nan, 0]), np.eye(2)),
        Moments(np.zeros(2), np.full((2, 2), np.inf)),
        Moments(np.zeros(2, int), np.eye(2)),
        Moments(np.zeros((1, 2)), np.eye(2)),
    ):
        refused(lambda bad=bad: frechet_distance(unit, bad))  # type: ignore[misc]
        refused(lambda bad=bad: frechet_distance(bad, unit))  # type: ignore[misc]
    for excess in (np.zeros((2, 2)), np.zeros((3, 4)), np.full((3, 3), np.nan), np.zeros((3, 3), int)):
        refused(lambda excess=excess: u_statistic(excess))  # type: ignore[misc]
    refused(lambda: kernel(LONG, LONG[:, :-1]))

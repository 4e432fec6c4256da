"""Distortions, and what is concluded from scores under them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from privtalk.leaderboards.validation import floors, halves, ladder, readers, scoring, temporal
from privtalk.leaderboards.validation.checks import BarCheck, exact, exit_code, judged, not_done, wilson
from privtalk.leaderboards.validation.distortions import LADDERS, TIMES, DistortionLevel, distorted
from privtalk.leaderboards.validation.distortions import ladder as conditions
from privtalk.metrics import METRICS
from privtalk.metrics.declaration import Undefined
from privtalk.metrics.evaluators.bundle import TALKHEAD, Given
from privtalk.metrics.regions import mouth_opening
from tests.leaderboards.validation.toys import Blurblind, Pixels, Squared, face_points, toy_clip

COUNT = 12


@pytest.fixture(scope="module")
def clips():
    return [toy_clip(person, frames=2 * COUNT) for person in range(6)]


def given(perceptual) -> Given:
    return Given({("perceptual", TALKHEAD): perceptual, ("frames", TALKHEAD): Pixels()}, "not in this test")


def table_of(clips, perceptual, kinds=ladder.REQUIRED):
    evaluators = given(perceptual)
    return {
        (c.kind, c.level): scoring.score(clips, c, COUNT, evaluators) for c in conditions() if c.kind in kinds
    }


@pytest.fixture(scope="module")
def table(clips):
    return table_of(clips, Squared())


@pytest.fixture(scope="module")
def times(clips):
    evaluators = given(Squared())
    return {kind: scoring.score(clips, DistortionLevel(kind=kind), COUNT, evaluators) for kind in TIMES}


def by_name(checks: list[BarCheck]) -> dict[str, BarCheck]:
    return {check.name: check for check in checks}


def missing(table):
    return {name: why for scored in table.values() for name, why in scored.missing.items()}


def test_distortions_are_repeatable_and_grow(clips):
    frames = clips[0].frames
    for kind, levels in LADDERS.items():
        errors = []
        for level in levels:
            condition = DistortionLevel(kind=kind, level=level)
            first, again = (distorted(frames, condition, COUNT, "a") for _ in range(2))
            assert np.array_equal(first, again)
            assert first.shape == frames[:COUNT].shape
            assert first.dtype == np.uint8
            errors.append(np.abs(first.astype(float) - frames[:COUNT]).mean())
        if kind != "shift":  # a texture that repeats may fit better further on
            assert errors == sorted(errors), kind


def test_redraws_differ_by_clip_and_number(clips):
    frames = clips[0].frames
    first = distorted(frames, DistortionLevel(kind="redraw", level=0), COUNT, "a")
    assert not np.array_equal(first, distorted(frames, DistortionLevel(kind="redraw", level=1), COUNT, "a"))
    assert not np.array_equal(first, distorted(frames, DistortionLevel(kind="redraw", level=0), COUNT, "b"))


def test_what_is_done_to_time(clips):
    frames = clips[0].frames
    made = {kind: distorted(frames, DistortionLevel(kind=kind), COUNT, "a") for kind in TIMES}
    assert np.array_equal(made["truth"], frames[:COUNT])
    assert np.array_equal(made["fast"], frames[::2])
    assert (made["frozen"] == frames[0]).all()
    assert not np.array_equal(made["shuffled"], frames[:COUNT])
    assert sorted(made["shuffled"].sum((1, 2, 3))) == sorted(frames[:COUNT].sum((1, 2, 3), dtype=np.uint64))


def test_double_speed_needs_twice_the_frames(clips):
    with pytest.raises(ValueError, match="too few"):
        distorted(clips[0].frames, DistortionLevel(kind="fast"), 2 * COUNT, "a")


def test_every_metric_has_values_or_a_reason(table):
    scored = table["blur", 0.4]
    for name, metric in METRICS.items():
        if metric.level == "clip":
            assert len(scored.values[name]) == 6
        assert (scored.mean(name) is None) == (name in scored.missing), name


def test_good_metrics_climb(table):
    found = by_name(ladder.checks(ladder.climbs(table), missing(table)))
    assert found["lpips[talkhead]"].verdict == "pass"
    assert found["fid[talkhead]"].verdict == "pass"
    assert found["lpips[alex]"].verdict == "not done"
    assert "not in this test" in found["lpips[alex]"].reason


def test_a_metric_that_ignores_blur_fails(clips):
    table = table_of(clips, Blurblind(), ladder.REQUIRED)
    found = by_name(ladder.checks(ladder.climbs(table), missing(table)))
    assert found["lpips[talkhead]"].verdict == "fail"
    assert "not under blur" in found["lpips[talkhead]"].measured


def test_the_direction_of_a_metric_counts():
    assert ladder.climb("psnr", "blur", [3.0, 2.0, 1.0], 1.0).monotone
    assert not ladder.climb("psnr", "blur", [1.0, 2.0, 3.0], -1.0).monotone
    assert not ladder.climb("psnr", "blur", [3.0, None, 1.0], 1.0).monotone


def test_time_is_ordered(times):
    for metric in ("jitter", "jitter_error", "warping_error"):
        check = temporal.check(metric, temporal.ordered(metric, times))
        assert check.verdict == "pass", check.measured


def test_a_metric_that_likes_frozen_faces_fails(times):
    swapped = dict(times) | {"truth": times["frozen"], "frozen": times["truth"]}
    check = temporal.check("jitter_error", temporal.ordered("jitter_error", swapped))
    assert check.verdict == "fail"
    assert "true < frozen" in check.measured


def test_a_metric_of_time_without_a_network_is_not_done(times):
    name = "landmark_jerk[talkhead]"
    check = temporal.check(name, temporal.ordered(name, times), times["truth"].missing[name])
    assert check.verdict == "not done"


def test_halves_of_the_same_data(table):
    rng = np.random.default_rng(0)
    rows = [rng.normal(size=(40, 4)) for _ in range(24)]
    climbs = ladder.climbs(table)
    kernel = halves.halve("kid[talkhead]", rows)
    assert halves.check("kid[talkhead]", kernel, climbs, {}).verdict == "pass"
    frechet = halves.halve("fid[talkhead]", rows)._replace(frames=0.0)
    assert halves.check("fid[talkhead]", frechet, climbs, {}).verdict == "pass"
    assert halves.check("fid[talkhead]", frechet._replace(frames=1e9), climbs, {}).verdict == "fail"
    assert halves.check("fid[talkhead]", None, climbs, {"fid[talkhead]": "why"}).reason == "why"


def test_halves_that_differ_fail():
    rng = np.random.default_rng(0)
    rows = [rng.normal(size=(40, 4)) + (k % 2) for k in range(24)]
    found = halves.halve("kid[talkhead]", rows)
    assert found.low > 0
    assert halves.check("kid[talkhead]", found, [], {}).verdict == "fail"


def test_too_few_frames_have_no_frechet_distance():
    with pytest.raises(Undefined):
        halves.halve("fid[talkhead]", [np.zeros((1, 8)), np.zeros((1, 8))])


def test_the_noise_floor_is_that_of_the_paired_interval(clips):
    evaluators = given(Squared())
    first, second = (
        scoring.score(clips, DistortionLevel(kind="redraw", level=k), COUNT, evaluators) for k in (0, 1)
    )
    found = floors.redrawn(first, second, n=40)
    gaps = first.values["psnr"] - second.values["psnr"]
    assert found["psnr"].n == 40
    assert found["psnr"].value == pytest.approx(2.0227 * gaps.std(ddof=1) / 40**0.5, rel=1e-3)
    assert "ms_ssim" not in found
    assert floors.redrawn(first, first) == {}
    json.dumps({name: floor.value for name, floor in found.items()})


def test_a_good_reader_passes_and_a_blind_one_fails(clips):
    good = readers.read_openings(clips, lambda frames, points: mouth_opening(points) + 0.01)
    blind = readers.read_openings(clips, lambda frames, points: np.zeros(len(points)))
    assert readers.check("mouth", good).verdict == "pass"
    assert good.error == pytest.approx(0.01)
    assert readers.check("mouth", blind).verdict == "fail"
    assert blind.correlation == 0.0


def test_landmarks_are_measured_in_eye_distances(clips):
    found = readers.read_landmarks(clips, lambda frames, points: points + np.array([1.6, 0.0]))
    assert found.correlation == pytest.approx(1.0)
    assert found.points == pytest.approx(0.1)
    assert found.mouth_points == pytest.approx(0.1)


def test_an_opening_needs_no_eyes():
    points = face_points(3, np.array([1.0, 2.0, 4.0])).astype(np.float64)
    expected = mouth_opening(points)
    points[:, 36] = points[:, 45]
    assert readers.opening(points, 16.0) == pytest.approx(expected)


def test_still_mouths_cannot_validate(clips):
    with pytest.raises(ValueError, match="moving mouth"):
        readers.compare([np.zeros(3)], [np.zeros(3)])


def test_exit_codes():
    held = judged("a", "a", "bar", True, "")
    missed = judged("a", "a", "bar", False, "")
    skipped = not_done("a", "a", "bar", "why")
    assert [exit_code(c) for c in ([held], [held, missed], [skipped], [])] == [0, 1, 0, 0]


def test_intervals_hold_their_share():
    assert wilson(0, 10).low == 0.0
    assert wilson(10, 10).high == 1.0
    assert exact(10, 10).low == pytest.approx(0.6915, abs=1e-4)
    with pytest.raises(ValueError, match="at least one"):
        wilson(0, 0)

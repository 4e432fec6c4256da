"""Which function scores which metric: every column against its definition, written out."""

from dataclasses import replace

import numpy as np
import pytest

from privtalk.metrics import METRICS, ClipPair, score_clip
from privtalk.metrics.evaluators.bundle import TALKHEAD, Given
from privtalk.metrics.scorers import SCORERS
from privtalk.metrics.theval import KINDS, PARTS
from tests.metrics.toys import T, face, networks, noise, pair, talking

DRAWN = np.random.default_rng(0).normal(0, 1.5, (T, 68, 2))


def wide_points(frames, landmarks):
    """A reader that is off by a fixed amount wherever the frames are not the true ones."""
    return landmarks + (DRAWN if frames[0, 0, 0, 0] else 0 * DRAWN)


@pytest.fixture(scope="module")
def shown():
    made, true = talking(1), talking(2)
    made[0, 0, 0, 0], true[0, 0, 0, 0] = 1, 0
    return pair(made, true, using=Given(networks(landmarks=wide_points)))


def value(name, shown):
    return SCORERS[name].value(shown)


def eye_distance():
    return 20.0


def psnr_by_hand(made, true, region):
    error = (made.astype(float) - true) ** 2
    each = [error[t][region[t]].mean() for t in range(T)]
    return np.mean([min(100, 10 * np.log10(255**2 / one)) for one in each])


@pytest.mark.parametrize("region", ["face", "mouth"])
def test_regions_are_the_true_clips(shown, region):
    inside = shown.truth.region(region)
    assert 0 < inside.mean() < 0.5
    made, true = shown.generated.frames, shown.truth.frames
    assert value(f"psnr_{region}", shown) == pytest.approx(psnr_by_hand(made, true, inside), rel=1e-6)
    gap = np.abs(made.astype(float) - true).mean(3) / 255
    expected = np.mean([gap[t][inside[t]].mean() for t in range(T)])
    assert value(f"lpips_{region}[talkhead]", shown) == pytest.approx(expected, rel=1e-5)
    means = [shown.similarity()[t][inside[t]].mean() for t in range(T)]
    assert value(f"ssim_{region}", shown) == pytest.approx(np.mean(means), rel=1e-5)


def test_whole_frames_are_whole(shown):
    everything = np.ones((T, 64, 64), bool)
    made, true = shown.generated.frames, shown.truth.frames
    assert value("psnr", shown) == pytest.approx(psnr_by_hand(made, true, everything), rel=1e-6)
    assert value("lpips[talkhead]", shown) == pytest.approx(
        np.abs(made.astype(float) - true).mean() / 255, rel=1e-5
    )


def test_identity_is_the_cosine_to_the_true_clips_template(shown):
    made, true = (reading.frames.mean((1, 2)) for reading in (shown.generated, shown.truth))
    made, true = (tints / np.linalg.norm(tints, axis=1, keepdims=True) for tints in (made, true))
    template = true.mean(0) / np.linalg.norm(true.mean(0))
    assert value("identity[talkhead]", shown) == pytest.approx((made @ template).mean(), rel=1e-5)
    assert SCORERS["identity[talkhead]"].truth(shown) == pytest.approx((true @ template).mean(), rel=1e-5)


def test_points_read_from_the_pixels_are_held_against_the_exact_ones(shown):
    mouth = DRAWN[:, 48:] - DRAWN[:, 48:].mean(1, keepdims=True)
    expected = np.linalg.norm(mouth, axis=-1).mean() / eye_distance()
    assert value("lmd[talkhead]", shown) == pytest.approx(expected, rel=1e-5)
    assert value("lmd_face[talkhead]", shown) == pytest.approx(
        np.linalg.norm(DRAWN, axis=-1).mean() / eye_distance(), rel=1e-5
    )
    assert 0 < value("lmd_aligned[talkhead]", shown) <= value("lmd[talkhead]", shown) + 1e-3
    points = face() + DRAWN
    jerk = np.linalg.norm(points[3:] - 3 * points[2:-1] + 3 * points[1:-2] - points[:-3], axis=-1).mean()
    own_size = np.median(np.linalg.norm(points[:, 45] - points[:, 36], axis=1))
    assert value("landmark_jerk[talkhead]", shown) == pytest.approx(jerk / own_size, rel=1e-5)
    for name in ("lmd[talkhead]", "lmd_face[talkhead]"):
        assert SCORERS[name].truth(shown) == pytest.approx(0, abs=1e-6)


def test_a_jittery_clip_is_told_by_its_difference_from_ground_truth():
    still = np.full((T, 64, 64, 3), 100, np.uint8)
    fast, slow = still.copy(), still.copy()
    fast[1::2] += 51
    slow[1::2] += 17
    shown = pair(fast, slow)
    assert value("jitter", shown) == pytest.approx(0.2)
    assert SCORERS["jitter"].truth(shown) == pytest.approx(0.2 / 3)
    assert value("jitter_error", shown) == pytest.approx(2)


def test_a_late_mouth_is_late_in_frames():
    def late(frames, landmarks):
        """A reader whose generated mouth comes three frames after the true one."""
        opening = np.linalg.norm(landmarks[:, 66] - landmarks[:, 62], axis=1) / 20
        return np.roll(opening, 3) if frames[0, 0, 0, 0] else opening

    made, true = talking(1), talking(2)
    made[0, 0, 0, 0], true[0, 0, 0, 0] = 1, 0
    shown = pair(made, true, using=Given(networks(mouth=late)))
    assert value("mouth_sync_offset", shown) == 3
    assert value("mouth_sync", shown) < 0.9 < SCORERS["mouth_sync"].truth(shown)
    assert value("mouth_opening_error_aligned", shown) < value("mouth_opening_error", shown)


def test_sync_is_of_the_clips_own_frames(shown):
    late = replace(shown.generated, frames=np.roll(shown.generated.frames, 2, axis=0))
    assert value("av_offset[talkhead]", ClipPair(late, shown.truth)) == -2
    assert SCORERS["av_offset[talkhead]"].truth(shown) == 0
    assert value("lse_d[talkhead]", shown) < SCORERS["lse_c[talkhead]"].value(shown)


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, scorer in SCORERS.items()
        if scorer.truth and METRICS[name].evaluator in (None, TALKHEAD)
    ],
)
def test_ground_truths_value_is_that_of_ground_truth_generated(shown, name):
    itself = ClipPair(shown.truth, shown.truth)
    assert SCORERS[name].truth(shown) == pytest.approx(SCORERS[name].value(itself), abs=1e-9)


def test_theval_is_the_mean_over_its_parts(shown):
    result = score_clip(shown)
    each = [1 - abs(result.scores[name] - result.truth[name]) / result.truth[name] for name in PARTS]
    assert len(each) == 5
    assert result.scores["theval[talkhead]"] == pytest.approx(np.mean(each))


def test_theval_leaves_out_what_a_frozen_clip_has_no_value_for():
    truth = talking()
    result = score_clip(pair(np.repeat(truth[:1], T, 0), truth))
    parts = [name for name in PARTS if result.scores[name] is not None]
    assert parts == ["jitter", "landmark_jerk[talkhead]", "subject_consistency[talkhead]"]
    each = [1 - abs(result.scores[name] - result.truth[name]) / result.truth[name] for name in parts]
    assert result.scores["theval[talkhead]"] == pytest.approx(np.mean(each))


@pytest.mark.parametrize("kind", KINDS)
def test_theval_is_missing_where_one_of_its_networks_is(kind):
    using = Given({key: network for key, network in networks().items() if key[0] != kind}, "absent")
    result = score_clip(pair(noise(1), noise(2), using=using))
    assert result.missing["theval[talkhead]"] == "no talkhead network: absent"


def test_thevals_parts_are_scored_beside_ground_truth_and_read_by_its_networks():
    for name in PARTS:
        assert SCORERS[name].truth is not None
        assert METRICS[name].evaluator in (None, TALKHEAD)

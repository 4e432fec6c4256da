"""All scores of a clip: limits, reasons for what is missing, refusals."""

from dataclasses import replace

import numpy as np
import pytest

from privtalk.metrics import METRICS, ClipPair, score_clip
from privtalk.metrics.evaluators.bundle import Given
from privtalk.metrics.scorers import SCORERS
from tests.metrics.toys import SIZE, Counted, T, face, networks, noise, pair, speech, talking

PUBLISHED = {name for name in SCORERS if METRICS[name].evaluator not in (None, "talkhead")}
ABSENT = PUBLISHED | {"ms_ssim"}
"""What no clip of 64 px has under toy networks."""
OF_SYNC = {"lse_c[talkhead]", "lse_d[talkhead]", "av_offset[talkhead]"}
OF_MOVING_MOUTHS = {"mouth_sync", "mouth_sync_offset"}


def test_ground_truth_is_perfect_or_scores_what_it_scores():
    result = score_clip(pair(talking()))
    assert set(result.missing) == ABSENT
    assert list(result.scores) == list(SCORERS)
    perfect = dict.fromkeys(("psnr", "psnr_face", "psnr_mouth"), 100)
    perfect |= dict.fromkeys(("ssim", "ssim_face", "ssim_mouth", "ms_ssim_3", "theval[talkhead]"), 1)
    perfect |= dict.fromkeys(("lpips[talkhead]", "lpips_face[talkhead]", "lpips_mouth[talkhead]"), 0)
    perfect |= {"jitter_error": 0}
    assert not set(perfect) & set(result.truth)
    expected = result.truth | perfect
    found = {name: value for name, value in result.scores.items() if value is not None}
    assert found == {name: pytest.approx(value, abs=1e-6) for name, value in expected.items()}
    assert result.truth["mouth_sync"] == pytest.approx(1)
    assert result.truth["lmd[talkhead]"] == result.truth["mouth_opening_error"] == 0
    assert result.truth["av_offset[talkhead]"] == result.truth["mouth_sync_offset"] == 0
    assert result.truth["jitter"] > 0


def test_large_frames_have_all_five_scales():
    frames = noise(count=2, size=168)
    result = score_clip(pair(frames, landmarks=face(2, 168)))
    assert result.scores["ms_ssim"] == pytest.approx(1)


def test_values_lie_in_their_declared_range():
    def backwards(frames, landmarks):
        return -landmarks[::-1].astype(np.float64)

    using = Given(networks(landmarks=Counted(backwards)))
    result = score_clip(pair(noise(1), noise(2), using=using))
    for name, value in result.scores.items():
        low, high = METRICS[name].range
        assert value is None or low <= value <= high


def test_worse_frames_score_worse():
    truth = talking()
    disturbance = np.random.default_rng(3).normal(size=truth.shape) + np.array([1, 0, -1])
    near, far = (np.clip(truth + s * disturbance, 0, 255).astype(np.uint8) for s in (4, 40))
    good, bad = (score_clip(pair(frames, truth)).scores for frames in (near, far))
    compared = ["psnr", "psnr_face", "psnr_mouth", "ssim", "ssim_face", "ssim_mouth", "ms_ssim_3"]
    compared += ["lpips[talkhead]", "lpips_face[talkhead]", "lpips_mouth[talkhead]", "identity[talkhead]"]
    compared += ["jitter_error", "theval[talkhead]"]
    for name in compared:
        sign = {"higher": 1, "lower": -1}[METRICS[name].direction]
        assert sign * good[name] > sign * bad[name], name


def test_a_static_clip_has_no_sync_but_everything_else():
    truth = talking()
    result = score_clip(pair(np.repeat(truth[:1], T, 0), truth))
    assert set(result.missing) == ABSENT | OF_MOVING_MOUTHS | OF_SYNC
    for name in OF_MOVING_MOUTHS | OF_SYNC:
        assert result.missing[name] == "the generated frames do not move"
    assert not OF_SYNC & set(result.truth), "ground truth is told of the clips that have a value"
    assert result.scores["jitter"] == 0
    assert result.scores["jitter_error"] == 1


def test_a_single_frame_keeps_what_one_frame_can_say():
    result = score_clip(pair(noise(count=1)))
    over_time = {"jitter", "jitter_error", "warping_error", "landmark_jerk[talkhead]", "theval[talkhead]"}
    over_time |= {"subject_consistency[talkhead]"}
    assert set(result.missing) == ABSENT | OF_MOVING_MOUTHS | OF_SYNC | over_time
    assert "one frame" in result.missing["jitter"]
    assert "one frame" in result.missing["warping_error"]
    assert "too few" in result.missing["mouth_sync"]
    assert "too few" in result.missing["lse_c[talkhead]"]
    assert result.missing["theval[talkhead]"].startswith("no metric has both")


def test_without_networks_only_pixels_are_compared():
    result = score_clip(pair(noise(1), noise(), using=Given(reason="run: make it")))
    read = {name for name in SCORERS if {"weights", "mouth_reader"} & set(METRICS[name].needs)}
    assert set(result.missing) == read | {"ms_ssim"}
    for name in read:
        evaluator = METRICS[name].evaluator or "talkhead"
        assert result.missing[name] == f"no {evaluator} network: run: make it"


def test_without_sound_the_mouth_is_still_read():
    silent = pair(noise(1), noise())
    silent = ClipPair(*(replace(reading, audio=None) for reading in (silent.generated, silent.truth)))
    result = score_clip(silent)
    assert set(result.missing) == ABSENT | OF_SYNC
    assert {result.missing[name] for name in OF_SYNC} == {"the clip has no audio"}


def test_lost_landmarks_cost_what_they_place():
    points = face()
    points[4, 60] = np.nan
    result = score_clip(pair(noise(1), noise(), landmarks=points))
    placed = {name for name in SCORERS if "landmarks" in METRICS[name].needs} - {"theval[talkhead]"}
    assert set(result.missing) == placed | ABSENT
    assert {result.missing[name] for name in placed - PUBLISHED} == {"the landmarks are not finite"}


def test_every_missing_value_has_a_reason_and_no_other():
    result = score_clip(pair(noise(count=1), using=Given()))
    assert {name for name, value in result.scores.items() if value is None} == set(result.missing)
    assert all(result.missing.values())


@pytest.mark.parametrize("whose", ["generated", "truth"])
def test_a_network_that_answers_nan_is_an_error_naming_the_clip_and_the_metric(whose):
    class Broken:
        dim = 3

        def __call__(self, frames):
            broken = np.nan if (frames[0, 0, 0, 0] == 255) == (whose == "generated") else 1.0
            return np.full((len(frames), 3), broken, np.float32)

    made, true = noise(1), noise(2)
    made[0, 0, 0, 0], true[0, 0, 0, 0] = 255, 0
    using = Given(networks(frames=Broken()))
    with pytest.raises(
        ValueError, match=r"^ann/3( \(ground truth\))?: subject_consistency\[talkhead\]: features hold NaN"
    ):
        score_clip(pair(made, true, using=using), "ann/3")


@pytest.mark.parametrize(
    ("generated", "truth", "landmarks", "rule"),
    [
        (noise(count=5), noise(), face(), "the same length and size"),
        (noise()[:, :32], noise(), face(), "the same length and size"),
        (noise().astype(np.float32), noise(), face(), "generated frames are float32"),
        (np.full((T, SIZE, SIZE, 3), np.nan), noise(), face(), "generated frames are float64"),
        (noise(), noise()[..., 0], face(), "true frames are uint8"),
        (noise(), noise(), face(5), r"must be float \[32, 68, 2\]"),
        (noise(), noise(), face().astype(np.int32), r"must be float \[32, 68, 2\]"),
        (noise()[:0], noise()[:0], face(0), "empty"),
    ],
)
def test_arrays_that_do_not_belong_together_are_refused(generated, truth, landmarks, rule):
    with pytest.raises(ValueError, match=f"^ann/3: .*{rule}"):
        score_clip(pair(generated, truth, landmarks=landmarks), "ann/3")


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"fps": 30.0}, "30 generated and 25 true frames a second must be the same"),
        ({"landmarks": face(T - 1)}, r"generated clip's landmarks are float32 \[31, 68, 2\]"),
        ({"audio": speech(T - 1)}, r"has 19840 samples; 32 frames at 25 a second take 20480 at 16000 Hz"),
        ({"audio": np.repeat(speech(), 3)}, "has 61440 samples"),
        ({"audio": speech().astype(np.float64)}, r"is float64 \[20480\], must be float32"),
        ({"audio": np.stack([speech(), speech()])}, r"is float32 \[2, 20480\]"),
        ({"audio": 32768 * speech()}, r"reaches 3\d{4}.*; samples must lie within -1..1"),
        ({"audio": np.full(T * 640, np.nan, np.float32)}, "holds NaN"),
    ],
)
def test_rates_and_sounds_that_do_not_fit_are_refused(change, rule):
    good = pair(talking())
    with pytest.raises(ValueError, match=f"^ann/3: .*{rule}"):
        score_clip(ClipPair(replace(good.generated, **change), good.truth), "ann/3")


def test_a_sound_may_be_less_than_a_frame_off():
    close = pair(noise(count=5), audio=speech(5)[:-639])
    assert score_clip(close, "ann/3").scores["psnr"] == 100

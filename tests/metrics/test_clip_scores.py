"""All scores of a clip: limits, reasons for what is missing, refusals."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from privtalk.metrics import METRICS, score_clip
from privtalk.metrics.regions import mouth_opening

T, SIZE = 24, 64


def clip(seed=0, count=T):
    rng = np.random.default_rng(seed)
    noise = gaussian_filter(rng.normal(size=(count, SIZE, SIZE, 3)), (1, 3, 3, 0))
    return ((noise - noise.min()) / np.ptp(noise) * 255).astype(np.uint8)


def face(count=T):
    """[T, 68, 2] with a mouth that opens and closes."""
    points = np.zeros((count, 68, 2), np.float32)
    points[:, 36], points[:, 45] = (22, 24), (42, 24)
    points[:, 48:68] = (32, 44)
    points[:, 48], points[:, 54] = (26, 44), (38, 44)
    points[:, 65:68, 1] += (1 + np.sin(1.1 * np.arange(count) ** 1.2))[:, None]
    return points


def exact(frames, landmarks):
    """A reader that knows the truth."""
    return mouth_opening(landmarks)


def test_ground_truth_is_perfect():
    result = score_clip(clip(), clip(), face(), exact)
    assert not result.missing
    assert result.scores == {
        "psnr": 100,
        "psnr_mouth": 100,
        "ssim": pytest.approx(1),
        "ssim_mouth": pytest.approx(1),
        "jitter": result.truth["jitter"],
        "jitter_error": 0,
        "mouth_sync": pytest.approx(1),
        "mouth_sync_offset": 0,
        "mouth_opening_error": 0,
    }
    assert list(result.scores) == list(METRICS)


def test_values_lie_in_their_declared_range():
    result = score_clip(clip(1), clip(2), face(), lambda frames, landmarks: mouth_opening(landmarks)[::-1])
    for name, value in result.scores.items():
        low, high = METRICS[name].range
        assert value is None or low <= value <= high


def test_worse_frames_score_worse():
    truth = clip()
    noise = np.random.default_rng(3).normal(size=truth.shape)
    near, far = (np.clip(truth + s * noise, 0, 255).astype(np.uint8) for s in (4, 40))
    good, bad = (score_clip(frames, truth, face(), exact).scores for frames in (near, far))
    for name in ("psnr", "psnr_mouth", "ssim", "ssim_mouth"):
        assert good[name] > bad[name]
    assert good["jitter_error"] < bad["jitter_error"]


def test_a_static_clip_has_no_sync_but_everything_else():
    truth = clip()
    still = np.repeat(truth[:1], T, 0)
    result = score_clip(still, truth, face(), exact)
    assert set(result.missing) == {"mouth_sync", "mouth_sync_offset"}
    assert result.missing["mouth_sync"] == "the generated frames do not move"
    assert result.scores["jitter"] == 0
    assert result.scores["jitter_error"] == 1


def test_a_single_frame_keeps_what_one_frame_can_say():
    result = score_clip(clip(count=1), clip(count=1), face(1), exact)
    assert set(result.missing) == {"jitter", "jitter_error", "mouth_sync", "mouth_sync_offset"}
    assert "one frame" in result.missing["jitter"]
    assert "too few" in result.missing["mouth_sync"]


def test_without_a_reader_the_mouth_is_not_read():
    result = score_clip(clip(1), clip(), face())
    assert {name for name in METRICS if "mouth_reader" in METRICS[name].needs} == set(result.missing)
    assert set(result.missing.values()) == {"no mouth reader was given"}


def test_lost_landmarks_cost_the_mouth_alone():
    points = face()
    points[4, 60] = np.nan
    result = score_clip(clip(1), clip(), points, exact)
    assert {name for name in METRICS if "landmarks" in METRICS[name].needs} == set(result.missing)
    assert set(result.missing.values()) == {"the landmarks are not finite"}


def test_every_missing_value_has_a_reason_and_no_other():
    result = score_clip(clip(count=1), clip(count=1), face(1))
    assert {name for name, value in result.scores.items() if value is None} == set(result.missing)


@pytest.mark.parametrize(
    ("generated", "truth", "landmarks", "rule"),
    [
        (clip(count=5), clip(), face(), "the same length and size"),
        (clip()[:, :32], clip(), face(), "the same length and size"),
        (clip().astype(np.float32), clip(), face(), "generated frames are float32"),
        (np.full((T, SIZE, SIZE, 3), np.nan), clip(), face(), "generated frames are float64"),
        (clip(), clip()[..., 0], face(), "true frames are uint8"),
        (clip(), clip(), face(5), r"must be float \[24, 68, 2\]"),
        (clip(), clip(), face().astype(np.int32), r"must be float \[24, 68, 2\]"),
        (clip()[:0], clip()[:0], face(0), "empty"),
    ],
)
def test_arrays_that_do_not_belong_together_are_refused(generated, truth, landmarks, rule):
    with pytest.raises(ValueError, match=f"^ann/3: .*{rule}"):
        score_clip(generated, truth, landmarks, exact, name="ann/3")

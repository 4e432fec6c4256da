"""Head, lids, brows, gaze."""

from dataclasses import fields, replace

import numpy as np
import pytest
from numpy.typing import NDArray

from privtalk.bench.corpus.performance import ARTICULATORS, Performance
from privtalk.bench.corpus.rendered import motion
from privtalk.bench.corpus.rendered.motion import Style
from privtalk.bench.corpus.speech import visemes
from privtalk.bench.corpus.speech import voices as speech
from privtalk.bench.corpus.speech.sentences import sentence
from privtalk.bench.corpus.speech.voices import Utterance

WIDTHS = {"visemes": 15, "articulators": 6, "pose": 6, "blink": 2, "brows": 2, "gaze": 2}


@pytest.fixture(scope="module")
def utterances() -> list[Utterance]:
    rng = np.random.default_rng(3)
    return [speech.speak(sentence(rng), speech.sample_voice(rng, "broad")) for _ in range(40)]


@pytest.fixture(scope="module")
def performances(utterances: list[Utterance]) -> list[Performance]:
    rng = np.random.default_rng(4)
    return [motion.perform(u, int(u.duration * 25), rng, motion.sample_style(rng)) for u in utterances]


def seconds(duration: float, fps: float = 25.0) -> NDArray[np.float64]:
    return (np.arange(int(duration * fps)) + 0.5) / fps


def test_shapes_types_and_limits(utterances: list[Utterance], performances: list[Performance]) -> None:
    for utterance, performance in zip(utterances, performances, strict=True):
        for name, width in WIDTHS.items():
            track = getattr(performance, name)
            assert track.shape == (int(utterance.duration * 25), width)
            assert track.dtype == np.float32
            assert np.isfinite(track).all()
        assert (np.abs(performance.pose) <= motion.POSE_LIMITS).all()
        assert (np.abs(performance.gaze) <= motion.GAZE_LIMITS).all()
        assert 0.0 <= performance.blink.min() <= performance.blink.max() <= 1.0
        assert np.abs(performance.brows).max() <= 1.0
        assert np.abs(performance.articulators).max() <= 1.0
        assert np.delete(performance.articulators, ARTICULATORS.index("width"), 1).min() >= 0.0


def test_the_generator_and_the_style_alone_determine_it(utterances: list[Utterance]) -> None:
    def again(seed: int) -> Performance:
        return motion.perform(utterances[0], 40, np.random.default_rng(seed), Style())

    for field in fields(Performance):
        first, second = (getattr(again(7), field.name) for _ in range(2))
        assert first.tobytes() == second.tobytes()
    assert not np.array_equal(again(7).pose, again(8).pose)
    assert np.array_equal(again(7).articulators, again(8).articulators)


def test_frames_beyond_the_utterance_are_still(utterances: list[Utterance]) -> None:
    frames = int(utterances[0].duration * 25) + 30
    mouth = motion.perform(utterances[0], frames, np.random.default_rng(0), Style()).articulators
    assert np.abs(mouth[-25:]).max() < 1e-5


def test_the_head_moves_smoothly(performances: list[Performance]) -> None:
    speed = np.concatenate([np.abs(np.diff(p.pose, axis=0)) * 25 for p in performances])
    assert (np.degrees(speed[:, :3].max(0)) < [75, 75, 45]).all()
    jerk = np.concatenate([np.abs(np.diff(p.pose, n=3, axis=0)) for p in performances])
    assert (np.degrees(jerk[:, :3].max(0)) < 1.0).all()


def test_the_head_moves_enough_that_a_still_frame_predicts_badly(performances: list[Performance]) -> None:
    """Standard deviation within windows of 1.3 s."""
    windows = [p.pose[i : i + 32].std(0) for p in performances for i in range(0, len(p.pose) - 32, 16)]
    yaw, pitch, roll, *shift = np.mean(windows, axis=0)
    assert (np.degrees([yaw, pitch, roll]) > [3.0, 1.6, 1.2]).all()
    assert min(shift) > 0.005


def test_poses_differ_from_clip_to_clip(performances: list[Performance]) -> None:
    means = np.degrees([p.pose[:, :3].mean(0) for p in performances])
    assert (means.std(0) > [2.0, 1.2, 1.0]).all()


def test_nods_follow_stress() -> None:
    """Averaged over many draws only the nods remain, and they lie at the stressed vowels."""
    times, accents = seconds(3.0), np.array([1.0, 2.2])
    rng = np.random.default_rng(5)
    pitch = np.mean([motion.head_pose(times, accents, rng, Style())[:, 1] for _ in range(600)], axis=0)
    for accent in accents:
        assert (
            abs(times[np.abs(times - accent) < 0.4][pitch[np.abs(times - accent) < 0.4].argmin()] - accent)
            < 0.1
        )
    assert pitch[np.abs(times - 1.6).argmin()] - pitch.min() > np.radians(1.0)


def test_brows_rise_at_stress() -> None:
    times, accents = seconds(3.0), np.array([1.5])
    rng = np.random.default_rng(6)
    brows = np.mean([motion.brow_raises(times, accents, rng, Style()) for _ in range(600)], axis=0)
    assert np.allclose(times[brows.argmax(0)], 1.5, atol=0.1)
    assert brows.max() > brows[0].max() + 0.1


def test_blinks_have_a_natural_rate_and_speed() -> None:
    fps, minutes = 100.0, 12
    lids = motion.blinks(seconds(60 * minutes, fps), np.random.default_rng(7), Style(blinking=18.0))
    assert np.array_equal(lids[:, 0], lids[:, 1])
    moving = np.flatnonzero(np.diff(np.sign(lids[:, 0])) > 0)
    shut = np.flatnonzero((lids[1:, 0] >= 0.999) & (lids[:-1, 0] < 0.999))
    assert len(moving) / minutes == pytest.approx(18 / (1 + 18 * 0.63 / 60), rel=0.15)
    closing = (shut[: len(moving)] - moving[: len(shut)]) / fps
    assert 0.08 < closing.min() < closing.max() < 0.17


def test_every_blink_shuts_the_eyes_in_some_video_frame() -> None:
    lids = motion.blinks(seconds(600), np.random.default_rng(8), Style())[:, 0]
    edges = np.flatnonzero(np.diff(np.sign(lids)))
    peaks = [lids[a : b + 1].max() for a, b in zip(edges[::2], edges[1::2], strict=False)]
    assert len(peaks) > 100
    assert min(peaks) > 0.97


def test_gaze_alternates_fixations_and_jumps() -> None:
    fps = 500.0
    times = seconds(60, fps)
    gaze = motion.gaze(times, np.zeros((len(times), 6)), np.random.default_rng(9), Style())
    speed = np.abs(np.diff(gaze, axis=0)).max(1) * fps
    still = speed < np.radians(1.0)
    assert 0.9 < still.mean() < 0.98
    jumps = np.sum(np.diff(still.astype(int)) < 0)
    assert 40 < jumps < 120


def test_eyes_make_up_for_the_turn_of_the_head() -> None:
    times = seconds(2.0)
    turned = np.zeros((len(times), 6))
    turned[:, 0] = np.radians(10)
    straight, compensated = (
        motion.gaze(times, head, np.random.default_rng(10), Style(wandering=0.0))
        for head in (0 * turned, turned)
    )
    assert not straight.any()
    assert np.allclose(np.degrees(compensated[:, 0]), -7.0, atol=0.5)
    assert not compensated[:, 1].any()


def test_articulation_scales_the_opening_and_leaves_lip_contact(utterances: list[Utterance]) -> None:
    utterance = utterances[0]
    frames = int(utterance.duration * 25)

    def mouth(articulation: float) -> NDArray[np.float32]:
        style = Style(articulation=articulation)
        return motion.perform(utterance, frames, np.random.default_rng(0), style).articulators

    jaw, press = ARTICULATORS.index("jaw"), ARTICULATORS.index("press")
    assert np.allclose(mouth(0.4)[:, jaw], 0.5 * mouth(0.8)[:, jaw], atol=1e-6)
    assert np.array_equal(mouth(0.8)[:, press], mouth(1.15)[:, press])
    plain = visemes.track(utterance.phonemes, frames).articulators
    assert np.abs(mouth(1.0)[:, jaw] - plain[:, jaw]).max() < 0.09


def test_loudness_opens_the_mouth_a_little(utterances: list[Utterance]) -> None:
    times = seconds(utterances[0].duration)
    level = motion.loudness(utterances[0], times)
    assert level[0] == -1.0
    assert level.max() > 0.99
    quiet = replace(utterances[0], audio=utterances[0].audio * np.float32(0.1))
    assert np.allclose(motion.loudness(quiet, times), level, atol=1e-3)


def test_styles_differ_within_their_ranges() -> None:
    rng = np.random.default_rng(11)
    styles = [motion.sample_style(rng) for _ in range(200)]
    for field in fields(Style):
        values = [getattr(style, field.name) for style in styles]
        assert np.std(values) > 0.05
    strengths = [style.articulation for style in styles]
    assert 0.8 <= min(strengths) < 0.85
    assert 1.1 < max(strengths) <= 1.15


def test_no_motion_limits_still_face() -> None:
    """With every habit at zero there is only the base pose of the clip."""
    still = Style(turning=0.0, nodding=0.0, tilting=0.0, brows=0.0, wandering=0.0)
    times = seconds(2.0)
    pose = motion.head_pose(times, np.array([1.0]), np.random.default_rng(12), still)
    assert np.allclose(pose, pose[0])
    assert not motion.brow_raises(times, np.array([1.0]), np.random.default_rng(12), still).any()

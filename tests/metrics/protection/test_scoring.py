"""Scores of protected portraits: limits on rendered heads that say other words, and what each metric does not see."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from privtalk.bench.corpus.performance import Performance
from privtalk.bench.corpus.rendered import renderer
from privtalk.bench.corpus.rendered.embedded import character, film
from privtalk.metrics.evaluators.bundle import TALKHEAD, Given, InstalledEvaluators
from privtalk.metrics.identity import identity_similarity
from privtalk.metrics.protection import scoring
from privtalk.metrics.protection.intactness import UPPER, face_distance, still_psnr
from privtalk.metrics.protection.registry import PROTECTION_METRICS, UNDER_ATTACK
from privtalk.metrics.protection.scoring import AnimatedPortrait, DrivingClip, ProtectionScores
from privtalk.metrics.psnr import CAP
from privtalk.metrics.readings import Reading
from privtalk.metrics.regions import mouth_opening
from tests.metrics.toys import face, networks, noise, speech, talking

FIRST, FRAMES = 7000, 24
USING = InstalledEvaluators(embedded=True)
FID = f"v_fid[{TALKHEAD}]"


def saying(clip, words, seed):
    """The clip's head, whose mouth says what another clip's does."""
    parts = {field.name: getattr(clip.truth, field.name) for field in fields(Performance)}
    parts |= {"visemes": words.truth.visemes, "articulators": words.truth.articulators}
    look = character(0, "heldout", FIRST + seed).look
    return renderer.render(look, Performance(**parts), 64, rng=np.random.default_rng(seed))


@pytest.fixture(scope="module")
def clips():
    """Three heads as a perfect talking head would animate them: own words, other words, nothing else changed."""
    filmed = [film(character(0, "heldout", FIRST + k), "test", 0, FRAMES, 64) for k in range(3)]
    found = []
    for k, clip in enumerate(filmed):
        other = saying(clip, filmed[k - 1], k)
        driving = DrivingClip(
            landmarks=clip.landmarks,
            audio=clip.audio,
            fps=clip.fps,
            opening=mouth_opening(clip.landmarks),
            other_opening=mouth_opening(other.landmarks),
        )
        found.append(
            (AnimatedPortrait(portrait=clip.frames[0], frames=clip.frames, other=other.frames), driving)
        )
    return found


def scored(clips, change=lambda made: made, driving=lambda clip: clip, only=tuple(PROTECTION_METRICS)):
    """Scores of the clean animations after a change, beside the clean ones."""
    scores = ProtectionScores(USING, only)
    for clean, clip in clips:
        fresh = AnimatedPortrait(portrait=clean.portrait, frames=clean.frames, other=clean.other)
        scores.update(change(fresh), fresh, driving(clip))
    return scores.compute(), scores.missing


@pytest.fixture(scope="module")
def itself(clips):
    return scored(clips)[0]


LIMITS = {
    "audio_control": 1.0,
    "mouth_energy": 1.0,
    f"face_shift[{TALKHEAD}]": 0.0,
    "still_psnr": CAP,
    "portrait_psnr": CAP,
    "portrait_ssim": 1.0,
    f"portrait_lpips[{TALKHEAD}]": 0.0,
    "v_psnr": CAP,
    "v_ssim": 1.0,
    f"m_lmd[{TALKHEAD}]": 0.0,
}
"""Metric -> its value where nothing was changed."""


@pytest.mark.parametrize("name", LIMITS)
def test_a_portrait_that_is_not_changed_is_at_the_limit(itself, name):
    assert itself[name] == pytest.approx([LIMITS[name]] * 3, abs=1e-6)


def test_a_portrait_that_is_not_changed_is_as_much_itself_as_its_frames_are_alike(clips, itself):
    for (clean, clip), found in zip(clips, itself[f"identity_kept[{TALKHEAD}]"], strict=True):
        faces = Reading(clean.frames, clip.landmarks, USING).faces(TALKHEAD)
        assert found == pytest.approx(identity_similarity(faces, faces))
        assert found > 0.9


def test_animations_that_are_alike_have_no_frechet_distance(itself):
    assert itself[FID] == pytest.approx([0.0] * 3, abs=1e-3)


def test_limits_and_scores_are_of_all_metrics(itself):
    assert set(itself) == set(PROTECTION_METRICS)
    assert set(PROTECTION_METRICS) - set(LIMITS) == {
        FID,
        f"identity_kept[{TALKHEAD}]",
        f"sync[{TALKHEAD}]",
    }
    assert set(UNDER_ATTACK) <= set(PROTECTION_METRICS)


def frozen(made):
    still = np.repeat(made.frames[:1], FRAMES, axis=0)
    return replace(made, frames=still, other=still)


def swapped(made):
    return replace(made, frames=made.other, other=made.frames)


def destroyed(made):
    """Noise that changes from frame to frame, and that no speech moves."""
    ruin = np.random.default_rng(0).integers(0, 256, made.frames.shape, dtype=np.uint8)
    return replace(made, portrait=ruin[0], frames=ruin, other=ruin)


def test_a_video_that_is_frozen_is_silent_to_the_last_digit(clips):
    found, missing = scored(clips, frozen, only=("audio_control", f"sync[{TALKHEAD}]"))
    assert list(found["audio_control"]) == [0.0] * 3
    assert found[f"sync[{TALKHEAD}]"] == [None] * 3
    assert missing == {f"sync[{TALKHEAD}]": "the generated frames do not move"}


def test_speeches_that_change_places_turn_the_response_round(clips):
    found, _ = scored(clips, swapped, only=("audio_control",))
    assert found["audio_control"] == pytest.approx([-1.0] * 3)


def test_destruction_is_silent_and_told_by_intactness(clips):
    found, _ = scored(clips, destroyed)
    assert list(found["audio_control"]) == [0.0] * 3
    assert np.mean(found[f"identity_kept[{TALKHEAD}]"]) < 0.5
    assert np.mean(found["still_psnr"]) < 15
    for name, metric in PROTECTION_METRICS.items():
        low, high = metric.range
        assert all(
            low <= value <= high for value in found[name] if value is not None and metric.level == "clip"
        )


def test_without_sound_sync_alone_is_missing_and_says_why(clips, itself):
    found, missing = scored(clips, driving=lambda clip: replace(clip, audio=None))
    assert found[f"sync[{TALKHEAD}]"] == [None] * 3
    assert missing == {f"sync[{TALKHEAD}]": "the clip has no audio"}
    rest = set(found) - {f"sync[{TALKHEAD}]"}
    assert {name: list(found[name]) for name in rest} == {name: list(itself[name]) for name in rest}


def test_few_frames_have_no_frechet_distance_and_say_why(clips):
    found, missing = scored(clips[:1], only=(FID, "audio_control"))
    assert found[FID] == [None]
    assert "too few" in missing[FID]
    assert found["audio_control"] == pytest.approx([1.0])


def test_where_speech_does_not_move_the_clean_mouth_there_is_no_control(clips):
    found, missing = scored(
        clips, driving=lambda clip: replace(clip, other_opening=clip.opening), only=("audio_control",)
    )
    assert found["audio_control"] == [None] * 3
    assert "does not control" in missing["audio_control"]


@pytest.mark.parametrize("change", [frozen, swapped])
def test_a_response_that_forgot_the_other_speech_would_be_told(clips, change, monkeypatch):
    """The planted fault: the opening itself in place of its change with the speech."""
    sound = scoring.response
    monkeypatch.setattr(scoring, "response", lambda own, other, *truth: sound(own, 0 * other, *truth))
    found, _ = scored(clips, change, only=("audio_control",))
    meant = {frozen: 0.0, swapped: -1.0}[change]
    assert found["audio_control"] != pytest.approx([meant] * 3, abs=0.05)


# ---- what each sees, by toy networks

TOYS = Given(networks())


class Moved:
    """A reader of points that are off by what it is given wherever the first pixel is lit."""

    def __init__(self, by):
        self.by = by

    def __call__(self, frames, landmarks):
        return landmarks + (self.by if frames[0, 0, 0, 0] else 0 * self.by)


LIT, DARK, DRIVING = talking(1), talking(1), face()
LIT[0, 0, 0, 0], DARK[0, 0, 0, 0] = 1, 0


def pair(by):
    """Readings of a protected and of the clean animation, whose points differ by so much."""
    using = Given(networks(landmarks=Moved(by)))
    return [Reading(frames, DRIVING, using) for frames in (LIT, DARK)]


OUTSIDE = [point for point in range(68) if not UPPER.start <= point < UPPER.stop]


@given(st.sampled_from(OUTSIDE), st.floats(-20, 20))
def test_the_face_is_not_shifted_by_its_mouth_or_chin(point, far):
    by = np.zeros((32, 68, 2))
    by[:, point] = far
    assert face_distance(*pair(by), TALKHEAD) == 0


@given(st.integers(UPPER.start, UPPER.stop - 1), st.floats(0.1, 20))
def test_the_face_is_shifted_by_the_mean_of_its_other_points(point, far):
    by = np.zeros((32, 68, 2))
    by[:, point, 0] = far
    assert face_distance(*pair(by), TALKHEAD) == pytest.approx(far / 31 / 20)  # eyes are 20 px apart


def test_the_mouths_box_is_outside_of_what_must_stand_still():
    made, true = DARK.copy(), DARK
    clean = Reading(true, DRIVING, TOYS)
    inside = clean.region("mouth")
    made[inside] = 0
    assert still_psnr(Reading(made, DRIVING, TOYS), clean) == CAP
    made[~inside] ^= 1
    assert still_psnr(Reading(made, DRIVING, TOYS), clean) == pytest.approx(20 * np.log10(255), abs=1e-6)


def driven():
    return DrivingClip(
        landmarks=face(),
        audio=speech(),
        fps=25.0,
        opening=mouth_opening(face()),
        other_opening=mouth_opening(face())[::-1],
    )


def test_the_clean_animation_is_read_once_for_everybody_who_is_compared_with_it():
    using = Given(networks())
    clean = AnimatedPortrait(portrait=noise()[0], frames=noise(1), other=noise(2))
    for seed in (3, 4, 5):
        made = AnimatedPortrait(portrait=noise()[0], frames=noise(seed), other=noise(seed + 9))
        ProtectionScores(using, UNDER_ATTACK).update(made, clean, driven())
    assert using.get("mouth", TALKHEAD).calls == 2 + 3 * 2
    assert using.get("identity", TALKHEAD).calls == 1 + 3


def test_the_other_speech_may_be_shown_at_few_moments(clips):
    """Whether the own speech is shown at all moments or at those alone, as the animations of attackers have it."""
    at = np.array([2, 9, 17])
    found = {}
    for whole in (True, False):
        scores = ProtectionScores(USING, ("audio_control",))
        for k, (made, driving) in enumerate(clips):
            own = made.frames if whole else made.frames[at]
            true = AnimatedPortrait(portrait=made.portrait, frames=own, other=made.other[at], at=at)
            silent = AnimatedPortrait(portrait=made.portrait, frames=own, other=made.frames[at], at=at)
            scores.update(silent if k else true, true, driving)
        found[whole] = scores.compute()["audio_control"]
    assert found[True] == pytest.approx(found[False])
    assert 0 < np.mean(found[True]) < 1


def test_networks_that_no_metric_asks_for_are_not_needed():
    mouth = {("mouth", TALKHEAD): networks()["mouth", TALKHEAD]}
    scores = ProtectionScores(Given(mouth), ("audio_control", "mouth_energy", f"identity_kept[{TALKHEAD}]"))
    clean = AnimatedPortrait(portrait=noise()[0], frames=noise(1), other=noise(2))
    scores.update(clean, clean, driven())
    found = scores.compute()
    assert found["mouth_energy"] == [1.0]
    assert found[f"identity_kept[{TALKHEAD}]"] == [None]
    assert "not given" in scores.missing[f"identity_kept[{TALKHEAD}]"]


def test_without_a_mouth_reader_control_is_missing_with_the_reason(monkeypatch):
    from privtalk.metrics.declaration import Undefined
    from privtalk.metrics.readings import Reading

    def unread(self):
        raise Undefined("no network reads mouths here")

    monkeypatch.setattr(Reading, "opening", unread)
    scores = ProtectionScores(InstalledEvaluators(embedded=True), ("audio_control", "v_psnr"))
    frames = np.zeros((2, 64, 64, 3), np.uint8)
    made = AnimatedPortrait(portrait=frames[0], frames=frames, other=frames)
    clip = DrivingClip(
        landmarks=np.random.default_rng(0).uniform(10, 50, (2, 68, 2)),
        audio=None,
        fps=25.0,
        opening=np.array([0.1, 0.2]),
        other_opening=np.array([0.2, 0.1]),
    )
    scores.update(made, made, clip)
    found = scores.compute()
    assert found["audio_control"] == [None]
    assert scores.missing["audio_control"] == "no network reads mouths here"
    assert found["v_psnr"] == [100.0]

"""Whether there is a face: rendered faces against pictures of everything else, and identity without one."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from privtalk.bench.corpus.rendered.embedded import character, film
from privtalk.metrics import ClipPair, Reading, Undefined
from privtalk.metrics.evaluators.bundle import TALKHEAD, Given
from privtalk.metrics.evaluators.crops.face_presence import FOLLOWED, followed, shows_face
from privtalk.metrics.evaluators.talkhead.identity_network import TalkheadIdentity
from privtalk.metrics.evaluators.talkhead.landmark_network import TalkheadLandmarks
from privtalk.metrics.scorers import SCORERS

SIDE, T = 64, 5
RNG = np.random.default_rng(0)
RAMP = np.linspace(0, 255, SIDE).astype(np.uint8)


@pytest.fixture(scope="module")
def reader():
    return TalkheadLandmarks()


@pytest.fixture(scope="module")
def clips():
    return [
        film(character(0, role, k), "test", 0, T, SIDE) for role in ("clients", "heldout") for k in range(5)
    ]


def plain(level):
    return lambda frames: np.full_like(frames, level)


FACELESS = {
    "black": plain(0),
    "grey": plain(128),
    "white": plain(255),
    "noise": lambda frames: RNG.integers(0, 256, frames.shape, dtype=np.uint8),
    "gradient": lambda frames: np.broadcast_to(RAMP[None, None, :, None], frames.shape).copy(),
    "upside down": lambda frames: frames[:, ::-1].copy(),
    "beside the crop": lambda frames: np.roll(frames, SIDE // 2, 2),
    "blurred away": lambda frames: np.stack([cv2.GaussianBlur(f, (0, 0), SIDE / 6) for f in frames]),
}


def test_rendered_faces_are_faces_by_a_wide_margin(reader, clips):
    for clip in clips:
        assert np.abs(followed(reader, clip.frames, clip.landmarks)).max() < FOLLOWED / 2
        assert reader.shows_face(clip.frames, clip.landmarks)


@pytest.mark.parametrize("kind", FACELESS)
def test_pictures_of_anything_else_are_not_by_a_wide_margin(reader, clips, kind):
    for clip in clips:
        frames = FACELESS[kind](clip.frames)
        assert np.median(followed(reader, frames, clip.landmarks)) > 1.7 * FOLLOWED
        assert not reader.shows_face(frames, clip.landmarks)


def test_most_frames_decide(reader, clips):
    clip = clips[0]
    frames = clip.frames.copy()
    frames[:2] = 0
    assert reader.shows_face(frames, clip.landmarks)
    frames[2] = 0
    assert not reader.shows_face(frames, clip.landmarks)


def test_a_reader_that_follows_the_crop_sees_nothing_and_one_that_does_not_sees_a_face(clips):
    clip = clips[0]

    def held(frames, landmarks):
        return clip.landmarks.astype(float)[: len(frames)]

    def led(frames, landmarks):
        return landmarks

    assert np.allclose(followed(held, clip.frames, clip.landmarks), 0)
    assert np.allclose(followed(led, clip.frames, clip.landmarks), 1)
    assert shows_face(held, clip.frames, clip.landmarks)
    assert not shows_face(led, clip.frames, clip.landmarks)


# Identity


@pytest.fixture(scope="module")
def using(reader):
    return Given({("identity", TALKHEAD): TalkheadIdentity(), ("landmarks", TALKHEAD): reader})


def pair(generated, truth, clip, using):
    return ClipPair(Reading(generated, clip.landmarks, using), Reading(truth, clip.landmarks, using))


@pytest.mark.parametrize("kind", FACELESS)
def test_true_frames_without_a_face_have_no_identity(clips, using, kind):
    """Without the judge, two such clips score .94 and more (noise .4)."""
    frames = FACELESS[kind](clips[0].frames)
    for scored in (pair(frames, frames, clips[0], using), pair(clips[0].frames, frames, clips[0], using)):
        with pytest.raises(Undefined, match="the true frames show no face"):
            SCORERS["identity[talkhead]"].value(scored)


@pytest.mark.parametrize("kind", FACELESS)
def test_generated_frames_without_a_face_keep_their_low_score(clips, using, kind):
    frames = FACELESS[kind](clips[0].frames)
    found = SCORERS["identity[talkhead]"].value(pair(frames, clips[0].frames, clips[0], using))
    assert -0.5 < found < 0.5
    assert SCORERS["identity[talkhead]"].value(pair(clips[0].frames, clips[0].frames, clips[0], using)) > 0.9


def test_any_reader_that_can_tell_is_asked_and_none_is_needed(clips, using):
    class Blind:
        def shows_face(self, frames, landmarks):
            return False

    clip = clips[0]
    embedder = {("identity", TALKHEAD): using.get("identity", TALKHEAD)}
    without = Given(embedder)
    assert SCORERS["identity[talkhead]"].value(pair(clip.frames, clip.frames, clip, without)) > 0.9
    other = Given(embedder | {("landmarks", "pfld"): Blind()})
    with pytest.raises(Undefined, match="no face"):
        SCORERS["identity[talkhead]"].value(pair(clip.frames, clip.frames, clip, other))
    with pytest.raises(Undefined, match="no talkhead network"):
        SCORERS["identity[talkhead]"].value(pair(clip.frames, clip.frames, clip, Given()))

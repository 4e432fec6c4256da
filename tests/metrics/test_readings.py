"""What is read from a clip: each thing once, by whoever asks first, and a reason where there is nothing to read."""

from dataclasses import replace

import numpy as np
import pytest

from privtalk.metrics import ClipPair, Reading, Undefined, score_clip
from privtalk.metrics.evaluators.bundle import TALKHEAD, Given
from privtalk.metrics.readings import moving
from privtalk.metrics.regions import face_region, mouth_region
from tests.metrics.toys import Counted, Sync, T, face, networks, noise, pair, speech, talking

READERS = ("opening", "points", "faces", "features", "windows", "sync")


def read(reading, what):
    return reading.opening() if what == "opening" else getattr(reading, what)(TALKHEAD)


def calls(using):
    """Kind -> how often its network was called."""
    found = {}
    for (kind, _), network in using.networks.items():
        if kind == "sync":
            found |= {"video encoder": network.video.calls, "audio encoder": network.audio.calls}
        else:
            found[kind] = (network if isinstance(network, Counted) else network.read).calls
    return found


def test_every_network_reads_each_clip_once_however_many_metrics_ask():
    using = Given(networks())
    shown = pair(talking(1), talking(2), using=using)
    score_clip(shown)
    once_each = dict.fromkeys(
        ("mouth", "frames", "identity", "landmarks", "video encoder", "audio encoder"), 2
    )
    assert calls(using) == once_each | {"perceptual": 1, "video": 0}
    score_clip(shown)
    assert calls(using) == once_each | {"perceptual": 1, "video": 0}


def test_the_true_clip_is_not_read_again_for_the_next_row():
    using = Given(networks())
    first = pair(talking(1), talking(2), using=using)
    score_clip(first)
    other = ClipPair(replace(first.generated, frames=talking(3)), first.truth)
    score_clip(other)
    assert calls(using)["identity"] == calls(using)["landmarks"] == calls(using)["video encoder"] == 3
    assert calls(using)["perceptual"] == 2


def test_what_has_no_value_is_not_tried_again():
    using = Given(networks())
    score_clip(pair(noise(count=10), using=using))
    assert calls(using)["video encoder"] == calls(using)["audio encoder"] == 2


@pytest.mark.parametrize("what", READERS)
def test_what_was_read_is_what_the_network_says_and_kept(what):
    reading = pair(talking()).generated
    assert read(reading, what) is read(reading, what)


def test_networks_get_the_frames_of_the_clip_and_the_landmarks_of_the_truth():
    seen = []

    def spy(frames, landmarks):
        seen.append((frames, landmarks))
        return landmarks.astype(np.float64)

    shown = pair(noise(1), noise(2), using=Given(networks(landmarks=spy)))
    shown.generated.points(TALKHEAD)
    assert seen[0][0] is shown.generated.frames
    assert seen[0][1] is shown.truth.landmarks


def test_regions_are_those_of_the_landmarks():
    reading = pair(noise()).truth
    np.testing.assert_array_equal(reading.region("face"), face_region(face(), 64, 64))
    np.testing.assert_array_equal(reading.region("mouth"), mouth_region(face(), 64, 64))
    assert reading.region("face") is reading.region("face")


@pytest.mark.parametrize("what", READERS)
def test_an_absent_network_is_a_reason(what):
    using = Given(reason="install it with: this")
    with pytest.raises(Undefined, match="no talkhead network: install it with: this"):
        read(pair(talking(), using=using).generated, what)


@pytest.mark.parametrize("what", ["opening", "points", "faces", "sync"])
def test_landmarks_that_are_not_finite_are_a_reason(what):
    points = face()
    points[3, 8] = np.inf
    reading = pair(talking(), landmarks=points).generated
    with pytest.raises(Undefined, match="the landmarks are not finite"):
        read(reading, what)


@pytest.mark.parametrize("what", ["features", "windows"])
def test_what_needs_no_landmarks_does_without(what):
    reading = pair(talking(), landmarks=np.full((T, 68, 2), np.nan, np.float32)).generated
    assert np.isfinite(read(reading, what)).all()


def test_sync_needs_sound_motion_and_length():
    whole = pair(talking()).generated
    assert whole.sync(TALKHEAD).offset == 0
    reasons = {
        "the clip has no audio": replace(whole, audio=None),
        "the generated frames do not move": replace(whole, frames=np.repeat(whole.frames[:1], T, 0)),
        "4 frames are too few": pair(talking(count=4)).generated,
        "6 windows are too few": pair(talking(count=10)).generated,
    }
    for reason, reading in reasons.items():
        with pytest.raises(Undefined, match=reason):
            reading.sync(TALKHEAD)


def test_a_late_mouth_is_found_late():
    """Frames that show three frames later what is heard: the sound comes before the mouth."""
    shown = np.roll(talking(count=40), 3, axis=0)
    reading = Reading(shown, face(40), Given(networks(sync=Sync())), audio=speech(40))
    assert reading.sync(TALKHEAD).offset == -3


def test_an_opening_of_frozen_frames_is_the_crops():
    still = pair(np.repeat(talking()[:1], T, 0)).generated
    with pytest.raises(Undefined, match="do not move"):
        moving(still)
    one = pair(talking(count=1)).generated
    assert len(moving(one)) == 1


def test_motion_is_found_once_and_one_frame_has_none():
    reading = pair(talking()).truth
    assert reading.motion() is reading.motion()
    with pytest.raises(Undefined, match="one frame has no motion"):
        pair(talking(count=1)).truth.motion()


def test_a_pair_is_compared_once():
    shown = pair(noise(1), noise(2))
    assert shown.similarity() is shown.similarity()
    assert shown.perceptual(TALKHEAD) is shown.perceptual(TALKHEAD)
    np.testing.assert_allclose(
        shown.perceptual(TALKHEAD).whole,
        np.abs(noise(1).astype(float) - noise(2)).mean((1, 2, 3)) / 255,
        rtol=1e-4,
    )
    with pytest.raises(Undefined, match="no alex network"):
        shown.perceptual("alex")

"""The embedded networks on freshly rendered held-out people: modest bars that broken or stale weights do not clear."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from privtalk.bench.corpus.rendered import renderer
from privtalk.bench.corpus.rendered.embedded import character, film
from privtalk.bench.corpus.rendered.studio import posed, redressed
from privtalk.core.files import file_hash
from privtalk.metrics.evaluators.bundle import TALKHEAD, InstalledEvaluators
from privtalk.metrics.evaluators.fitting.identity_fitting import verification
from privtalk.metrics.evaluators.fitting.landmark_fitting import validate
from privtalk.metrics.evaluators.talkhead.storage import FOLDER
from privtalk.metrics.frechet import frechet
from privtalk.metrics.lip_sync import lip_sync
from privtalk.metrics.regions import eye_distance
from privtalk.metrics.spool import Spool

FIRST = 7000
"""Held-out people from this number on, whom neither fitting nor validation has met."""
NETWORKS = ("features", "identity", "landmarks", "sync")


def people(count):
    return [character(0, "heldout", FIRST + index) for index in range(count)]


@pytest.fixture(scope="module")
def talkhead():
    using = InstalledEvaluators(embedded=True)
    return lambda kind: using.get(kind, TALKHEAD)


@pytest.fixture(scope="module")
def clips():
    """Eight people who speak for two seconds."""
    return [film(person, "test", 0, 48, 64) for person in people(8)]


@pytest.mark.parametrize("name", NETWORKS)
def test_a_manifest_names_its_weights(name):
    manifest = json.loads((FOLDER / f"{name}.json").read_text())
    assert manifest["weights"] == f"{name}.safetensors"
    assert manifest["sha256"] == file_hash(FOLDER / f"{name}.safetensors")
    assert "draft" not in manifest


def test_weights_are_those_and_small():
    assert {path.stem for path in FOLDER.glob("*.safetensors")} == set(NETWORKS)
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 6 * 2**20


def test_identity_tells_people_apart_whatever_the_light(talkhead):
    """Templates of two sittings, whose light, camera, backdrop and clothes have nothing in common."""
    templates, person, sitting = [], [], []
    for number, who in enumerate(people(8)):
        for take in range(2):
            rng = np.random.default_rng([number, take])
            shown = renderer.render(redressed(who.look, rng), posed(rng, 4), 64, rng=rng)
            faces = talkhead("identity")(shown.frames, shown.landmarks)
            np.testing.assert_allclose(np.linalg.norm(faces, axis=1), 1, atol=1e-4)
            templates.append(faces.mean(0) / np.linalg.norm(faces.mean(0)))
            person.append(number)
            sitting.append(take)
    found = verification(np.array(templates), np.array(person), np.array(sitting))
    assert found.pairs == 8
    assert found.auc > 0.9
    assert found.genuine > found.impostor + 0.2


def test_sound_and_mouth_of_a_true_clip_belong_together(talkhead, clips):
    network = talkhead("sync")
    found = [
        lip_sync(network.video(clip.frames, clip.landmarks), network.audio(clip.audio, clip.length, clip.fps))
        for clip in clips
    ]
    assert np.mean([sync.offset == 0 for sync in found]) >= 0.75
    assert np.mean([sync.confidence for sync in found]) > 0.1


def test_a_sound_that_comes_late_is_heard_late(talkhead, clips):
    """By three frames: the sound at t + 3 belongs to the mouth at t."""
    network, found = talkhead("sync"), []
    for clip in clips:
        late = np.concatenate([np.zeros(3 * 640, np.float32), clip.audio])[: len(clip.audio)]
        seen = network.video(clip.frames, clip.landmarks)
        found.append(lip_sync(seen, network.audio(late, clip.length, clip.fps)).offset)
    assert np.median(found) == 3


def test_other_peoples_sounds_fit_worse(talkhead, clips):
    network, own, other = talkhead("sync"), [], []
    for clip, stranger in zip(clips, [*clips[1:], clips[0]], strict=True):
        seen = network.video(clip.frames, clip.landmarks)
        own.append(lip_sync(seen, network.audio(clip.audio, clip.length, clip.fps)).confidence)
        other.append(lip_sync(seen, network.audio(stranger.audio, clip.length, clip.fps)).confidence)
    assert np.mean(own) > 1.5 * np.mean(other)


def test_points_are_read_where_they_are(talkhead, clips):
    read, exact, distance = [], [], []
    for clip in clips:
        some = slice(None, None, 6)
        read.append(talkhead("landmarks")(clip.frames, clip.landmarks)[some])
        exact.append(clip.landmarks[some])
        distance.append(np.full(len(exact[-1]), eye_distance(clip.landmarks)))
    found = validate(*(np.concatenate(parts) for parts in (read, exact, distance)))
    assert found.mouth < 0.05
    assert found.face < 0.06


def test_a_mouth_is_read_from_the_pixels_and_not_from_the_landmarks(talkhead, clips):
    """Where all that lies below the eyes is lost, the points of the frames are found all the same."""
    clip, network = clips[0], talkhead("landmarks")
    lost = clip.landmarks.copy()
    lost[:, 48:] = lost[:, 27:28]
    lost[:, :17] = 0
    np.testing.assert_array_equal(network(clip.frames, lost), network(clip.frames, clip.landmarks))


def test_more_blur_and_more_noise_are_further(talkhead, clips):
    distance = talkhead("perceptual")
    noise = np.random.default_rng(0).normal(size=(6, 64, 64, 3))
    for clip in clips[:4]:
        true = clip.frames[::8]
        blurred = [gaussian_filter(true, (0, s, s, 0)) for s in (0.5, 1.0, 2.0)]
        noisy = [np.clip(true + s * noise, 0, 255).astype(np.uint8) for s in (4, 12, 36)]
        for damaged in (blurred, noisy):
            near, further, far = (distance(frames, true).whole.mean() for frames in damaged)
            assert 0 < near < further < far
        assert not distance(true, true).whole.any()


def test_damage_is_far_and_another_pose_near_in_distribution(talkhead):
    """Fréchet distances of the features' first dimensions, of as many frames as quick tests render."""
    rng = np.random.default_rng(0)
    shown = [renderer.render(who.look, posed(rng, 12), 64, rng=rng).frames for who in people(12)]
    again = [renderer.render(who.look, posed(rng, 12), 64, rng=rng).frames for who in people(12)]

    def spooled(clips):
        spool = Spool(8)
        for frames in clips:
            spool.append(talkhead("frames")(frames)[:, :8])
        return spool

    true = spooled(shown)
    near = frechet(spooled(again), true).value
    blurred = frechet(spooled([gaussian_filter(frames, (0, 2, 2, 0)) for frames in shown]), true).value
    negative = frechet(spooled([255 - frames for frames in shown]), true).value
    assert near < 0.2 * min(blurred, negative)

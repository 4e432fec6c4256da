"""Phones: a shift that all clients share, in colour alone."""

from __future__ import annotations

import numpy as np
import pytest

from privtalk.bench.corpus.rendered import embedded
from privtalk.bench.corpus.rendered.sensor import SENSORS, Sensor
from privtalk.bench.corpus.rendered.shards import EmbeddedPopulation, missing
from privtalk.bench.corpus.rendered.studio import _sit, files
from privtalk.bench.corpus.spec import CorpusSpec
from privtalk.bench.execution import Succeeded, execute

PHONE = SENSORS["phone"]
FOOTAGE = {
    "size": 32,
    "clients": 2,
    "heldout": 2,
    "shadows": 2,
    "tested": 1,
    "attacked": 2,
    "train": {"clips": 1, "frames": 2},
    "test": {"clips": 1, "frames": 2},
    "fresh": {"clips": 1, "frames": 2},
}


def test_grey_stays_grey_but_for_the_cast():
    assert PHONE is not None
    np.testing.assert_allclose(np.sum(PHONE.mixing, axis=1), 1)
    grey = np.full((2, 3), 0.4, dtype=np.float32)
    np.testing.assert_allclose(PHONE.sense(grey), 0.4 * np.array([PHONE.balance] * 2), rtol=1e-6)


def test_a_sensor_that_changes_nothing_films_as_the_studio_does():
    person = embedded.character(0, "clients", 0)
    clips = [embedded.film(person, "train", 0, 3, 32, sensor=sensor) for sensor in (None, Sensor())]
    np.testing.assert_array_equal(clips[0].frames, clips[1].frames)


def test_a_phone_changes_colours_and_nothing_else():
    person = embedded.character(0, "clients", 0)
    studio, phone = (embedded.film(person, "train", 0, 3, 32, sensor=sensor) for sensor in (None, PHONE))
    assert phone.frames.mean() < 0.85 * studio.frames.mean()
    np.testing.assert_array_equal(phone.landmarks, studio.landmarks)
    np.testing.assert_array_equal(phone.audio, studio.audio)
    np.testing.assert_array_equal(phone.truth.masks, studio.truth.masks)


@pytest.mark.parametrize("camera", ["studio", "phone"])
def test_everybody_but_the_public_pool_is_filmed_by_the_corpus_camera(camera):
    """Members and non-members must share it, or membership is told by the camera."""
    population = EmbeddedPopulation(CorpusSpec.model_validate(FOOTAGE | {"camera": camera}), public=2)
    found = {shard.role: shard.camera for shard in population.files()}
    assert found == {"public": "studio", "clients": camera, "heldout": camera, "shadow": camera}


def test_footage_of_another_camera_is_another_file():
    studio, phone = (
        EmbeddedPopulation(CorpusSpec.model_validate(FOOTAGE | {"camera": camera}), public=2)
        for camera in ("studio", "phone")
    )
    paths = [{shard.role: shard.path for shard in population.files()} for population in (studio, phone)]
    assert paths[0]["public"] == paths[1]["public"]
    assert all(paths[0][role] != paths[1][role] for role in ("clients", "heldout", "shadow"))


def test_sittings_before_a_phone_show_the_same_people_in_other_colours():
    studio, phone = (
        files("heldout", 2, size=32, sittings=1, frames=2, camera=camera)[0] for camera in ("studio", "phone")
    )
    assert studio.path != phone.path
    shown = [next(iter(_sit(file, 0))) for file in (studio, phone)]
    np.testing.assert_array_equal(shown[0]["landmarks"], shown[1]["landmarks"])
    assert not np.array_equal(shown[0]["frames"], shown[1]["frames"])


def test_what_a_phone_corpus_holds_was_filmed_by_a_phone(tmp_path, monkeypatch):
    monkeypatch.setenv("PRIVTALK_CACHE", str(tmp_path))
    population = EmbeddedPopulation(CorpusSpec.model_validate(FOOTAGE | {"camera": "phone"}))
    for outcome in execute(missing(population.files()), workers=1):
        assert isinstance(outcome, Succeeded), outcome
    for role in ("clients", "heldout", "shadow"):
        person = population.people(role)[0]
        [clip] = population.clips(person, "fresh")
        filmed = embedded.film(embedded.character(0, role, 0), "fresh", 0, 2, 32, sensor=PHONE)
        np.testing.assert_array_equal(clip.frames, filmed.frames)

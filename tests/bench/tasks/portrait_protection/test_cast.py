"""Who takes part: each owner with a portrait, own movement and speech, and the speech of one other owner."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from privtalk.attacks.purification.attacker import PortraitAttacker
from privtalk.bench.corpus.filming import footage
from privtalk.bench.corpus.opening import open_population
from privtalk.bench.preparing import make
from privtalk.bench.tasks.portrait_protection.attack import animate
from privtalk.bench.tasks.portrait_protection.cast import FACES, drivers, gather
from privtalk.core.errors import UserError
from privtalk.methods.backbone.autoencoder import to_images
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.backbone.conditioning import upper_face
from privtalk.metrics.regions import mouth_opening

BACKBONE = Backbone.tiny()


@pytest.fixture
def population(cell):
    found = open_population(cell.corpus, None)
    make(footage(found), 1)
    return found


@pytest.fixture
def cast(cell, population):
    return gather(cell, population, BACKBONE)


def clip(population, k, purpose, role="clients"):
    return population.clips(population.people(role)[k], purpose)[0]


def test_owners_are_the_tested_clients_with_a_still_and_a_clip_that_drives_it(cast, population):
    assert cast.people == tuple(f"clients-{k:05d}" for k in range(3))
    assert len(cast) == 3
    for k in range(3):
        still, driving = clip(population, k, "train"), clip(population, k, "test")
        assert torch.equal(cast.photos[k], torch.from_numpy(still.frames[0]))
        assert torch.equal(cast.points[k], torch.from_numpy(upper_face(still.landmarks[:1], 32)[0]))
        assert torch.equal(cast.moved[k], torch.from_numpy(upper_face(driving.landmarks, 32)))
        assert np.array_equal(cast.clips[k].frames, driving.frames)
        heard = BACKBONE.speech_features(driving.audio, driving.length, driving.fps)
        assert torch.equal(cast.audio[k], heard)


def test_the_other_speech_and_its_true_mouth_are_of_one_owner_who_is_another(cast):
    for k in range(3):
        whose = next(j for j in range(3) if torch.equal(cast.other[k], cast.audio[j]))
        assert whose != k
        driven = cast.driving(k)
        assert np.array_equal(driven.opening, mouth_opening(cast.clips[k].landmarks))
        assert np.array_equal(driven.other_opening, mouth_opening(cast.clips[whose].landmarks))


def test_telling_frames_are_those_where_the_true_mouths_are_furthest_apart(cast):
    found = cast.telling(4)
    for k in range(3):
        driven = cast.driving(k)
        apart = np.abs(driven.opening - driven.other_opening)
        left_out = np.setdiff1d(np.arange(20), found[k])
        assert apart[found[k]].min() >= apart[left_out].max()
        assert list(found[k]) == sorted(set(found[k]))
    assert cast.telling(50).shape == (3, 20)


def test_every_owner_is_animated_at_its_own_frames_with_its_own_sound(cast):
    """All frames at once have, at the telling ones, what is made when these are animated alone."""
    telling = cast.telling(4)
    published = cast.published(cast.photos, 1, None)
    few, whole = (
        animate(PortraitAttacker(), BACKBONE, published, cast, 0, telling, whole=whole)
        for whole in (False, True)
    )
    assert [part.shape[1] for part in (few.own, few.other, whole.own, whole.other)] == [4, 4, 20, 4]
    again = whole.telling
    assert torch.equal(again.other, few.other)
    assert (again.own.int() - few.own.int()).abs().max() <= 1
    assert not torch.equal(few.own, few.other)
    assert np.array_equal(few.at, telling)
    assert np.array_equal(whole.at, telling)


def test_what_is_drawn_for_an_owner_does_not_depend_on_how_many_there_are(cell, population, cast):
    fewer = cell.model_copy(update={"corpus": cell.corpus.model_copy(update={"tested": 2})})
    assert torch.equal(gather(fewer, population, BACKBONE).noise, cast.noise[:2])
    other = cell.model_copy(update={"seed": 1})
    assert not torch.equal(gather(other, population, BACKBONE).noise, cast.noise)
    assert not torch.equal(cast.noise[0], cast.noise[1])


def test_what_is_published_is_what_attackers_find(cast):
    photos = cast.photos.flip(0)
    found = cast.published(photos, 2, 8.0)
    assert (found.photos is photos, found.steps, found.budget) == (True, 2, 8.0)
    assert torch.equal(found.audio, cast.audio)
    assert cast.published(photos, 2, None).budget == 0
    assert torch.equal(cast.portraits.images, to_images(cast.photos))
    assert cast.portraits.names == cast.people


def test_protections_are_made_with_people_who_own_no_portrait(cell, population):
    found = drivers(population, BACKBONE)
    clips = [clip(population, k, "train", "heldout") for k in range(2)]
    assert torch.equal(found.faces, to_images(torch.stack([torch.from_numpy(c.frames[0]) for c in clips])))
    assert len(found.faces) <= FACES
    heard = [BACKBONE.speech_features(c.audio, c.length, c.fps) for c in clips]
    assert torch.equal(found.audio, torch.cat(heard))
    moved = [torch.from_numpy(upper_face(c.landmarks, 32)) for c in clips]
    assert torch.equal(found.landmarks, torch.cat(moved))


def test_somebody_without_a_clip_is_named_in_a_line(cell, population, monkeypatch):
    whole = type(population).clips
    monkeypatch.setattr(
        type(population), "clips", lambda self, who, what: () if what == "test" else whole(self, who, what)
    )
    with pytest.raises(UserError, match="clients-00000 has no test clip; prepare a corpus"):
        gather(cell, population, BACKBONE)

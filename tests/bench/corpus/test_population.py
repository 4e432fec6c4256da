"""The embedded population: disjoint roles, deterministic people, footage that survives damage."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from privtalk.bench.corpus.population import ROLES, Person, check_disjoint
from privtalk.bench.corpus.rendered import embedded, shards
from privtalk.bench.corpus.rendered.shards import EmbeddedPopulation
from privtalk.bench.corpus.spec import CorpusSpec
from privtalk.bench.execution import Succeeded, execute

SPEC = CorpusSpec.model_validate(
    {
        "size": 32,
        "clients": 18,
        "heldout": 3,
        "shadows": 2,
        "tested": 2,
        "attacked": 3,
        "train": {"clips": 2, "frames": 4},
        "test": {"clips": 1, "frames": 6},
        "fresh": {"clips": 2, "frames": 3},
    }
)


def make(population: EmbeddedPopulation) -> int:
    outcomes = list(execute(shards.missing(population.files()), workers=1))
    assert all(isinstance(outcome, Succeeded) for outcome in outcomes), outcomes
    return len(outcomes)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PRIVTALK_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="module")
def population(cache):
    made = EmbeddedPopulation(SPEC)
    assert make(made) == 2 + 6  # 18 clients who train are two files, every other use is one
    return made


def test_roles_are_disjoint():
    population = EmbeddedPopulation(SPEC, public=40)
    groups = {role: population.people(role) for role in ROLES}
    assert {role: len(people) for role, people in groups.items()} == {
        "public": 40,
        "clients": 18,
        "heldout": 3,
        "shadow": 2,
    }
    names = [person.name for people in groups.values() for person in people]
    assert len(names) == len(set(names))
    check_disjoint(groups)


def test_an_overlap_is_refused():
    twice = [Person("x", "clients", 0)], [Person("x", "heldout", 0)]
    with pytest.raises(ValueError, match="identity x is in clients and in heldout"):
        check_disjoint({"clients": twice[0], "heldout": twice[1]})


def test_members_and_nonmembers_come_from_one_world_and_the_public_pool_from_a_narrower_one():
    """So nothing but training can tell a member from a non-member."""
    people = {role: [embedded.character(0, role, index) for index in range(150)] for role in ROLES}
    accents = {role: {person.voice.accent for person in group} for role, group in people.items()}
    assert accents["clients"] == accents["heldout"] == accents["shadow"]
    assert accents["public"] < accents["clients"]
    rates = {role: np.mean([person.voice.rate for person in group]) for role, group in people.items()}
    assert abs(rates["clients"] - rates["heldout"]) < 4 * 26 * (2 / 150) ** 0.5


def test_clips_are_as_asked_for_and_speech_fills_them(population):
    clips = [clip for person in population.people("clients") for clip in population.clips(person, "train")]
    assert len(clips) == 18 * 2
    for clip in clips:
        assert clip.frames.shape == (4, 32, 32, 3)
        assert clip.audio.shape == (4 * 640,)
        assert clip.landmarks.shape == (4, 68, 2)
        assert clip.truth is not None
        assert len(clip.truth.articulators) == 4
        assert clip.truth.masks.shape == (4, 32, 32)
    loud = [np.abs(clip.audio).max() > 0.01 for clip in clips]
    assert np.mean(loud) > 0.9


def test_only_those_who_are_asked_for_have_footage(population):
    first, last = population.people("clients")[0], population.people("clients")[-1]
    assert len(population.clips(first, "test")) == 1
    assert population.clips(last, "test") == ()
    assert population.clips(population.people("heldout")[0], "test") == ()
    assert len(population.clips(population.people("heldout")[0], "train")) == 2
    assert len(population.clips(population.people("heldout")[2], "fresh")) == 2


def test_no_utterance_serves_two_purposes(population):
    for person in population.people("clients")[:2]:
        said = [
            clip.utterance
            for purpose in ("train", "test", "fresh")
            for clip in population.clips(person, purpose)
        ]
        assert len(said) == len(set(said)) == 5


def test_a_file_holds_what_filming_gives(population):
    """The packed clip is the filmed one, whichever process and order it was made in."""
    person = population.people("clients")[16]
    clip = population.clips(person, "train")[1]
    again = embedded.film(embedded.character(0, "clients", 16), "train", 1, 4, 32)
    assert clip.identity == again.identity == person.name
    assert clip.attributes == again.attributes == person.attributes
    for name in ("frames", "audio", "landmarks"):
        assert np.array_equal(getattr(clip, name), getattr(again, name))
    assert np.array_equal(clip.truth.masks, again.truth.masks)
    assert clip.utterance == again.utterance


def test_load_gives_every_clip_of_a_file(population):
    shard = next(population.shards("clients", "train"))
    clips = shards.load(shard)
    assert [clip.identity for clip in clips[:4]] == [
        "clients-00000",
        "clients-00000",
        "clients-00001",
        "clients-00001",
    ]
    assert np.array_equal(
        clips[3].frames, population.clips(population.people("clients")[1], "train")[1].frames
    )


def test_damaged_files_are_made_again_with_the_same_bytes(population):
    assert make(population) == 0
    path: Path = next(population.shards("heldout", "fresh")).path
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert make(population) == 1
    assert path.read_bytes() == whole


def test_other_seeds_and_sizes_are_other_files():
    shard = next(EmbeddedPopulation(SPEC).shards("clients", "train"))
    others = [
        next(EmbeddedPopulation(SPEC.model_copy(update=change)).shards("clients", "train"))
        for change in ({"seed": 1}, {"size": 64}, {"train": SPEC.train.model_copy(update={"frames": 5})})
    ]
    assert len({shard.path, *(other.path for other in others)}) == 4

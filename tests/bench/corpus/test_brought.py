"""Corpora that people bring: cut like prepared videos, hashed by what is read, and refused in a line."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from privtalk.bench.corpus import brought
from privtalk.bench.corpus.brought import Corpus, Recording
from privtalk.bench.corpus.opening import open_population, recorded_settings
from privtalk.bench.corpus.population import ROLES, check_disjoint
from privtalk.bench.corpus.spec import CorpusSpec
from privtalk.core.errors import UserError

SPEC = CorpusSpec.model_validate(
    {
        "size": 32,
        "clients": 4,
        "heldout": 2,
        "shadows": 8,
        "tested": 3,
        "attacked": 4,
        "train": {"clips": 2, "frames": 8},
        "test": {"clips": 1, "frames": 12},
        "fresh": {"clips": 2, "frames": 4},
    }
)
FACE = np.stack([10 + 40 * np.linspace(0, 1, 68), 20 + 10 * np.linspace(0, 1, 68)], -1)


def filmed(person, frames=60, size=64, seed=0):
    """Frame t has grey level t but for a corner that is the person's, sample s of the sound is s, in thousandths."""
    pixels = np.tile(np.arange(frames, dtype=np.uint8)[:, None, None, None], (1, size, size, 3))
    pixels[:, : size // 2, : size // 2] = np.random.default_rng([seed, *person.encode()]).integers(0, 255, 3)
    return Recording(pixels, np.arange(frames * 640) % 1000 / 1000, np.tile(FACE, (frames, 1, 1)))


class Small(Corpus):
    name = "small"
    about = "a corpus for tests"

    def people(self):
        return {"clients": list("abcde"), "heldout": list("hij"), "shadow": list("st")}

    def recordings(self, person):
        yield filmed(person)

    def attributes(self, person):
        return {"accent": "north" if person in "ach" else "south"}


@pytest.fixture
def enter():
    yield lambda found: brought.register(found)
    for name in brought.names():
        brought.forget(name)


def opened(spec=SPEC, name="small"):
    settings = recorded_settings(name, spec)
    spec = CorpusSpec.model_validate({**spec.model_dump(), **settings})
    return open_population(spec, name), spec


def test_recordings_keep_their_own_camera(enter):
    enter(Small)
    assert recorded_settings("small", SPEC.model_copy(update={"camera": "phone"}))["camera"] == "studio"


def test_settings_are_what_there_is_at_most_what_was_asked_for(enter):
    enter(Small)
    population, spec = opened()
    assert (spec.clients, spec.heldout, spec.shadows, spec.tested, spec.attacked) == (4, 2, 2, 3, 4)
    assert spec.version == 0
    assert spec.name.startswith("small-")
    assert {role: [p.name for p in population.people(role)] for role in ROLES} == {
        "public": [],
        "clients": list("abcd"),
        "heldout": list("hi"),
        "shadow": list("st"),
    }
    check_disjoint({role: population.people(role) for role in ROLES})
    assert population.people("clients")[0].attributes == {"accent": "north"}
    more, most = opened(SPEC.model_copy(update={"clients": 50}))
    assert most.clients == 5
    assert most.name != spec.name
    assert len(more.people("clients")) == 5


def test_clips_are_windows_that_share_no_frame_at_the_runs_size(enter):
    enter(Small)
    population, _ = opened()
    [person, *_] = population.people("clients")
    levels = []
    for purpose, count, frames in (("train", 2, 8), ("test", 1, 12), ("fresh", 2, 4)):
        clips = population.clips(person, purpose)
        assert len(clips) == count
        for clip in clips:
            assert clip.frames.shape == (frames, 32, 32, 3)
            assert clip.audio.shape == (frames * 640,)
            assert clip.audio.dtype == clip.landmarks.dtype == np.float32
            np.testing.assert_allclose(clip.landmarks[0], FACE / 2, atol=1e-5)
            levels += clip.frames[:, -1, -1, 0].tolist()
            start = int(clip.frames[0, -1, -1, 0])
            assert clip.audio[0] == pytest.approx(start * 640 % 1000 / 1000)
    assert len(levels) == len(set(levels))


def test_a_population_goes_to_other_processes_by_name(enter):
    enter(Small)
    population, _ = opened()
    assert pickle.loads(pickle.dumps(population)) == population
    names = [(group.purpose, [p.name for p in group.people]) for group in population.groups()]
    assert ("test", ["a", "b", "c"]) in names
    assert ("fresh", ["a", "b", "c", "d"]) in names


def test_other_footage_is_another_corpus_and_another_cache(enter):
    class Other(Small):
        def recordings(self, person):
            yield filmed(person, seed=person == "h")

    enter(Small)
    population, spec = opened()
    brought.forget("small")
    enter(Other)
    changed, other = opened()
    assert spec.name != other.name
    assert spec.model_copy(update={"name": other.name}) == other
    assert {group.origin for group in population.groups()}.isdisjoint(g.origin for g in changed.groups())


def test_unknown_people_and_purposes_have_no_clips_and_the_same_class_is_entered_once(enter):
    assert enter(Small) == enter(Small) == enter(Small()) == "small"
    with pytest.raises(UserError, match="unknown corpus 'smal' \\(did you mean small\\?\\)"):
        brought.find("smal")


def recording(**changes):
    """A corpus whose person b is filmed otherwise."""

    def recordings(self, person):
        whole = filmed(person)
        yield whole if person != "b" else whole._replace(**{k: make(whole) for k, make in changes.items()})

    return type("Small", (Small,), {"recordings": recordings})


def people(**roles):
    listed = {"clients": list("abc"), "heldout": list("hi"), "shadow": []} | roles
    return type("Small", (Small,), {"people": lambda self: listed})


def otherwise(recordings):
    return type("Small", (Small,), {"recordings": lambda self, person: recordings(person)})


CALLS = iter(range(10_000))
WRONG = {
    "float frames": (
        recording(frames=lambda r: r.frames / 255),
        "b, recording 0: frames are float64 [60, 64, 64, 3]; they must be uint8 [T, S, S, 3]",
    ),
    "oblong frames": (
        recording(frames=lambda r: r.frames[:, :32]),
        "b, recording 0: frames are uint8 [60, 32",
    ),
    "grey frames": (
        recording(frames=lambda r: r.frames[..., 0]),
        "b, recording 0: frames are uint8 [60, 64, 64]",
    ),
    "short sound": (
        recording(audio=lambda r: r.audio[:-640]),
        "b, recording 0: audio is float32 [37760]; 60",
    ),
    "loud sound": (recording(audio=lambda r: r.audio * 3e4), "b, recording 0: the audio reaches 29970"),
    "whole numbers": (
        recording(audio=lambda r: r.audio.astype(np.int16)),
        "b, recording 0: audio is int16 [38400]",
    ),
    "shares": (
        recording(landmarks=lambda r: r.landmarks / 64),
        "b, recording 0: the landmarks span less than 4",
    ),
    "few landmarks": (
        recording(landmarks=lambda r: r.landmarks[:, :5]),
        "b, recording 0: landmarks are float32",
    ),
    "a landmark that is none": (
        recording(landmarks=lambda r: np.where(r.landmarks > 40, np.nan, r.landmarks)),
        "b, recording 0: landmarks hold NaN",
    ),
    "no rate": (recording(fps=lambda r: 0.0), "b, recording 0: 0.0 frames a second"),
    "little footage": (
        otherwise(lambda p: [filmed(p, 20)]),
        "a has 20 frames (longest clip 20), 28 needed; leave",
    ),
    "no footage": (otherwise(lambda p: []), "a has 0 frames (longest clip 0), 28 needed"),
    "no recording": (otherwise(lambda p: [3]), "a, recording 0 is 'int'; give a Recording(frames, audio"),
    "nothing": (otherwise(lambda p: None), "a: TypeError: 'NoneType' object is not iterable"),
    "an error": (otherwise(lambda p: {}[p]), "a: KeyError: 'a'"),
    "pictures twice": (
        otherwise(lambda p: [filmed("a" if p == "h" else p)]),
        "a, recording 0 and h, recording 0 are the same; leave one of them out",
    ),
    "chance": (
        otherwise(lambda p: [filmed(p, seed=next(CALLS))]),
        "a has other recordings when asked again; draw them from a seeded generator",
    ),
    "a role twice": (
        people(heldout=["h", "a"]),
        "a is in 'clients' and in 'heldout'; a person plays one role",
    ),
    "a person twice": (people(clients=["a", "a"]), "a is in 'clients' and in 'clients'"),
    "few held out": (people(heldout=["h"]), "people() has 1 for 'heldout'; a run needs 2 at least"),
    "a role that there is not": (
        people(test=["x"]),
        "people() is no mapping of clients, heldout, shadow to names",
    ),
    "a name for paths": (people(clients=["../a", "b"]), "'../a' is no name"),
    "a number": (people(clients=[1, 2]), "1 is no name"),
}


@pytest.mark.parametrize("fault", WRONG)
def test_what_is_wrong_is_a_line_that_names_the_person(enter, fault):
    corpus, line = WRONG[fault]
    enter(corpus)
    with pytest.raises(UserError) as caught:
        opened()
    assert str(caught.value).startswith(f"corpus small: {line}")
    assert "\n" not in str(caught.value)

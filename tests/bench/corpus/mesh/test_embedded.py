"""The corpus of embedded people as meshes."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import numpy as np
import pytest

from privtalk.bench.corpus.mesh.embedded import (
    CONDITIONS,
    MeshCorpusSpec,
    clips_of,
    condition,
    mood_of,
    speak,
    speakers,
)
from privtalk.bench.corpus.performance import VISEMES
from privtalk.bench.corpus.rendered.mesh_rig import CHANNELS, EmbeddedRig
from privtalk.metrics.mesh import eve, lip_gap, lve

SPEC = MeshCorpusSpec(speakers=3, tested=2, strangers=1, frames=50)
RIG = EmbeddedRig(0)


@pytest.fixture(scope="module")
def person():
    return speakers(SPEC, "train")[0]


def test_the_same_clip_has_the_same_bytes_whatever_was_said_before(person):
    first, again = speak(person, "train", 0, 50, "happy", 2, 2)
    speak(person, "train", 1, 50, "sad", 1)
    second, more = speak(person, "train", 0, 50, "happy", 2, 2)
    assert np.array_equal(first.codes, second.codes)
    assert np.array_equal(first.audio, second.audio)
    assert np.array_equal(again, more)


ALONE = """
import hashlib
from privtalk.bench.corpus.mesh.embedded import MeshCorpusSpec, clips_of, speakers
spec = MeshCorpusSpec(speakers=3, tested=2, strangers=1, frames=30, clips=1)
[clip] = clips_of(spec, "train", speakers(spec, "train")[2])
print(hashlib.sha256(clip.codes.tobytes() + clip.audio.tobytes()).hexdigest())
"""


def test_another_process_speaks_the_same_bytes():
    small = SPEC.model_copy(update={"frames": 30, "clips": 1})
    everybody = [clips_of(small, "train", who)[0] for who in speakers(small, "train")]
    clip = everybody[2]
    there = subprocess.run([sys.executable, "-c", ALONE], capture_output=True, text=True, check=True)
    assert there.stdout.strip() == hashlib.sha256(clip.codes.tobytes() + clip.audio.tobytes()).hexdigest()


def test_clips_of_a_role_are_those_it_says_in_its_conditions():
    small = SPEC.model_copy(update={"frames": 25, "clips": 3, "test_clips": 2})
    person = speakers(small, "train")[1]
    train, test = clips_of(small, "train", person), clips_of(small, "test", person)
    assert [(clip.emotion, clip.level) for clip in train] == [condition(1, "train", k, 3) for k in range(3)]
    assert [(clip.emotion, clip.level) for clip in test] == [condition(1, "test", k, 2) for k in range(2)]
    assert not {clip.sentence for clip in train} & {clip.sentence for clip in test}
    assert {clip.identity for clip in (*train, *test)} == {person.name}


def test_a_mood_that_is_shown_is_the_persons_own():
    moods = [mood_of(who, "happy", 2) for who in speakers(SPEC, "train")]
    assert len({mood.expressiveness for mood in moods}) == 3
    assert all(0.7 <= mood.expressiveness <= 1.3 for mood in moods)
    assert [mood_of(who, "happy", 2) for who in speakers(SPEC, "train")] == moods


def test_more_takes_leave_the_clip_and_the_first_takes_as_they_were(person):
    few, many = speak(person, "test", 0, 30, "sad", 1, 1), speak(person, "test", 0, 30, "sad", 1, 3)
    assert np.array_equal(few[0].codes, many[0].codes)
    assert np.array_equal(few[1][0], many[1][0])
    assert len(many[1]) == 3


def test_takes_of_a_sentence_share_the_lips_and_not_the_eyes(person):
    clip, takes = speak(person, "test", 0, 50, "angry", 2, 3)
    true = RIG.vertices(clip.codes, person.name)
    for take in takes:
        other = RIG.vertices(take, person.name)
        assert lve(other, true, RIG.lips) == 0
        assert eve(other, true, RIG.eyes) > 0


def test_lips_meet_where_p_b_and_m_are_said(person):
    said, gaps = [], []
    for number in range(6):
        clip, _ = speak(person, "train", number, 50, "neutral", 0)
        gaps.append(lip_gap(RIG.vertices(clip.codes, person.name), RIG.contacts) * RIG.millimetres)
        said.append(clip.visemes == VISEMES.index("PP"))
    gap, bilabial = np.concatenate(gaps), np.concatenate(said)
    assert bilabial.sum() > 5
    assert np.median(gap[bilabial]) < 2.0 < np.median(gap[~bilabial])


def test_feelings_can_be_heard_in_their_loudness(person):
    def level(emotion: str, strength: int) -> float:
        clips = [speak(person, "train", number, 50, emotion, strength)[0] for number in range(3)]
        return float(np.sqrt(np.mean([np.mean(clip.audio**2) for clip in clips])))

    assert level("angry", 2) > level("neutral", 0) > level("sad", 2)


def test_feelings_are_in_the_code(person):
    clip, _ = speak(person, "train", 0, 50, "happy", 2)
    assert (clip.codes[:, CHANNELS.index("smile")] > 0.5).all()
    calm, _ = speak(person, "train", 0, 50, "neutral", 0)
    assert (calm.codes[:, len(CHANNELS) - 8 : -2] == 0).all()


def test_sound_and_motion_have_one_length(person):
    clip, _ = speak(person, "train", 0, 50, "afraid", 1)
    assert len(clip) == len(clip.visemes) == 50
    assert len(clip.audio) == 50 * 640


def test_conditions_take_turns_over_clips_and_people():
    seen = [condition(person, "train", number, 4) for person in range(13) for number in range(4)]
    counts = {wanted: seen.count(wanted) for wanted in CONDITIONS}
    assert set(counts.values()) == {4}


def test_strangers_are_nobody_who_trains():
    known = {person.name for person in speakers(SPEC, "train")}
    assert not known & {person.name for person in speakers(SPEC, "strangers")}
    assert {person.name for person in speakers(SPEC, "test")} <= known

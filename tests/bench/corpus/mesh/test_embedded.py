"""The corpus of embedded people as meshes."""

from __future__ import annotations

import numpy as np
import pytest

from privtalk.bench.corpus.mesh.embedded import (
    CONDITIONS,
    MeshCorpusSpec,
    condition,
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

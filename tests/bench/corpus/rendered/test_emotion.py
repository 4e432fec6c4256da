"""Emotions on the face and in the voice."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from privtalk.bench.corpus.population import identity_name
from privtalk.bench.corpus.rendered import head as heads
from privtalk.bench.corpus.rendered.embedded import character
from privtalk.bench.corpus.rendered.emotion import EMOTIONS, FEELINGS, Mood, with_feelings
from privtalk.bench.corpus.rendered.mesh_rig import CHANNELS, EmbeddedRig, role_of
from privtalk.bench.corpus.speech import voices

WHO = identity_name("clients", 0)
RIG = EmbeddedRig(0)
LIPS, EYES = RIG.lips, RIG.eyes


def moved(feeling: str) -> np.ndarray:
    codes = np.zeros((1, len(CHANNELS)), np.float32)
    codes[0, CHANNELS.index(feeling)] = 1
    return RIG.vertices(codes, WHO)[0] - RIG.template(WHO)


def test_a_head_with_feelings_at_rest_is_the_head_without():
    head = heads.build(character(0, "clients", 0).look)
    rng = np.random.default_rng(0)
    values = rng.uniform(0, 0.5, (3, 13)).astype(np.float32)
    gaze = np.zeros((3, 2), np.float32)
    plain = heads.move(head, values, gaze, values[:, 12])
    felt = heads.move(with_feelings(head), np.pad(values, ((0, 0), (0, len(FEELINGS)))), gaze, values[:, 12])
    assert np.array_equal(plain, felt)


@pytest.mark.parametrize(
    ("feeling", "region", "still"),
    [
        ("smile", LIPS, EYES),
        ("frown", LIPS, EYES),
        ("inner_brow", EYES, LIPS),
        ("brow_squeeze", EYES, LIPS),
        ("squint", EYES, LIPS),
        ("widen", EYES, LIPS),
    ],
)
def test_a_feeling_moves_its_part_of_the_face_and_no_other(feeling, region, still):
    reach = np.linalg.norm(moved(feeling), axis=-1) * RIG.millimetres
    assert reach[region].max() > 1.0
    assert reach[still].max() < 0.2


def test_corners_of_the_mouth_go_up_in_a_smile_and_down_in_a_frown():
    corners = heads.LANDMARK_VERTICES[[48, 54]]
    assert (moved("smile")[corners, 1] > 0.001).all()
    assert (moved("frown")[corners, 1] < -0.001).all()


@given(st.sampled_from(EMOTIONS), st.integers(0, 2), st.integers(0, 99), st.integers(80, 400))
def test_a_mood_keeps_a_voice_within_its_bounds(emotion, level, pitch, rate):
    own = voices.Voice(accent="british", variant="f2", pitch=pitch, pitch_range=50, rate=rate)
    changed = Mood(emotion, level).voice(own)
    assert (changed.accent, changed.variant) == ("british", "f2")
    if level == 0 or emotion == "neutral":
        assert changed == own


FREE = voices.Voice(accent="british", variant="f2", pitch=50, pitch_range=50, rate=170)


@pytest.mark.parametrize("emotion", [emotion for emotion in EMOTIONS if emotion != "neutral"])
def test_a_strong_feeling_changes_the_voice_more_than_a_weak_one_and_the_same_way(emotion):
    weak, strong = (Mood(emotion, level).voice(FREE) for level in (1, 2))
    for part in ("pitch", "pitch_range", "rate"):
        own, little, much = (getattr(voice, part) for voice in (FREE, weak, strong))
        assert abs(little - own) <= abs(much - own)
        assert (little - own) * (much - own) >= 0
    assert strong != FREE
    assert abs(Mood(emotion, 1).decibels) < abs(Mood(emotion, 2).decibels)


@given(st.sampled_from(EMOTIONS), st.sampled_from([1, 2]), st.floats(0.5, 1.5))
def test_a_person_shows_a_feeling_in_proportion_to_expressiveness_and_sounds_the_same(emotion, level, much):
    plain, shown = Mood(emotion, level), Mood(emotion, level, much)
    assert shown.feelings() == pytest.approx(much * plain.feelings(), abs=1e-6)
    assert shown.brow == pytest.approx(much * plain.brow)
    assert shown.voice(FREE) == plain.voice(FREE)
    assert (shown.decibels, shown.articulation) == (plain.decibels, plain.articulation)


def test_every_feeling_of_the_face_belongs_to_an_emotion_and_no_two_emotions_look_alike():
    shown = {emotion: Mood(emotion, 2).feelings() for emotion in EMOTIONS}
    assert (np.stack(list(shown.values())).max(0) > 0).all()
    looks = {tuple(amounts) for amounts in shown.values()}
    assert len(looks) == len(EMOTIONS)
    assert not shown["neutral"].any()
    assert Mood("neutral", 2).feelings().shape == (len(FEELINGS),)


@pytest.mark.parametrize("feeling", FEELINGS)
def test_feelings_are_as_good_as_symmetric(feeling):
    """Both sides of the face move as far in all; the face itself need not be symmetric."""
    reach = np.linalg.norm(moved(feeling), axis=-1)
    right = RIG.template(WHO)[:, 0] > 0
    assert reach[right].sum() == pytest.approx(reach[~right].sum(), rel=0.1)


def test_brows_come_together_when_squeezed_and_lids_part_when_widened():
    where = RIG.template(WHO)
    brows = heads.LANDMARK_VERTICES[[20, 21, 22, 23]]
    squeezed = moved("brow_squeeze")[brows]
    assert (np.sign(where[brows, 0]) * squeezed[:, 0] < 0).all()
    assert (squeezed[:, 1] < 0).all()
    assert (moved("inner_brow")[brows][:, 1] > 0).all()
    upper, lower = heads.LANDMARK_VERTICES[[37, 38, 43, 44]], heads.LANDMARK_VERTICES[[40, 41, 46, 47]]
    assert moved("widen")[upper, 1].min() > 0
    assert moved("squint")[lower, 1].min() > 0


def test_a_small_code_is_nearly_linear():
    rng = np.random.default_rng(1)
    direction = rng.uniform(0, 1, len(CHANNELS)).astype(np.float32)

    def error(size: float) -> float:
        codes = (size * direction)[None]
        linear = RIG.template(WHO) + np.tensordot(codes, RIG.basis(), 1)
        return float(np.abs(RIG.vertices(codes, WHO)[:, LIPS] - linear[:, LIPS]).max())

    assert error(0.1) < 0.4 * error(0.2)
    assert error(0.1) * RIG.millimetres < 1.0


def test_names_say_role_and_number():
    assert role_of(identity_name("heldout", 41)) == ("heldout", 41)

"""The embedded head as a rig: codes are what the renderer shows, and the basis is their first order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as how
from hypothesis import strategies as st

from privtalk.bench.corpus.performance import Performance
from privtalk.bench.corpus.population import identity_name
from privtalk.bench.corpus.rendered import head as heads
from privtalk.bench.corpus.rendered.embedded import character
from privtalk.bench.corpus.rendered.emotion import FEELINGS, Mood
from privtalk.bench.corpus.rendered.face_mesh import HEAD_HEIGHT
from privtalk.bench.corpus.rendered.mesh_rig import CHANNELS, GAZE, SPEECH, EmbeddedRig, codes_of

RIG = EmbeddedRig(0)
WHO = identity_name("clients", 2)
LOOK = character(0, "clients", 2).look


def performance(frames: int = 6, seed: int = 0) -> Performance:
    rng = np.random.default_rng(seed)

    def of(*shape, low=0.0):
        return rng.uniform(low, 1, (frames, *shape)).astype(np.float32)

    return Performance(
        visemes=np.eye(15, dtype=np.float32)[rng.integers(15, size=frames)],
        articulators=of(6),
        pose=np.zeros((frames, 6), np.float32),
        blink=of(2),
        brows=of(2, low=-1),
        gaze=0.3 * of(2, low=-1),
    )


@how(max_examples=10)
@given(st.integers(0, 1000))
def test_codes_of_a_calm_face_are_what_the_renderer_shows_byte_for_byte(seed):
    shown = performance(seed=seed)
    whole = RIG.whole(codes_of(shown, Mood()), WHO)
    assert np.array_equal(whole, heads.animate(heads.build(LOOK), shown))


def test_a_mood_adds_its_feelings_and_leaves_speech_and_gaze():
    shown = performance()
    calm, happy = codes_of(shown, Mood()), codes_of(shown, Mood("happy", 2))
    assert np.array_equal(calm[:, : len(SPEECH)], happy[:, : len(SPEECH)])
    assert np.array_equal(calm[:, GAZE:], shown.gaze)
    assert np.array_equal(happy[:, GAZE:], shown.gaze)
    assert (happy[:, len(SPEECH) : GAZE] == Mood("happy", 2).feelings()).all()
    assert CHANNELS[len(SPEECH) : GAZE] == FEELINGS


def test_vertices_are_the_skin_in_head_heights_and_rest_is_the_template():
    codes = codes_of(performance(), Mood("sad", 1))
    found = RIG.vertices(codes, WHO)
    assert found.shape == (6, heads.SKIN_VERTICES, 3)
    assert found * HEAD_HEIGHT == pytest.approx(RIG.whole(codes, WHO)[:, : heads.SKIN_VERTICES], abs=1e-4)
    rest = RIG.vertices(np.zeros((2, len(CHANNELS)), np.float32), WHO)
    assert np.array_equal(rest[0], RIG.template(WHO))
    assert np.array_equal(rest[1], RIG.template(WHO))
    assert not np.array_equal(RIG.template(WHO), RIG.template(identity_name("clients", 0)))


def test_frames_do_not_depend_on_each_other():
    codes = codes_of(performance(), Mood("angry", 2))
    together = RIG.vertices(codes, WHO)
    assert np.array_equal(RIG.vertices(codes[[4]], WHO)[0], together[4])
    assert np.array_equal(RIG.vertices(codes[::-1].copy(), WHO)[::-1], together)


@pytest.mark.parametrize("channel", [c for c in CHANNELS if not c.startswith(("gaze", "tongue"))])
def test_the_basis_is_the_first_order_of_every_channel(channel):
    """The error of a linear face falls with the square of the code; lids that slide aside, the eyes are left out."""
    who, at = identity_name("clients", 0), CHANNELS.index(channel)
    away = np.setdiff1d(np.arange(heads.SKIN_VERTICES), RIG.eyes)

    def error(size: float) -> float:
        codes = np.zeros((1, len(CHANNELS)), np.float32)
        codes[0, at] = size
        linear = RIG.template(who) + size * RIG.basis()[at]
        return float(np.abs(RIG.vertices(codes, who)[0] - linear)[away].max()) * RIG.millimetres

    assert error(0.05) < 0.1 + 0.3 * error(0.1)
    assert error(0.05) < 0.3


@pytest.mark.parametrize("channel", ["gaze_x", "gaze_y", "tongue"])
def test_what_moves_no_skin_has_no_basis_away_from_the_lids(channel):
    away = np.setdiff1d(np.arange(heads.SKIN_VERTICES), RIG.eyes)
    assert not RIG.basis()[CHANNELS.index(channel), away].any()


def test_regions_are_of_the_skin_and_lips_and_upper_face_are_apart():
    for region in (RIG.lips, RIG.upper, RIG.eyes, RIG.contacts.ravel()):
        assert region.min() >= 0
        assert region.max() < heads.SKIN_VERTICES
    assert not np.intersect1d(RIG.lips, RIG.upper).size
    assert np.isin(RIG.eyes, RIG.upper).all()
    assert np.isin(RIG.contacts, RIG.lips).all()


def test_lips_part_when_the_jaw_falls_and_meet_when_they_close():
    def gap(**amounts: float) -> float:
        codes = np.zeros((1, len(CHANNELS)), np.float32)
        for name, amount in amounts.items():
            codes[0, CHANNELS.index(name)] = amount
        upper, lower = (RIG.vertices(codes, WHO)[0, RIG.contacts[:, side]] for side in (0, 1))
        return float(np.linalg.norm(upper - lower, axis=-1).mean()) * RIG.millimetres

    assert gap(jaw=0.6) > gap(jaw=0.3) > gap()
    assert gap(jaw=0.3, closing=1.0) < 0.5 * gap(jaw=0.3)


def test_a_face_at_rest_of_another_seed_is_another_face():
    assert not np.array_equal(RIG.template(WHO), replace(RIG, seed=1).template(WHO))

"""FaceFormer’s layout: people and sentences dealt, notes read, pickles left shut."""

from __future__ import annotations

import json

import numpy as np
import pytest

from privtalk.bench.corpus.mesh.layouts.dealing import MeshDeal
from privtalk.bench.corpus.mesh.layouts.faceformer import FaceFormerLayout
from privtalk.bench.corpus.mesh.layouts.files import MeshNotes
from privtalk.core.errors import UserError
from tests.bench.corpus.mesh.making import (
    faceformer,
    taken,
    told,
    vertices,
)

PAIRS = [(f"s{person}", f"q{sentence}") for person in range(6) for sentence in range(5)]


def test_faceformer_deals_people_and_sentences(tmp_path):
    folder = faceformer(tmp_path / "data", PAIRS)
    layout = FaceFormerLayout()
    assert layout.recognises(folder) is None
    roles = told(layout, folder)
    assert {name for name, role in roles.items() if role == "strangers"} == {f"s5_q{k}" for k in range(5)}
    assert {name for name, role in roles.items() if role == "test"} == {f"s{k}_q4" for k in range(5)}
    recording = taken(layout, folder)["s1_q2"]
    assert (recording.identity, recording.sentence) == ("s1", "q2")
    np.testing.assert_allclose(recording.motion(), vertices("s1", "q2", 15))
    face = layout.face(folder)
    assert (face.fps, face.unit, sorted(face.templates)) == (30, "unknown", [f"s{k}" for k in range(6)])


def test_no_sentence_that_is_tested_is_trained_on():
    deal = MeshDeal(PAIRS, MeshNotes())
    roles = {pair: deal.role(*pair) for pair in PAIRS}
    tested = {sentence for (_, sentence), role in roles.items() if role == "test"}
    assert not tested & {sentence for (_, sentence), role in roles.items() if role == "train"}


def test_notes_say_rate_unit_and_roles(tmp_path):
    folder = faceformer(tmp_path / "data", PAIRS)
    notes = {"fps": 25, "unit": "cm", "millimetres": 10, "test": ["q0"], "strangers": ["s0", "s1"]}
    (folder / "about.json").write_text(json.dumps(notes))
    face = FaceFormerLayout().face(folder)
    assert (face.fps, face.unit, face.millimetres) == (25, "cm", 10)
    roles = told(FaceFormerLayout(), folder)
    assert (roles["s1_q0"], roles["s2_q0"], roles["s5_q4"]) == ("strangers", "test", "train")


def test_names_of_people_may_hold_underscores_and_begin_alike(tmp_path):
    folder = faceformer(tmp_path / "data", [("s_1", "q_1"), ("s", "q1"), ("s", "x1")])
    (folder / "vertices_npy" / "nobody_q1.npy").write_bytes(b"")
    found = {each.name: each for each in FaceFormerLayout().recordings(folder)}
    assert (found["s_1_q_1"].identity, found["s_1_q_1"].sentence) == ("s_1", "q_1")
    assert (found["s_x1"].identity, found["s_x1"].sentence) == ("s", "x1")
    assert found["nobody_q1"].reason == "no template of the person"


def test_a_folder_one_level_too_high_is_named(tmp_path):
    faceformer(tmp_path / "data", PAIRS[:1])
    problem = FaceFormerLayout().recognises(tmp_path)
    assert problem == f"vertices_npy stands one level below; name {tmp_path / 'data'}"


def test_faceformer_wants_templates_that_are_not_pickled(tmp_path):
    folder = faceformer(tmp_path / "data", PAIRS[:1])
    (folder / "templates.npz").rename(folder / "templates.pkl")
    assert "templates.pkl is a pickle, which is never opened" in FaceFormerLayout().recognises(folder)
    (folder / "templates").mkdir()
    with pytest.raises(UserError, match="no template in it"):
        FaceFormerLayout().face(folder)

"""BIWI’s layout: the published split, and templates of one topology."""

from __future__ import annotations

from privtalk.bench.corpus.mesh.layouts.biwi import BiwiLayout, biwi_role
from privtalk.bench.corpus.mesh.layouts.recordings import (
    OUTSIDE,
    VALIDATION,
)
from tests.bench.corpus.mesh.making import (
    VERTICES,
    faceformer,
    told,
)


def test_biwi_tests_seen_people_and_leaves_validation_out(tmp_path):
    names = [("F2", "e32"), ("F2", "e33"), ("F2", "e37"), ("F1", "e37"), ("F1", "e01"), ("F2", "01")]
    folder = faceformer(tmp_path / "data", names, fps=25)
    layout = BiwiLayout(vertices=VERTICES)
    assert layout.recognises(folder) is None
    expected = ["strangers", VALIDATION, "test", "train", OUTSIDE, OUTSIDE]
    roles = told(layout, folder)
    assert [roles[k] for k in ("F1_e37", "F2_e33", "F2_e37", "F2_e32", "F1_e01", "F2_01")] == expected
    face = layout.face(folder)
    assert (face.fps, face.unit, face.millimetres) == (25, "normalised", None)


def test_biwi_splits_as_published():
    people = ("F1", "F2", "F3", "F4", "F5", "F6", "F7", "F8", "M1", "M2", "M3", "M4", "M5", "M6")
    roles = [biwi_role(person, f"e{k:02}") for person in people for k in range(1, 41)]
    assert [roles.count(role) for role in ("train", "test", "strangers", VALIDATION)] == [192, 24, 32, 24]


def test_a_data_set_with_a_split_of_its_own_takes_no_notes(tmp_path):
    folder = faceformer(tmp_path / "data", [("F2", "e01")])
    (folder / "about.json").write_text("{}")
    assert "remove about.json" in BiwiLayout().recognises(folder)


def test_templates_of_another_topology_refuse_their_recordings(tmp_path):
    folder = faceformer(tmp_path / "data", [("F2", "e01")])
    assert told(BiwiLayout(), folder) == {"F2_e01": "the template has another number of vertices"}

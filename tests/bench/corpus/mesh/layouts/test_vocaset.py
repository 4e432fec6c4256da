"""VOCASET’s layout: frames in the order of their numbers, the published split, tables without pickle."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest

from privtalk.bench.corpus.mesh.layouts import vocaset as voca
from privtalk.bench.corpus.mesh.layouts.recordings import (
    VALIDATION,
    MeshFault,
)
from privtalk.bench.corpus.mesh.layouts.vocaset import VocasetLayout
from privtalk.core.errors import UserError
from tests.bench.corpus.mesh.making import (
    VERTICES,
    faceformer,
    taken,
    told,
    vertices,
    write_regions,
    write_templates,
    write_wav,
)

ANN, ZOE, VAL = voca.TRAINED[0], voca.UNSEEN[0], voca.VALIDATED[0]
VOCASET = VocasetLayout(vertices=VERTICES)


def raw_vocaset(folder, frames=12):
    """All frames in one array, those of the second sentence first."""
    folder.mkdir()
    table: dict[str, dict[str, dict[str, int]]] = {}
    rows = []
    for person, sentence in [
        (ANN, "sentence02"),
        (ANN, "sentence01"),
        (ZOE, "sentence21"),
        (VAL, "sentence21"),
    ]:
        first = len(rows)
        rows += list(vertices(person, sentence, frames))
        numbers = {str(k): first + k for k in range(frames)}
        table.setdefault(person, {})[sentence] = dict(sorted(numbers.items()))
        write_wav(folder / "wav" / f"{person}_{sentence}.wav", frames / 60, rate=22000)
    np.save(folder / "data_verts.npy", np.stack(rows))
    (folder / "subj_seq_to_idx.json").write_text(json.dumps(table))
    write_templates(folder, [ANN, ZOE, VAL])
    write_regions(folder)
    return folder


def test_vocaset_keeps_every_second_frame_in_the_order_of_their_numbers(tmp_path):
    folder = raw_vocaset(tmp_path / "data")
    assert VOCASET.recognises(folder) is None
    found = taken(VOCASET, folder)
    np.testing.assert_allclose(found[f"{ANN}_sentence01"].motion(), vertices(ANN, "sentence01", 12)[::2])
    face = VOCASET.face(folder)
    assert (face.fps, face.unit, face.millimetres) == (30, "m", 1000)


def test_vocaset_splits_as_published(tmp_path):
    roles = told(VOCASET, raw_vocaset(tmp_path / "data"))
    assert [roles[k] for k in (f"{ANN}_sentence01", f"{ZOE}_sentence21", f"{VAL}_sentence21")] == [
        "train", "strangers", VALIDATION,
    ]  # fmt: skip
    everybody = (*voca.TRAINED, *voca.VALIDATED, *voca.UNSEEN, "FaceTalk_1_TA")
    roles = [voca.vocaset_role(p, f"sentence{k:02}") for p in everybody for k in range(1, 41)]
    assert [roles.count(role) for role in ("train", "test", "strangers", VALIDATION)] == [320, 0, 40, 40]


def test_vocaset_tests_sentences_that_notes_name(tmp_path):
    folder = raw_vocaset(tmp_path / "data")
    (folder / "about.json").write_text('{"test": ["sentence02"]}')
    roles = told(VOCASET, folder)
    assert (roles[f"{ANN}_sentence01"], roles[f"{ANN}_sentence02"]) == ("train", "test")
    (folder / "about.json").write_text('{"fps": 60}')
    with pytest.raises(UserError, match="all else is the data set's"):
        VOCASET.face(folder)


def test_files_derived_from_vocaset_hold_all_frames(tmp_path):
    folder = faceformer(tmp_path / "data", [(ANN, "sentence01")], frames=12, fps=60)
    assert VOCASET.recognises(folder) is None
    motion = taken(VOCASET, folder)[f"{ANN}_sentence01"].motion()
    np.testing.assert_allclose(motion, vertices(ANN, "sentence01", 12)[::2])


@pytest.mark.parametrize(
    ("missing", "wanted"),
    [("subj_seq_to_idx.json", r'write subj_seq_to_idx.json once from subj_seq_to_idx.pkl: {"<person>": {"sentence01"'),
     ("wav", "write wav/<person>_sentence01.wav, ... once from raw_audio_fixed.pkl")],
)  # fmt: skip
def test_vocaset_says_what_is_wanted_in_place_of_a_pickle(tmp_path, missing, wanted):
    folder = raw_vocaset(tmp_path / "data")
    (folder / missing).rename(tmp_path / "away")
    (folder / "subj_seq_to_idx.pkl").write_bytes(pickle.dumps({}))
    problem = VOCASET.recognises(folder)
    assert "a pickle is never opened" in problem
    assert wanted in problem


@pytest.mark.parametrize(
    ("rows", "why"),
    [({"0": 0, "1": 99}, "rows that are not there"), ({"0": 0, "1": -1}, "rows that are not there"),
     ({"0": 0, "2": 2}, "frames are missing"), ({"a": 0}, "without a number"), ([0, 1], "a row for each frame"),
     ({}, "not there")],
)  # fmt: skip
def test_a_bad_entry_of_the_table_refuses_its_sentence_alone(tmp_path, rows, why):
    folder = raw_vocaset(tmp_path / "data")
    table = json.loads((folder / "subj_seq_to_idx.json").read_text())
    table[ANN]["sentence01"] = rows
    (folder / "subj_seq_to_idx.json").write_text(json.dumps(table))
    found = taken(VOCASET, folder)
    with pytest.raises(MeshFault, match=why):
        found[f"{ANN}_sentence01"].motion()
    assert len(found[f"{ANN}_sentence02"].motion()) == 6

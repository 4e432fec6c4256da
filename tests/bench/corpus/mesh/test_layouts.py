"""Each layout: what is read, who plays which role, and the traps of its data set."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest

from privtalk.bench.corpus.mesh.layouts import vocaset as voca
from privtalk.bench.corpus.mesh.layouts.arkit import CHANNELS
from privtalk.bench.corpus.mesh.layouts.beat import BeatLayout, BeatName, beat_emotion, beat_part
from privtalk.bench.corpus.mesh.layouts.biwi import BiwiLayout, biwi_role
from privtalk.bench.corpus.mesh.layouts.dealing import MeshDeal
from privtalk.bench.corpus.mesh.layouts.etf import EtfLayout, etf_name
from privtalk.bench.corpus.mesh.layouts.faceformer import FaceFormerLayout
from privtalk.bench.corpus.mesh.layouts.files import MeshNotes
from privtalk.bench.corpus.mesh.layouts.recordings import (
    OUTSIDE,
    VALIDATION,
    MeshFault,
    MeshRecording,
    MeshRefusal,
)
from privtalk.bench.corpus.mesh.layouts.registry import LAYOUTS, find_layout
from privtalk.bench.corpus.mesh.layouts.vocaset import VocasetLayout
from privtalk.core.errors import UserError
from tests.bench.corpus.mesh.making import (
    VERTICES,
    faceformer,
    vertices,
    write_regions,
    write_templates,
    write_wav,
)

WEIGHTS = np.linspace(0, 1, 8 * 51).reshape(8, 51)


def told(layout, folder):
    """Name -> role, or the reason of the refusal."""
    return {
        each.name: each.role if isinstance(each, MeshRecording) else each.reason
        for each in layout.recordings(folder)
    }


def taken(layout, folder):
    return {each.name: each for each in layout.recordings(folder) if isinstance(each, MeshRecording)}


# The registry


def test_layouts_are_found_by_name_and_say_what_they_are():
    assert sorted(LAYOUTS) == ["3d_etf", "beat", "biwi", "faceformer", "vocaset"]
    with pytest.raises(UserError, match=r"unknown layout 'voca' \(did you mean vocaset\?\)"):
        find_layout("voca")
    for layout in LAYOUTS.values():
        assert layout.about
        assert layout.licence
        assert layout.citation
        assert layout.split


@pytest.mark.parametrize("name", sorted(LAYOUTS))
def test_an_empty_folder_is_of_no_layout(name, tmp_path):
    assert "no " in LAYOUTS[name].recognises(tmp_path)


# FaceFormer


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


# BIWI


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


# VOCASET


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


# BEAT


def beat(folder, stem, *, names=CHANNELS, values=WEIGHTS, times=None):
    folder.mkdir(exist_ok=True)
    frames = [
        {"weights": row.tolist()} | ({} if times is None else {"time": times[k]})
        for k, row in enumerate(values)
    ]
    (folder / f"{stem}.json").write_text(
        json.dumps({"frames": frames} | ({} if names is None else {"names": names}))
    )
    write_wav(folder / f"{stem}.wav", len(values) / 60)
    return folder


@pytest.mark.parametrize(
    ("first", "end", "emotion"),
    [(0, 64, "neutral"), (65, 72, "happy"), (73, 80, "angry"), (81, 86, "sad"), (87, 94, "contemptuous"),
     (95, 102, "surprised"), (103, 110, "afraid"), (111, 118, "disgusted")],
)  # fmt: skip
def test_both_ends_of_a_range_have_its_emotion(first, end, emotion):
    assert {beat_emotion(0, number) for number in range(first, end + 1)} == {emotion}
    with pytest.raises(MeshFault, match="id without an emotion"):
        beat_emotion(0, 119)


def test_conversations_are_neutral():
    assert beat_emotion(1, 70) == "neutral"


def test_beat_splits_as_published():
    parts = [beat_part(1, kind, k) for kind, last in ((0, 118), (1, 12)) for k in range(1, last + 1)]
    assert [parts.count(part) for part in ("train", "validation", "test", "")] == [98, 16, 16, 0]
    parts = [beat_part(5, kind, k) for kind, last in ((0, 118), (1, 12)) for k in range(1, last + 1)]
    assert [parts.count(part) for part in ("train", "validation", "test")] == [18, 4, 12]
    assert [beat_part(speaker, 1, 4) for speaker in (5, 29)] == ["", "train"]


@pytest.mark.parametrize(
    ("name", "role"),
    [(BeatName(1, "a", 0, 9, 16), "train"), (BeatName(1, "a", 0, 1, 8), "test"), (BeatName(5, "a", 0, 1, 8), "test"),
     (BeatName(5, "a", 0, 65, 65), "test"), (BeatName(1, "a", 0, 72, 72), VALIDATION),
     (BeatName(31, "a", 0, 9, 9), OUTSIDE),
     (BeatName(5, "a", 0, 17, 17), OUTSIDE), (BeatName(1, "a", 0, 9, 8), OUTSIDE),
     (BeatName(1, "a", 0, 8, 9), "the recording spans training and other parts of the official split"),
     (BeatName(1, "a", 2, 1, 1), "not English, so not in the official split")],
)  # fmt: skip
def test_a_whole_recording_has_one_role(name, role):
    assert name.role() == role


def test_beat_matches_weights_by_name(tmp_path):
    order = np.random.default_rng(1).permutation(51)
    shuffled = [CHANNELS[k] for k in order]
    renamed = [name[0].upper() + name[1:] for name in shuffled] + ["TongueOut"]
    values = np.column_stack([WEIGHTS[:, order], np.ones(8)])
    folder = beat(tmp_path / "data", "1_wayne_0_66_66", names=renamed, values=values)
    beat(folder / "2", "2_scott_0_72_72")
    layout = BeatLayout()
    assert layout.recognises(folder) is None
    found = taken(layout, folder)["1_wayne_0_66_66"]
    assert (found.identity, found.sentence, found.emotion, found.level) == ("1_wayne", "0_66_66", "happy", 1)
    np.testing.assert_allclose(found.motion(), WEIGHTS[::2], rtol=1e-6)
    assert (layout.face(folder).fps, layout.face(folder).channels) == (30, CHANNELS)
    assert told(layout, folder)["2_scott_0_72_72"] == VALIDATION


def test_beat_without_names_needs_them_told(tmp_path):
    folder = beat(tmp_path / "data", "1_wayne_0_9_9", names=None)
    with pytest.raises(MeshFault, match=r"does not name its weights; list them in names.json"):
        taken(BeatLayout(), folder)["1_wayne_0_9_9"].motion()
    (folder / "names.json").write_text(json.dumps(CHANNELS[::-1]))
    np.testing.assert_allclose(
        taken(BeatLayout(), folder)["1_wayne_0_9_9"].motion(), WEIGHTS[::2, ::-1], rtol=1e-6
    )
    (folder / "names.json").write_text(json.dumps(CHANNELS[1:]))
    with pytest.raises(
        UserError, match=r"names.json: not all of ARKit's weights by name \(no browDownLeft\)"
    ):
        taken(BeatLayout(), folder)


@pytest.mark.parametrize(
    ("content", "why"),
    [("[]", "no frames"), ('{"frames": []}', "no frames"), ("{", "not a readable JSON"),
     ('{"frames": [{"weights": [1]}], "names": ["jawOpen"]}', "not all of ARKit's"),
     ('{"frames": [{"weights": [1, 2]}], "names": ["jawOpen"]}', "another number of weights"),
     ('{"frames": [{"weights": [1]}, {"weights": [1, 2]}], "names": ["jawOpen"]}', "not equally many"),
     ('{"frames": [{"weights": [1, 1]}], "names": ["jawOpen", "JawOpen"]}', "the same name")],
)  # fmt: skip
def test_a_bad_recording_of_beat_is_refused(tmp_path, content, why):
    folder = beat(tmp_path / "data", "1_wayne_0_9_9")
    (folder / "1_wayne_0_9_9.json").write_text(content)
    with pytest.raises(MeshFault, match=why):
        taken(BeatLayout(), folder)["1_wayne_0_9_9"].motion()


def test_the_rate_of_beat_is_what_its_times_say(tmp_path):
    lengths = {}
    for rate in (60, 30):
        times = [k / rate for k in range(8)]
        folder = beat(tmp_path / str(rate), "1_wayne_0_9_9", times=times)
        lengths[rate] = len(taken(BeatLayout(), folder)["1_wayne_0_9_9"].motion())
    assert lengths == {60: 4, 30: 8}
    folder = beat(tmp_path / "odd", "1_wayne_0_9_9", times=[k / 10 for k in range(8)])
    with pytest.raises(MeshFault, match="not 60 or 30 a second"):
        taken(BeatLayout(), folder)["1_wayne_0_9_9"].motion()


def test_beat_names_the_folder_below(tmp_path):
    beat(tmp_path / "data", "notes")
    (tmp_path / "data" / "1").mkdir()
    beat(tmp_path / "data" / "1", "1_wayne_0_9_9")
    assert (
        BeatLayout().recognises(tmp_path) == f"its recordings stand one level below; name {tmp_path / 'data'}"
    )


# 3D-ETF


def etf(folder, *stems):
    folder.mkdir(exist_ok=True)
    for stem in stems:
        np.save(folder / f"{stem}.npy", np.column_stack([np.full(8, 9.0), WEIGHTS]).astype(np.float32))
        write_wav(folder / f"{stem}.wav", 8 / 30)
    return folder


def test_etf_drops_the_template_and_reads_feelings(tmp_path):
    folder = etf(tmp_path / "data", "03-01-05-02-01-02-11", "03-01-01-01-02-01-11", "03-01-04-01-01-01-22")
    layout = EtfLayout()
    assert layout.recognises(folder) is None
    found = taken(layout, folder)
    stems = ("03-01-05-02-01-02-11", "03-01-01-01-02-01-11", "03-01-04-01-01-01-22")
    angry, neutral, sad = (found[stem] for stem in stems)
    np.testing.assert_allclose(angry.motion(), WEIGHTS, rtol=1e-6)
    assert (angry.identity, angry.emotion, angry.level, angry.role) == ("actor_11", "angry", 2, "train")
    assert (neutral.emotion, neutral.level, neutral.role) == ("neutral", 0, "test")
    assert (sad.emotion, sad.level, sad.role) == ("sad", 1, "strangers")
    face = layout.face(folder)
    assert (face.channels, face.regions, face.displacements) == (CHANNELS, None, None)


def test_takes_of_one_statement_play_one_role(tmp_path):
    stems = [
        f"03-01-{mood:02}-01-{said:02}-{take:02}-05"
        for mood in range(1, 9)
        for said in (1, 2)
        for take in (1, 2)
    ]
    roles = told(EtfLayout(), etf(tmp_path / "data", *stems))
    assert {(stem[12:14], role) for stem, role in roles.items()} == {("01", "train"), ("02", "test")}


def test_videos_of_one_person_are_one_identity(tmp_path):
    assert etf_name("WDA_BenCardin0_000").identity == etf_name("WDA_BenCardin1_004").identity
    assert etf_name("RD_Radio10_000").identity != etf_name("RD_Radio11_000").identity
    stems = [f"WDA_AnnBee{video}_{cut:03}" for video in (0, 1) for cut in range(5)]
    roles = told(EtfLayout(), etf(tmp_path / "data", *stems))
    assert len(set(roles.values()) & {"strangers"}) in (0, 1)
    assert set(roles.values()) in ({"train", "test"}, {"strangers"})
    assert sum(role == "test" for role in roles.values()) in (0, 2)


def test_what_is_sung_is_refused(tmp_path):
    roles = told(EtfLayout(), etf(tmp_path / "data", "03-02-03-01-01-01-05", "03-01-09-01-01-01-05"))
    assert sorted(roles.values()) == ["a feeling that RAVDESS does not have", "sung, not spoken"]


def test_weights_of_another_order_are_refused(tmp_path):
    folder = etf(tmp_path / "data", "RD_Radio1_000")
    np.save(folder / "RD_Radio1_000.npy", WEIGHTS)
    assert "so that nobody knows which weight is which" in EtfLayout().recognises(folder)


def test_a_basis_gives_vertices(tmp_path):
    folder = etf(tmp_path / "data", "RD_Radio1_000")
    rows = np.random.default_rng(0).normal(size=(52, VERTICES * 3))
    np.savez(folder / "EmoTalk.npz", meanshape=np.arange(VERTICES * 3), blendshape=rows)
    with pytest.raises(UserError, match=r"no regions\.json"):
        EtfLayout().face(folder)
    write_regions(folder)
    face = EtfLayout().face(folder)
    np.testing.assert_allclose(face.displacements, rows.reshape(52, VERTICES, 3)[1:], rtol=1e-6)
    np.testing.assert_allclose(face.everybody.ravel(), np.arange(VERTICES * 3))
    np.savez(folder / "EmoTalk.npz", meanshape=np.arange(VERTICES * 3), blendshape=rows[:51])
    with pytest.raises(UserError, match=r"blendshape \[52, V \* 3\]"):
        EtfLayout().face(folder)


def test_refusals_come_as_such(tmp_path):
    [refusal] = EtfLayout().recordings(etf(tmp_path / "data", "03-02-03-01-01-01-05"))
    assert refusal == MeshRefusal(name="03-02-03-01-01-01-05", reason="sung, not spoken")

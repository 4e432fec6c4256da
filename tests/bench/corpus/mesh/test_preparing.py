"""Prepared corpora: what goes in comes out, one bad file stops nothing, and a second call does nothing twice."""

from __future__ import annotations

import json
import wave

import numpy as np
import pytest

from privtalk.bench import cli
from privtalk.bench.corpus.mesh import preparing, takes
from privtalk.bench.corpus.mesh.clip import NO_VISEME
from privtalk.bench.corpus.mesh.components import fit_components
from privtalk.bench.corpus.mesh.layouts.arkit import CHANNELS
from privtalk.bench.corpus.mesh.prepared import open_prepared
from privtalk.bench.corpus.mesh.preparing import prepare_meshes
from privtalk.bench.corpus.mesh.summary import by_reason, mesh_headline
from privtalk.bench.corpus.prepared.archive import StoreError
from privtalk.core.errors import UserError
from tests.bench.corpus.mesh.making import (
    REGIONS,
    VERTICES,
    WEIGHTS,
    etf,
    faceformer,
    template,
    vertices,
    write_regions,
    write_wav,
)

NAMES = [(person, f"q{k}") for person in ("ann", "ben", "cas") for k in range(4)]
"""cas is a stranger, q3 is tested."""


@pytest.fixture
def data(tmp_path):
    return faceformer(tmp_path / "data", NAMES)


def test_clips_come_back_as_they_went_in(data, tmp_path):
    steps = []
    summary = prepare_meshes(data, tmp_path / "out", "faceformer", advance=lambda *step: steps.append(step))
    assert (len(summary.taken), summary.refused) == (12, ())
    corpus = open_prepared(tmp_path / "out")
    assert corpus.spec == summary.spec
    assert (corpus.spec.speakers, corpus.spec.strangers) == (("ann", "ben"), ("cas",))
    assert (corpus.spec.has_mesh, corpus.spec.vertices, corpus.spec.fps) == (True, VERTICES, 30)
    assert [len(corpus.clips(role)) for role in ("train", "test", "strangers")] == [6, 2, 4]
    assert [index for index, _, _ in steps] == list(range(18))
    assert {total for _, total, _ in steps} == {18}
    for clip in corpus.clips("test"):
        moved = corpus.rig.vertices(clip.codes, clip.identity)
        np.testing.assert_allclose(moved, vertices(clip.identity, clip.sentence, 15), atol=1e-4)
        np.testing.assert_allclose(corpus.rig.template(clip.identity), template(clip.identity))
        assert len(clip.audio) == round(15 * 16000 / 30)
        assert clip.audio.dtype == clip.codes.dtype == np.float32
        assert np.abs(clip.audio).max() == pytest.approx(0.5, abs=0.01)
        assert (clip.fps, clip.emotion, clip.level, set(clip.visemes)) == (30, "neutral", 0, {NO_VISEME})
    regions = [corpus.rig.lips, corpus.rig.upper, corpus.rig.eyes]
    assert [region.tolist() for region in regions] == list(REGIONS.values())


def test_components_are_those_of_training_alone(data, tmp_path):
    prepare_meshes(data, tmp_path / "out", "faceformer", components=2)
    trained = [(p, f"q{k}") for p in ("ann", "ben") for k in range(3)]
    moved = np.concatenate([vertices(p, q, 15) - template(p) for p, q in trained])
    corpus = open_prepared(tmp_path / "out")
    np.testing.assert_allclose(corpus.rig.displacements, fit_components(moved, 2).displacements, atol=1e-5)
    assert corpus.rig.channels == ("component_1", "component_2")
    codes = np.concatenate([clip.codes for clip in corpus.clips("train")])
    np.testing.assert_allclose(codes.std(0), 1, atol=1e-3)
    errors, lips = [], []
    for clip in corpus.clips("test"):
        gone = vertices(clip.identity, clip.sentence, 15) - corpus.rig.vertices(clip.codes, clip.identity)
        errors.append(np.square(gone).sum(-1).mean())
        lips.append(np.square(gone[:, REGIONS["lips"]]).sum(-1).mean())
    assert corpus.spec.error("test") == pytest.approx(np.sqrt(np.mean(errors)), rel=1e-3)
    assert corpus.spec.error("test", lips=True) == pytest.approx(np.sqrt(np.mean(lips)), rel=1e-3)
    assert corpus.spec.error("test") > 1e-3


def spoil(data, name, change):
    path = data / "vertices_npy" / f"{name}.npy"
    moved = np.load(path)
    np.save(path, change(moved))


def not_finite(moved):
    moved[3, 4] = np.inf
    return moved


def test_one_bad_recording_never_stops_the_rest(data, tmp_path):
    spoil(data, "ann_q0", not_finite)
    spoil(data, "ann_q1", lambda moved: moved[:, :-3])
    spoil(data, "ben_q0", lambda moved: moved[:0])
    spoil(data, "ben_q1", lambda moved: moved.astype(np.float64) * 1e300)
    (data / "wav" / "ann_q2.wav").unlink()
    (data / "wav" / "cas_q0.wav").write_bytes(b"RIFF")
    write_wav(data / "wav" / "cas_q1.wav", 1.0)
    (data / "vertices_npy" / "cas_q2.npy").write_bytes(b"\x93NUMPY")
    summary = prepare_meshes(data, tmp_path / "out", "faceformer")
    told = {refusal.name: refusal.reason for refusal in summary.refused}
    assert told == {
        "ann_q0": "the motion holds NaN or infinite values",
        "ann_q1": "the motion has another number of vertices than the template",
        "ben_q0": "the motion has no frames",
        "ben_q1": "the motion holds NaN or infinite values",
        "ann_q2": "no wav of it",
        "ann_q3": preparing.UNTRAINED,
        "cas_q0": told["cas_q0"],
        "cas_q1": "motion and sound differ by more than 0.25 s",
        "cas_q2": "not a readable .npy file of plain numbers",
    }
    assert told["cas_q0"].startswith("the sound: ")
    assert [clip.file for clip in summary.taken] == ["ben_q2.npz", "ben_q3.npz", "cas_q3.npz"]
    assert [len(group) for group in by_reason(summary).values()] == [2, 1, 1, 1, 1, 1, 1, 1]
    assert mesh_headline(summary).startswith("3 recordings taken, 9 refused: ")
    detail = {refusal.name: refusal.detail for refusal in summary.refused}
    assert detail["ann_q1"] == "5, not 6"
    assert detail["cas_q1"] == "0.50 s of motion at 30 frames a second, 1.00 s of sound"


def test_a_wrong_rate_is_refused_by_the_sound(tmp_path):
    data = faceformer(tmp_path / "data", NAMES, frames=60, fps=60)
    summary = prepare_meshes(data, tmp_path / "out", "faceformer")
    told = {refusal.reason for refusal in summary.refused if refusal.name in ("ann_q0", "ben_q2")}
    assert (summary.spec, told) == (None, {"motion and sound differ by more than 0.25 s"})
    assert len(summary.refused) == 12
    assert not (tmp_path / "out" / "corpus.json").exists()


@pytest.mark.parametrize(("rate", "channels"), [(16000, 2), (22000, 1), (48000, 2), (8000, 1)])
def test_sound_of_any_kind_becomes_mono_at_16_khz(data, tmp_path, rate, channels):
    write_wav(data / "wav" / "ann_q3.wav", 0.5, rate=rate, channels=channels)
    prepare_meshes(data, tmp_path / "out", "faceformer")
    [clip, _] = open_prepared(tmp_path / "out").clips("test")
    tone = 0.5 * np.sin(2 * np.pi * 220 * np.arange(8000) / 16000)
    assert clip.audio.shape == tone.shape
    assert np.abs(clip.audio - tone)[400:-400].max() < 0.02


@pytest.mark.parametrize(("seconds", "frames"), [(0.4, 12), (0.6, 15), (0.5, 15)])
def test_motion_and_sound_have_one_length(data, tmp_path, seconds, frames):
    write_wav(data / "wav" / "ann_q3.wav", seconds)
    prepare_meshes(data, tmp_path / "out", "faceformer")
    [clip, _] = open_prepared(tmp_path / "out").clips("test")
    assert (len(clip), len(clip.audio)) == (frames, round(frames * 16000 / 30))


# Again


def test_a_second_call_makes_nothing_anew(data, tmp_path, monkeypatch):
    first = prepare_meshes(data, tmp_path / "out", "faceformer")
    kept = open_prepared(tmp_path / "out").hash
    monkeypatch.setattr(preparing, "read_take", lambda *_: pytest.fail("read again"))
    assert prepare_meshes(data, tmp_path / "out", "faceformer").spec == first.spec
    assert open_prepared(tmp_path / "out").hash == kept


def test_an_interrupted_call_goes_on_where_it_stopped(data, tmp_path, monkeypatch):
    read = []

    def interrupted(recording, face):
        read.append(recording.name)
        if len(read) == 10:
            raise KeyboardInterrupt
        return takes.read_take(recording, face)

    monkeypatch.setattr(preparing, "read_take", interrupted)
    with pytest.raises(KeyboardInterrupt):
        prepare_meshes(data, tmp_path / "out", "faceformer")
    with pytest.raises(UserError, match=r"no corpus\.json in it"):
        open_prepared(tmp_path / "out")
    prepare_meshes(data, tmp_path / "out", "faceformer")
    assert len(read) == 10 + 12 - 3  # six for the components, three clips that stand
    whole = open_prepared(tmp_path / "out")
    prepare_meshes(data, tmp_path / "once", "faceformer")
    assert open_prepared(tmp_path / "once").hash == whole.hash


def test_what_changed_is_made_again_and_what_left_is_gone(data, tmp_path):
    prepare_meshes(data, tmp_path / "out", "faceformer")
    before = open_prepared(tmp_path / "out")
    write_wav(data / "wav" / "cas_q1.wav", 0.5, hertz=440)
    (data / "vertices_npy" / "cas_q2.npy").unlink()
    prepare_meshes(data, tmp_path / "out", "faceformer")
    after = open_prepared(tmp_path / "out")
    assert after.hash != before.hash
    changed = {clip.file for clip in before.spec.clips} - {
        c.file for c in after.spec.clips if c in before.spec.clips
    }
    assert changed == {"cas_q1.npz", "cas_q2.npz"}
    assert not (tmp_path / "out" / "clips" / "cas_q2.npz").exists()


def test_other_components_are_another_corpus(data, tmp_path):
    prepare_meshes(data, tmp_path / "out", "faceformer")
    before = open_prepared(tmp_path / "out")
    prepare_meshes(data, tmp_path / "out", "faceformer", components=1)
    after = open_prepared(tmp_path / "out")
    assert (len(before.rig.channels), len(after.rig.channels)) == (3, 1)
    assert after.clips("train")[0].codes.shape == (15, 1)


# Weights


def test_weights_alone_give_channels_and_no_mesh(tmp_path):
    data = etf(tmp_path / "data", "03-01-05-02-01-01-11", "03-01-05-02-02-01-11", "03-01-04-01-01-01-22")
    prepare_meshes(data, tmp_path / "out", "3d_etf")
    corpus = open_prepared(tmp_path / "out")
    assert (corpus.spec.has_mesh, corpus.spec.vertices, corpus.rig.channels) == (False, 0, CHANNELS)
    assert corpus.spec.emotions == ("neutral", "angry", "sad")
    [clip] = corpus.clips("train")
    np.testing.assert_allclose(clip.codes, WEIGHTS, rtol=1e-6)
    assert (clip.emotion, clip.level) == ("angry", 2)
    assert corpus.rig.vertices(clip.codes, clip.identity).shape == (8, 0, 3)
    assert corpus.rig.basis().shape == (51, 0, 3)
    assert not len(corpus.rig.lips)
    assert corpus.spec.error("train") is None


def test_weights_with_a_basis_move_a_mesh(tmp_path):
    data = etf(tmp_path / "data", "03-01-05-02-01-01-11", "03-01-05-02-02-01-11")
    rows = np.random.default_rng(0).normal(size=(52, VERTICES * 3)).astype(np.float32)
    mean = np.arange(VERTICES * 3, dtype=np.float32)
    np.savez(data / "EmoTalk.npz", meanshape=mean, blendshape=rows)
    write_regions(data)
    prepare_meshes(data, tmp_path / "out", "3d_etf")
    corpus = open_prepared(tmp_path / "out")
    assert corpus.spec.has_mesh
    [clip] = corpus.clips("train")
    np.testing.assert_allclose(
        corpus.rig.vertices(clip.codes, clip.identity).reshape(8, -1), WEIGHTS @ rows[1:] + mean, atol=1e-4
    )


# Mistakes


def test_folders_that_cannot_be_are_one_line(data, tmp_path):
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "prepare.json").write_text("{}")
    for source, out, why in [
        (tmp_path / "none", tmp_path / "out", "not a folder"),
        (data, data / "out", "choose a folder outside the data"),
        (data, tmp_path / "videos", "holds prepared videos"),
        (
            tmp_path,
            tmp_path.parent / "out",
            "not of the layout faceformer: vertices_npy stands one level below",
        ),
    ]:
        with pytest.raises(UserError, match=why):
            prepare_meshes(source, out, "faceformer")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["rig.npz", "clips/ann_q0.npz"])
def test_a_damaged_file_is_named(data, tmp_path, name):
    prepare_meshes(data, tmp_path / "out", "faceformer")
    path = tmp_path / "out" / name
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    with pytest.raises(StoreError, match=r"its sha256 is not the one that corpus.json holds"):
        open_prepared(tmp_path / "out").clips("train")
    path.unlink()
    with pytest.raises(StoreError, match="not readable"):
        open_prepared(tmp_path / "out").clips("train")
    prepare_meshes(data, tmp_path / "out", "faceformer")
    assert len(open_prepared(tmp_path / "out").clips("train")) == 6


def test_a_corpus_of_another_kind_is_one_line(data, tmp_path):
    prepare_meshes(data, tmp_path / "out", "faceformer")
    path = tmp_path / "out" / "corpus.json"
    spec = json.loads(path.read_text())
    path.write_text(json.dumps(spec | {"format": 2}))
    with pytest.raises(UserError, match="format 2, this version reads 1"):
        open_prepared(tmp_path / "out")
    path.write_text("{}")
    with pytest.raises(StoreError, match="not a corpus of moving faces"):
        open_prepared(tmp_path / "out")
    spec["clips"][0]["file"] = "../../rig.npz"
    path.write_text(json.dumps(spec))
    with pytest.raises(StoreError, match="not a corpus of moving faces"):
        open_prepared(tmp_path / "out")


def test_a_broken_ledger_costs_time_and_no_more(data, tmp_path):
    first = prepare_meshes(data, tmp_path / "out", "faceformer")
    (tmp_path / "out" / "ledger.json").write_text("{")
    assert prepare_meshes(data, tmp_path / "out", "faceformer").spec == first.spec


# The command


def test_the_command_tells_what_was_taken_and_what_comes_next(data, tmp_path, capsys):
    (data / "wav" / "cas_q1.wav").unlink()
    out = tmp_path / "out"
    assert cli.guarded(["data", "prepare", str(data), "--layout", "faceformer", "-o", str(out)]) == 0
    said = capsys.readouterr().out
    assert "11 recordings taken, 1 refused" in said
    assert "no wav of it" in said
    assert f"next: bench run --suite speech_3d --corpus {out}" in said
    assert "look twice" not in said


def test_the_command_says_that_nobody_is_tested(tmp_path, capsys):
    data = faceformer(tmp_path / "data", [(person, "q0") for person in ("ann", "ben")])
    assert (
        cli.guarded(["data", "prepare", str(data), "--layout", "faceformer", "-o", str(tmp_path / "out")])
        == 0
    )
    assert 'as in {"test": [...]}' in capsys.readouterr().out


def test_the_command_fails_where_nothing_is_taken(data, tmp_path, capsys):
    for path in (data / "wav").iterdir():
        with wave.open(str(path), "wb") as file:
            file.setparams((1, 2, 16000, 0, "NONE", ""))
    assert (
        cli.guarded(["data", "prepare", str(data), "--layout", "faceformer", "-o", str(tmp_path / "out")])
        == 2
    )
    assert "0 recordings taken, 12 refused" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "why"),
    [(["--layout", "biwl"], "unknown layout 'biwl' (did you mean biwi?)"),
     (["--layout", "beat"], "not of the layout beat"),
     (["--layout", "biwi", "--detector", "x.onnx"], "leave --detector, --landmarks and --public out")],
)  # fmt: skip
def test_a_mistake_is_one_line(data, tmp_path, capsys, options, why):
    assert cli.guarded(["data", "prepare", str(data), "-o", str(tmp_path / "out"), *options]) == 2
    said = capsys.readouterr()
    assert why in said.err.replace("\n", " ")
    assert "Traceback" not in said.err

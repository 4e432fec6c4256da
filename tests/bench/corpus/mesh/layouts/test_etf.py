"""3D-ETF’s layout: feelings by file name, one person one identity, a basis that gives vertices."""

from __future__ import annotations

import numpy as np
import pytest

from privtalk.bench.corpus.mesh.layouts.arkit import CHANNELS
from privtalk.bench.corpus.mesh.layouts.etf import EtfLayout, etf_name
from privtalk.bench.corpus.mesh.layouts.recordings import (
    MeshRefusal,
)
from privtalk.core.errors import UserError
from tests.bench.corpus.mesh.making import (
    VERTICES,
    WEIGHTS,
    etf,
    taken,
    told,
    write_regions,
)


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

"""A federation learns nothing of its clients but what they send, and says so where nobody sends anything."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from privtalk.bench.tasks.speech_3d import footage
from privtalk.bench.tasks.speech_3d.federating import mechanism, message_attacks, of_faces, setting
from privtalk.bench.tasks.speech_3d.footage import open_meshes, open_publicly, public_faces
from privtalk.bench.tasks.speech_3d.lessons import corpus_of, heard, kept_rounds, lesson_of, opened
from privtalk.core.records import RunStore
from privtalk.methods.speech_3d.federated import FederatedRound
from tests.bench.tasks.speech_3d.planned import cells_of

FACES = 12
"""The default."""


@pytest.fixture(scope="module")
def rows(together):
    return {(cell.method, cell.tier): cell for cell in cells_of(together)}


def test_what_devices_start_from_does_not_move_with_their_own_clips(rows, monkeypatch):
    cell = rows["federated", "none"]
    corpus = open_meshes(cell.corpus)
    train = corpus.parts["train"]
    other = replace(train, codes=train.codes * 3 + 1)
    before = open_publicly(cell.corpus, FACES).scale
    changed = corpus._replace(parts={**corpus.parts, "train": other})
    open_publicly.cache_clear()
    monkeypatch.setattr(footage, "open_meshes", lambda spec: changed)
    after = open_publicly(cell.corpus, FACES).scale
    open_publicly.cache_clear()
    assert torch.equal(before.mean, after.mean)
    assert torch.equal(before.spread, after.spread)
    assert torch.equal(before.root, after.root)


def test_rows_of_a_federation_know_the_public_scale_and_others_that_of_all_speakers(rows):
    public = open_publicly(rows["federated", "none"].corpus, FACES).scale
    own = open_meshes(rows["federated", "none"].corpus).scale
    assert not torch.equal(public.mean, own.mean)
    for method in ("federated", "federated_base"):
        cell = rows[method, "none"]
        assert torch.equal(corpus_of(cell).scale.mean, public.mean)
        codes = heard(cell, "test").codes
        true = torch.from_numpy(corpus_of(cell).parts["test"].codes)
        assert torch.allclose(codes, public.standard(true))
    assert torch.equal(corpus_of(rows["regressor", "none"]).scale.mean, own.mean)


def test_a_base_learns_from_the_faces_that_are_public_and_from_no_others(rows, monkeypatch):
    """Scale, libraries and clips are of these; another face that moves otherwise changes nothing."""
    cell = rows["federated_base", "none"]
    corpus = corpus_of(cell)
    faces = public_faces(corpus, 3)
    clips = of_faces(corpus, heard(cell, "public"), 3)
    owned = [name in faces for name in corpus.parts["public"].people]
    assert torch.equal(clips.codes, heard(cell, "public").codes[torch.tensor(owned)])
    assert sorted(set(clips.speech.speaker.tolist())) == [0, 1, 2]
    public = corpus.parts["public"]
    codes = np.where(np.array(owned)[:, None, None], public.codes, 3 * public.codes + 1)
    changed = corpus._replace(parts={**corpus.parts, "public": replace(public, codes=codes)})
    open_publicly.cache_clear()
    before = open_publicly(cell.corpus, 3).scale
    monkeypatch.setattr(footage, "open_meshes", lambda spec: changed)
    open_publicly.cache_clear()
    assert torch.equal(before.mean, open_publicly(cell.corpus, 3).scale.mean)
    assert not torch.equal(before.mean, open_publicly(cell.corpus, 4).scale.mean)
    open_publicly.cache_clear()


def test_the_base_of_a_federation_is_the_row_of_that_name_trained_once(rows):
    base = lesson_of(rows["federated_base", "none"])
    for name, tier in rows:
        if name == "federated":
            assert base.path in [parent.path for parent in lesson_of(rows[name, tier]).parents]


def test_where_nobody_took_part_the_attacks_say_so(rows):
    cell = rows["federated", "none"]
    corpus = corpus_of(cell)
    network = opened(cell, corpus)
    empty = FederatedRound(0, network.theta, (), torch.zeros(0, network.adapter.size))
    found = message_attacks(cell, corpus, network, [empty], heard(cell, "test"), heard(cell, "strangers"))
    assert set(found) == {"fedmia", "update_cosine"}
    for attack in found.values():
        assert not attack.valid or attack.auc.value is None
        assert "nobody took part" in attack.auc.missing


def test_a_device_holds_the_base_the_adapter_and_one_embedding(together, rows):
    cell = rows["federated", "none"]
    network = opened(cell, corpus_of(cell))
    record = next(r for r in RunStore(together) if (r.method, r.tier) == ("federated", "none"))
    base = next(r for r in RunStore(together) if r.method == "federated_base")
    width = network.embeddings.shape[1]
    assert len(network.embeddings) > 1
    assert record.efficiency.trainable == network.adapter.size + width
    assert record.efficiency.needed == base.efficiency.needed + network.adapter.size + width
    assert np.isfinite(record.efficiency.macs_per_frame)


def test_the_noise_of_a_tier_costs_its_epsilon_and_no_more(rows):
    cell = rows["federated", "eps=8"]
    asked = setting(cell, 12, 500)
    spent = asked.epsilon(mechanism(cell, 12, 500).noise_multiplier)
    assert 0.99 * 8 <= spent <= 8


def test_the_rounds_that_were_played_had_the_noise_that_is_booked(rows):
    """Of the very run: what the server's adapter moved by, less what clients sent, is noise of the booked spread."""
    cell = rows["federated", "eps=8"]
    rounds = kept_rounds(cell)
    used = mechanism(cell, cell.corpus.speakers, rounds[0].messages.shape[1])
    expected = cell.federation.rate * cell.corpus.speakers
    assert all((r.messages.norm(dim=1) <= cell.federation.clip * (1 + 1e-5)).all() for r in rounds)
    moved = rounds[1].adapter - rounds[0].adapter
    noise = expected * moved / cell.federation.server_lr - rounds[0].messages.sum(0)
    assert float(noise.std()) == pytest.approx(used.noise_multiplier * cell.federation.clip, rel=0.15)
    plain = kept_rounds(rows["federated", "none"])
    moved = plain[1].adapter - plain[0].adapter
    assert torch.allclose(expected * moved, plain[0].messages.sum(0), atol=1e-4)

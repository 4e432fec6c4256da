"""The features by which single systems differ: partners, readers, tables of speakers, and what a library is told."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from privtalk.core.errors import UserError
from privtalk.methods.speech_3d import unitalker
from privtalk.methods.speech_3d.data import UNKNOWN
from privtalk.methods.speech_3d.emotalk import _partners
from privtalk.methods.speech_3d.layers import TemporalBlock, distance_bias
from privtalk.methods.speech_3d.method import SpeakerTable
from privtalk.methods.speech_3d.personaliser import CONTRASTIVE, LEVELS
from privtalk.methods.speech_3d.registry import FEDERATED_METHODS, SPEECH_METHODS, find_speech_method
from privtalk.methods.speech_3d.speech_encoder import ContentEncoder
from tests.methods.speech_3d.clips import CHANNELS, SCALE, clips, network

NOISE = torch.randn(6, 12, CHANNELS, generator=torch.Generator().manual_seed(1))


@given(st.lists(st.integers(0, 3), min_size=1, max_size=12))
def test_partners_have_the_same_emotion_and_take_turns(kinds):
    kind = torch.tensor(kinds)
    partner = _partners(kind)
    assert torch.equal(kind[partner], kind)
    assert sorted(partner.tolist()) == list(range(len(kinds)))
    alone = torch.tensor([kinds.count(one) == 1 for one in kinds])
    assert torch.equal(partner == torch.arange(len(kinds)), alone)


def test_emotalk_is_told_of_motion_with_a_partners_emotion():
    made, batch = network("emotalk"), clips()
    generator = torch.Generator()
    together = float(made.losses(batch, SCALE, generator)["cross"].detach())
    apart = replace(batch, emotion=torch.arange(6))  # nobody shares an emotion: it is its own partner
    made.classify = torch.nn.Linear(8, 6)
    alone = made.losses(apart, SCALE, generator)
    assert float(alone["cross"].detach()) == pytest.approx(0.5 * float(alone["motion"].detach()), rel=1e-5)
    assert together != pytest.approx(float(alone["cross"].detach()), rel=1e-6)


def test_a_stranger_has_the_mean_of_all_speakers_and_leaves_others_theirs():
    table = SpeakerTable(4, 6)
    found = table(torch.tensor([2, UNKNOWN, 0]))
    assert torch.equal(found[[0, 2]], table.weight[[2, 0]])
    assert torch.allclose(found[1], table.weight.mean(0))


def test_unitalkers_pivot_learns_from_some_clips_alone(monkeypatch):
    made = network("unitalker")

    def pivots_gradient(chance: float) -> torch.Tensor:
        monkeypatch.setattr(unitalker, "PIVOT", chance)
        made.zero_grad()
        found = made.losses(clips(), SCALE, torch.Generator().manual_seed(0))
        torch.stack(list(found.values())).sum().backward()
        return made.identity.weight.grad

    never, always = pivots_gradient(0.0).clone(), pivots_gradient(1.0).clone()
    assert not never[3].any()
    assert never[:3].any()
    assert always[3].any()
    assert not always[:3].any()


def test_selftalks_reader_passes_over_frames_of_which_nobody_knows_what_is_said():
    made, batch, generator = network("selftalk"), clips(), torch.Generator()
    nobody = replace(batch, visemes=torch.full_like(batch.visemes, UNKNOWN))
    found = made.losses(nobody, SCALE, generator)
    assert float(found["read"].detach()) == 0
    half = batch.visemes.clone()
    half[3:] = UNKNOWN
    known = batch.windows(torch.arange(3), torch.zeros(3, dtype=torch.int64), 12)
    some = float(made.losses(replace(batch, visemes=half), SCALE, generator)["read"].detach())
    assert some == pytest.approx(float(made.losses(known, SCALE, generator)["read"].detach()), rel=1e-4)


def test_half_of_the_clips_have_the_true_embedding_and_half_what_is_heard():
    made, batch = network("teacher"), clips()
    looked, loss = made.personaliser.given(batch)
    heard = made.personaliser.look_up(batch.speech.mel)
    own = made.personaliser.identity.entries[batch.speech.speaker]
    feeling = made.personaliser.emotion.entries[batch.emotion * LEVELS + batch.level]
    for found, true, sounding in (
        (looked.identity, own, heard.identity),
        (looked.emotion, feeling, heard.emotion),
    ):
        assert torch.equal(found[::2], true[::2])
        assert torch.allclose(found[1::2], sounding[1::2], atol=1e-6)
    named = torch.nn.functional.cross_entropy
    scores = made.personaliser.identity.scores(batch.speech.mel)
    felt = made.personaliser.emotion.scores(batch.speech.mel)
    expected = named(scores, batch.speech.speaker) + named(felt, batch.emotion * LEVELS + batch.level)
    assert float(loss.detach()) == pytest.approx(CONTRASTIVE * float(expected.detach()), rel=1e-5)


def test_a_personaliser_without_libraries_tells_nothing_and_has_no_contrast():
    made, batch = network("teacher", identity=False, emotion=False), clips()
    looked, loss = made.personaliser.given(batch)
    assert not looked.identity.any()
    assert not looked.emotion.any()
    assert float(loss) == 0


def test_the_regressor_sees_no_noise_and_trains_at_none():
    made, batch = network("regressor"), clips()
    with torch.no_grad():
        assert torch.equal(made.animate(batch.speech, NOISE, 2), made.animate(batch.speech, 0 * NOISE, 16))
    found = [made.losses(batch, SCALE, torch.Generator().manual_seed(seed))["motion"] for seed in (0, 1)]
    assert torch.equal(*found)


def test_the_teacher_trains_at_all_times(monkeypatch):
    made, seen = network("teacher"), []
    forward = made.decoder.forward
    monkeypatch.setattr(
        made.decoder, "forward", lambda z, t, heard: (seen.append(t), forward(z, t, heard))[1]
    )
    generator = torch.Generator().manual_seed(0)
    for _ in range(30):
        made.losses(clips(), SCALE, generator)
    times = torch.cat(seen)
    assert times.unique().numel() == len(times)
    assert 0.02 <= times.min() < 0.1
    assert 0.9 < times.max() <= 1


def test_a_student_is_distilled_at_the_times_at_which_it_will_stand(monkeypatch):
    student, teacher, seen = network("diffusiontalker"), network("teacher", 1), []
    forward = student.decoder.forward
    monkeypatch.setattr(
        student.decoder, "forward", lambda z, t, heard: (seen.append(t), forward(z, t, heard))[1]
    )
    for seed in range(20):
        student.distilled(teacher, clips(), SCALE, 4, torch.Generator().manual_seed(seed))
    assert set(torch.cat(seen).tolist()) == {0.25, 0.5, 0.75, 1.0}


def test_the_speech_encoder_learns_visemes_and_passes_over_unknown_ones():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        encoder = ContentEncoder(16, 4)
    mel, said = clips().speech.mel, clips().visemes.clone()
    said[:, 6:] = UNKNOWN
    before = encoder.loss(mel, said)
    said_otherwise = clips().visemes
    scores = encoder.head(encoder(mel))[:, :6].flatten(0, 1)
    expected = torch.nn.functional.cross_entropy(scores, said_otherwise[:, :6].flatten())
    assert torch.allclose(before, expected, atol=1e-5)
    right = (scores.argmax(-1) == said_otherwise[:, :6].flatten()).float().mean()
    assert encoder.accuracy(mel, said) == pytest.approx(float(right), abs=1e-6)


@given(st.integers(2, 30), st.sampled_from([1, 2, 4]))
def test_attention_falls_with_distance_and_heads_differ(frames, heads):
    bias = distance_bias(frames, heads)
    assert (bias.diagonal(dim1=1, dim2=2) == 0).all()
    assert torch.equal(bias, bias.transpose(1, 2))
    assert (bias[:, 0].diff(dim=-1) < 0).all()
    assert len(set(bias[:, 0, 1].tolist())) == heads
    causal = distance_bias(frames, heads, causal=True)
    assert torch.isinf(causal).equal(torch.ones(frames, frames).triu(1).bool().expand(heads, -1, -1))


@pytest.mark.parametrize("dilation", [1, 2, 4])
def test_a_convolution_over_time_reaches_as_far_as_it_says(dilation):
    block = TemporalBlock(8, dilation)
    x = torch.randn(1, 20, 8, generator=torch.Generator().manual_seed(0)).requires_grad_(True)
    block(x)[0, 10].sum().backward()
    reached = torch.nonzero(x.grad[0].abs().sum(-1))[:, 0].tolist()
    assert reached == [10 - dilation, 10, 10 + dilation]


def test_systems_are_found_by_name_and_a_misspelt_one_is_told_in_a_line():
    for name, cls in (SPEECH_METHODS | FEDERATED_METHODS).items():
        assert find_speech_method(name) is cls
        assert cls.name == name
        assert cls.about
    with pytest.raises(UserError, match="did you mean unitalker"):
        find_speech_method("unitalkr")

"""The parts that make systems what they are."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from privtalk.methods.speech_3d.data import UNKNOWN, mel_of, motion_scale
from privtalk.methods.speech_3d.diffusiontalker import DiffusionTalker
from privtalk.methods.speech_3d.enhancer import Enhancer
from privtalk.methods.speech_3d.layers import distance_bias
from privtalk.methods.speech_3d.optimisation import descend
from privtalk.methods.speech_3d.personaliser import Library
from tests.methods.speech_3d.clips import CHANNELS, NETWORK, SCALE, clips, network


def animated(made, speech, steps=2):
    noise = torch.randn(len(speech), speech.frames, CHANNELS, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        return made.animate(speech, noise, steps)


def trained(name, steps=3):
    made, batch, generator = network(name), clips(), torch.Generator().manual_seed(3)
    descend(made, lambda: made.losses(batch, SCALE, generator), steps, 1e-2)
    return made.eval()


def test_faceformer_never_hears_the_future():
    made, speech = trained("faceformer"), clips().speech
    later = speech.content.clone()
    later[:, 7:] += 1
    first, second = animated(made, speech), animated(made, replace(speech, content=later))
    assert torch.allclose(first[:, :7], second[:, :7], atol=1e-6)
    assert not torch.allclose(first[:, 7:], second[:, 7:], atol=1e-3)


def test_faceformer_attends_as_one_masked_attention_over_what_it_made():
    """The frames once more, all at once: queries, keys and values of the motion that it made, under the causal bias."""
    made, speech = trained("faceformer"), clips(2, 9).speech
    with torch.no_grad():
        motion = animated(made, speech)
        before = torch.cat([torch.zeros(2, 1, CHANNELS), motion[:, :-1]], 1)
        from privtalk.methods.speech_3d.faceformer import PERIOD
        from privtalk.methods.speech_3d.layers import periodic_positions

        x = made.enter(before) + made.style(speech.speaker)[:, None]
        x = x + periodic_positions(9, PERIOD, NETWORK.width)
        q, k, v = (
            part.unflatten(-1, (NETWORK.heads, -1)).transpose(1, 2)
            for part in made.mixing(made.norm(x)).chunk(3, -1)
        )
        scores = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5 + distance_bias(9, NETWORK.heads, causal=True)
        seen = (scores.softmax(-1) @ v).transpose(1, 2).flatten(2)
        x = x + made.out(seen) + made.aligned(speech.content)
        again = made.leave(x + made.wide(made.last(x)))
    assert torch.allclose(again, motion, atol=1e-5)


def test_facediffuser_as_released_makes_the_same_motion_and_listens_at_every_step():
    made, speech = trained("facediffuser_released"), clips().speech
    cached = animated(made, speech, 5)
    heard = []

    def listen(mel):
        heard.append(mel)
        return speech.content

    made.listen = listen
    assert torch.equal(animated(made, speech, 5), cached)
    assert len(heard) == 5


def test_unitalkers_strangers_are_spoken_by_the_pivot():
    made, speech = trained("unitalker"), clips().speech
    strange = replace(speech, speaker=torch.full((6,), UNKNOWN))
    with torch.no_grad():
        made.identity.weight[:3] = 5.0
        before = animated(made, strange)
        made.identity.weight[3] += 1.0
    assert not torch.allclose(before, animated(made, strange))


def test_the_published_teacher_has_no_enhancer_and_the_student_its_own_ears():
    assert network("teacher").enhancer is None
    assert network("teacher_enhanced").enhancer is not None
    assert network("teacher").encoder is None
    student = network("diffusiontalker")
    assert student.encoder is not None
    silent = replace(clips().speech, content=torch.zeros(6, 12, NETWORK.content))
    assert torch.equal(animated(student, silent), animated(student, clips().speech))


@pytest.mark.parametrize("part", ["identity", "emotion"])
def test_a_part_that_is_left_out_is_not_there(part):
    made = network("diffusiontalker", **{part: False})
    assert getattr(made.personaliser, part) is None
    assert not [name for name, _ in made.named_parameters() if name.startswith(f"personaliser.{part}")]
    assert torch.isfinite(animated(made, clips().speech)).all()


def test_a_student_without_a_teacher_trains_at_its_own_two_times(monkeypatch):
    made, seen = network("scratch"), []
    forward = made.decoder.forward
    monkeypatch.setattr(
        made.decoder, "forward", lambda z, t, heard: (seen.append(t), forward(z, t, heard))[1]
    )
    for seed in range(20):
        made.losses(clips(), SCALE, torch.Generator().manual_seed(seed))
    assert set(torch.cat(seen).tolist()) == {0.5, 1.0}


def test_distillation_moves_the_student_and_not_the_teacher():
    teacher, student, batch = trained("teacher"), network("diffusiontalker", 1), clips()
    teacher.requires_grad_(False)
    before = {name: value.clone() for name, value in teacher.state_dict().items()}
    student.load_state_dict(teacher.state_dict(), strict=False)

    def apart() -> float:
        fixed = torch.Generator().manual_seed(5)
        assert isinstance(student, DiffusionTalker)
        return float(student.distilled(teacher, batch, SCALE, 2, fixed)["motion"].detach())

    first, generator = apart(), torch.Generator().manual_seed(0)
    descend(student, lambda: student.distilled(teacher, batch, SCALE, 2, generator), 60, 5e-3)
    assert apart() < 0.7 * first
    assert all(torch.equal(before[name], value) for name, value in teacher.state_dict().items())


def test_a_library_names_whom_it_heard_in_training():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        library = Library(3, NETWORK)
    generator = torch.Generator().manual_seed(0)
    tone = torch.randn(3, 1, 32, generator=generator)
    who = torch.arange(30) % 3

    def sounds():
        return tone[who] + 0.3 * torch.randn(30, 24, 32, generator=generator)

    def loss():
        return {"contrast": torch.nn.functional.cross_entropy(library.scores(sounds()), who)}

    descend(library, loss, 60, 1e-2)
    assert (library.scores(sounds()).argmax(-1) == who).all()
    assert torch.allclose(library.look_up(sounds()), library.entries[who], atol=0.3)


def test_the_enhancer_is_at_chance_on_noise_and_finds_what_belongs_together():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        enhancer = Enhancer(8, CHANNELS, 8)
    generator, n = torch.Generator().manual_seed(0), 16
    codes = torch.randn(n, 1, CHANNELS, generator=generator).expand(-1, 10, -1) + 0.01 * torch.randn(
        n, 10, CHANNELS, generator=generator
    )
    upper = SCALE.upper
    features = torch.cat([codes, torch.zeros(n, 10, 3)], -1)
    chance = float(enhancer(features, codes, upper).detach())
    assert chance == pytest.approx(math.log(n), abs=1.5)
    descend(enhancer, lambda: {"pair": enhancer(features, codes, upper)}, 200, 1e-2)
    assert float(enhancer(features, codes, upper).detach()) < 0.5 * math.log(n)
    moved = codes.clone()
    moved[..., :2] += 3  # the mouth is nothing to it
    assert torch.allclose(enhancer(features, moved, upper), enhancer(features, codes, upper))


def test_codes_are_weighed_by_how_far_they_move_vertices():
    rng = np.random.default_rng(0)
    codes = rng.normal(size=(400, 3)).astype(np.float32) * np.array([1, 2, 0.5], np.float32)
    basis = rng.normal(size=(3, 8, 3)).astype(np.float32)
    lips, upper = np.arange(4), np.arange(4, 8)
    scale = motion_scale(codes, basis, lips, upper)
    difference = torch.from_numpy(rng.normal(size=(5, 3)).astype(np.float32))
    found = scale.distance(difference, torch.zeros(5, 3)).numpy()
    moved = np.einsum("nc,cvk->nvk", (difference * scale.spread).numpy(), basis)

    def energy(region):
        whole = (basis[:, region] * scale.spread.numpy()[:, None, None]) ** 2
        return (moved[:, region] ** 2).sum((1, 2)) / whole.sum()

    expected = 0.9 * (energy(lips) + energy(upper)) / 2 + 0.1 * (difference.numpy() ** 2).mean(1)
    assert found == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("fps", [25.0, 30.0])
def test_a_spectrogram_has_four_columns_a_frame_at_any_rate(fps):
    audio = np.random.default_rng(0).normal(size=round(40 / fps * 16000)).astype(np.float32) * 0.1
    assert mel_of(audio, 40, fps).shape == (160, 32)

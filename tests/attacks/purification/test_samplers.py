"""Attackers who sample otherwise: limits in which they are the plain sampler, and a search that must find something."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from privtalk.attacks.purification import audio_guidance, reanimation
from privtalk.attacks.purification.attacker import AttackedPortraits, PortraitAttacker
from privtalk.attacks.purification.audio_guidance import AudioGuidance
from privtalk.attacks.purification.other_sampler import TIMES, OtherSampler
from privtalk.attacks.purification.reanimation import Reanimation
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.backbone.conditioning import Batch
from privtalk.methods.protection.mouth import mouth_map


@pytest.fixture(scope="module", params=["none", "spline"])
def network(request: pytest.FixtureRequest) -> Backbone:
    return Backbone.tiny(alignment=request.param)


def conditions(backbone: Backbone, portraits: AttackedPortraits) -> Batch:
    reference = backbone.encode(portraits.photos)
    return Batch(
        latents=reference[:, None].expand(-1, portraits.audio.shape[1], -1, -1, -1),
        audio=portraits.audio,
        landmarks=portraits.moved,
        reference=reference,
        reference_landmarks=portraits.landmarks,
    )


@pytest.mark.parametrize("steps", [1, 3])
def test_guidance_of_strength_one_is_the_plain_sampler(
    steps: int, network: Backbone, portraits: AttackedPortraits, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = conditions(network, portraits)
    plain = network.generate(batch, portraits.noise, steps)
    assert not torch.allclose(AudioGuidance().sampled(network, batch, replace(portraits, steps=steps)), plain)
    monkeypatch.setattr(audio_guidance, "STRENGTH", 1.0)
    found = AudioGuidance().sampled(network, batch, replace(portraits, steps=steps))
    torch.testing.assert_close(found, plain, atol=1e-5, rtol=1e-4)


def test_guidance_of_strength_zero_hears_the_mean_alone(
    network: Backbone, portraits: AttackedPortraits, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = conditions(network, portraits)
    quiet = replace(batch, audio=batch.audio.mean(1, keepdim=True).expand_as(batch.audio))
    monkeypatch.setattr(audio_guidance, "STRENGTH", 0.0)
    found = AudioGuidance().sampled(network, batch, replace(portraits, steps=2))
    torch.testing.assert_close(found, network.generate(quiet, portraits.noise, 2), atol=1e-5, rtol=1e-4)


def test_who_says_the_same_all_the_time_is_not_made_louder(
    network: Backbone, portraits: AttackedPortraits
) -> None:
    same = portraits.saying(portraits.audio[:, :1].expand_as(portraits.audio))
    batch = conditions(network, same)
    found = AudioGuidance().sampled(network, batch, replace(same, steps=2))
    torch.testing.assert_close(found, network.generate(batch, portraits.noise, 2), atol=1e-4, rtol=1e-4)


def test_one_guided_step_doubles_what_the_sound_changes(
    network: Backbone, portraits: AttackedPortraits
) -> None:
    """A single step is linear in v, and so in the difference that the sound makes."""
    batch = conditions(network, portraits)
    quiet = replace(batch, audio=batch.audio.mean(1, keepdim=True).expand_as(batch.audio))
    still, said = (network.generate(b, portraits.noise, 1) for b in (quiet, batch))
    found = AudioGuidance().sampled(network, batch, replace(portraits, steps=1))
    torch.testing.assert_close(found - still, audio_guidance.STRENGTH * (said - still), atol=1e-4, rtol=1e-3)


def test_another_sampler_is_the_plain_one_of_four_times_the_steps(
    network: Backbone, portraits: AttackedPortraits
) -> None:
    found = OtherSampler().animate(network, portraits)
    more = replace(portraits, steps=4 * portraits.steps)
    assert TIMES == 4
    assert torch.equal(found, PortraitAttacker().animate(network, more))
    assert not torch.equal(found, PortraitAttacker().animate(network, portraits))


# ---- reanimation


def two_moments(portraits: AttackedPortraits) -> AttackedPortraits:
    """A clip of two moments, of which the search must take both."""
    return replace(portraits, audio=portraits.audio[:, :2], moved=portraits.moved[:, :2])


def generators(portraits: AttackedPortraits) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(k) for k in range(len(portraits))]


def spoken(backbone: Backbone, portraits: AttackedPortraits, photos: Tensor) -> Tensor:
    """[N] how far the two voices move the mouth apart, in one step, without a victim."""
    still = portraits.landmarks[:, None].expand(-1, 2, -1)
    batch = conditions(backbone, replace(portraits, photos=photos, moved=still))
    with torch.no_grad():
        latents = backbone.generate(batch, portraits.noise, 1)
        made = [backbone.autoencoder.decode(latents[:, k]) for k in (0, 1)]
    return (mouth_map(portraits.landmarks, 32) * (made[0] - made[1]).square()).mean((1, 2, 3))


def test_reanimation_finds_a_photo_within_the_budget_that_speaks_more(
    portraits: AttackedPortraits, network: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reanimation, "ITERATIONS", 8)
    asked = two_moments(portraits)
    found = Reanimation().purify(asked, network, generators(asked))
    assert (found.int() - asked.photos.int()).abs().max() == 8
    before, after = (spoken(network, asked, photos) for photos in (asked.photos, found))
    assert (after > 1.5 * before).all()


@pytest.mark.parametrize(("budget", "kept"), [(0.0, 1), (1.0, 1), (3.0, 3)])
def test_reanimation_searches_as_far_as_it_supposes_and_a_level_at_least(
    budget: float,
    kept: int,
    portraits: AttackedPortraits,
    backbone: Backbone,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reanimation, "ITERATIONS", 3)
    asked = replace(two_moments(portraits), budget=budget)[:1]
    found = Reanimation().purify(asked, backbone, generators(asked))
    assert (found.int() - asked.photos.int()).abs().max() == kept


def test_reanimation_does_not_look_at_how_the_clip_moves(
    portraits: AttackedPortraits, backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reanimation, "ITERATIONS", 1)
    asked = portraits[:1]
    moved = replace(asked, moved=asked.moved + 0.1)
    found = (Reanimation().purify(p, backbone, generators(p)) for p in (asked, moved))
    assert torch.equal(*found)
    louder = asked.saying(asked.audio.flip(2))
    changed = Reanimation().purify(louder, backbone, generators(louder))
    assert not torch.equal(changed, Reanimation().purify(asked, backbone, generators(asked)))

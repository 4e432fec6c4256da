"""The losses of protections against ones that are made without a victim, and that descent lowers them."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.backbone.conditioning import Batch
from privtalk.methods.backbone.detail import mouth_centre
from privtalk.methods.protection.advdm import AdvDMMinus, AdvDMPlus
from privtalk.methods.protection.audio_swap import AudioSwap
from privtalk.methods.protection.method import ProtectionDraw, Setting, SignDescent
from privtalk.methods.protection.mist import Mist
from privtalk.methods.protection.mouth import mouth_map
from privtalk.methods.protection.mouth_freeze import MouthFreeze
from privtalk.methods.protection.photoguard import PhotoGuard
from privtalk.methods.protection.random_noise import RandomNoise
from privtalk.methods.protection.registry import PROTECTIONS
from privtalk.methods.protection.sds import SDSMinus, SDSPlus
from privtalk.methods.protection.silencer import Silencer
from privtalk.methods.protection.victim import OwnedPortraits, PublicDrivers, Victim
from tests.methods.protection.tiny_portraits import MakeSetting

CLEAN_TARGET = Silencer(Silencer.Options(target="clean"))
"""With the portrait itself as target, which moves, a step of Silencer need not lower its loss."""
DESCENTS = [
    CLEAN_TARGET if cls is Silencer else cls() for cls in PROTECTIONS.values() if issubclass(cls, SignDescent)
]


@pytest.fixture(scope="module")
def images(portraits: OwnedPortraits) -> Tensor:
    """Other images than the clean ones."""
    noise = torch.randn(portraits.images.shape, generator=torch.Generator().manual_seed(0))
    return (portraits.images + 0.05 * noise).clamp(-1, 1)


def conditions(
    reference: Tensor, latents: Tensor, draw: ProtectionDraw, own: Tensor, landmarks: Tensor | None = None
) -> Batch:
    """Made without a victim."""
    moved = draw.landmarks if landmarks is None else landmarks
    return Batch(
        latents=latents[:, None].expand(-1, draw.audio.shape[1], -1, -1, -1),
        audio=draw.audio,
        landmarks=moved.expand(-1, draw.audio.shape[1], -1),
        reference=reference,
        reference_landmarks=own,
    )


def slope(method: SignDescent, setting: Setting, images: Tensor) -> Tensor:
    leaf = images.clone().requires_grad_()
    (found,) = torch.autograd.grad(method.loss(setting, leaf).sum(), leaf)
    return found


@pytest.mark.parametrize("method", DESCENTS, ids=lambda method: method.name)
def test_descent_lowers_the_loss(
    method: SignDescent, setting: MakeSetting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At one draw that is held, of every portrait; the loss is read afterwards without gradients."""
    before, held = RandomNoise().protect(setting()), {k: setting(2).draw(k) for k in (1, 2)}
    monkeypatch.setattr(Setting, "draw", lambda self, voices=1: held[voices])
    after = method.protect(setting(iterations=5))
    with torch.no_grad():
        was, now = (method.loss(setting(), shown) for shown in (before, after))
    assert (now < was).all()


@pytest.mark.parametrize("name", ["advdm_minus", "photoguard", "sds_plus"])
def test_descent_lowers_the_loss_at_draws_that_it_did_not_see(name: str, setting: MakeSetting) -> None:
    method = PROTECTIONS[name]()
    assert isinstance(method, SignDescent)
    before, after = RandomNoise().protect(setting()), method.protect(setting(iterations=6))
    with torch.no_grad():
        was, now = (
            torch.stack([method.loss(setting(seed), shown) for seed in (20, 21, 22)]).mean(0)
            for shown in (before, after)
        )
    assert (now < was).all()


@pytest.mark.parametrize("method", DESCENTS, ids=lambda method: method.name)
def test_losses_draw_afresh_at_each_call_where_they_draw(
    method: SignDescent, setting: MakeSetting, images: Tensor
) -> None:
    given = setting()
    with torch.no_grad():
        first, second, again = (method.loss(s, images) for s in (given, given, setting()))
    assert first.shape == (3,)
    assert torch.equal(first, again)
    assert torch.equal(first, second) == (method.name == "photoguard")


# ---- Silencer


@pytest.mark.parametrize("target", ["protected", "clean"])
def test_silencers_loss_is_the_backbones_with_the_portrait_as_target(
    target: str, setting: MakeSetting, images: Tensor, backbone: Backbone, portraits: OwnedPortraits
) -> None:
    method = Silencer(Silencer.Options.model_validate({"target": target}))
    draw, encode = setting().draw(), backbone.autoencoder.encode
    held = encode(images if target == "protected" else portraits.images).detach()
    leaf = images.clone().requires_grad_()
    loss = backbone.loss(conditions(encode(leaf), held, draw, portraits.landmarks), draw.t, draw.noise)
    torch.testing.assert_close(method.loss(setting(), images), loss)
    (expected,) = torch.autograd.grad(loss.sum(), leaf)  # the target is held
    torch.testing.assert_close(slope(method, setting(), images), expected)


def test_silencers_targets_agree_on_the_clean_portrait(
    setting: MakeSetting, portraits: OwnedPortraits, images: Tensor
) -> None:
    for shown, same in ((portraits.images, True), (images, False)):
        found = (m.loss(setting(), shown) for m in (Silencer(), CLEAN_TARGET))
        assert torch.equal(*found) == same


def test_silencers_gradient_takes_the_path_of_its_victim(
    setting: MakeSetting, images: Tensor, backbone: Backbone
) -> None:
    by = {
        path: slope(Silencer(), setting(victim=Victim(backbone, path)), images)
        for path in ("both", "latents", "token")
    }
    torch.testing.assert_close(by["latents"] + by["token"], by["both"], atol=1e-8, rtol=1e-3)
    assert min(found.abs().max() for found in by.values()) > 0


# ---- AdvDM and SDS


def test_advdms_loss_is_the_backbones_own_without_a_reference(
    setting: MakeSetting, images: Tensor, backbone: Backbone, portraits: OwnedPortraits
) -> None:
    draw, latents = setting().draw(), backbone.autoencoder.encode(images)
    batch = conditions(torch.zeros_like(latents), latents, draw, portraits.landmarks)
    loss = backbone.loss(batch, draw.t, draw.noise)
    torch.testing.assert_close(AdvDMMinus().loss(setting(), images), loss)


@pytest.mark.parametrize(("plus", "minus"), [(AdvDMPlus, AdvDMMinus), (SDSPlus, SDSMinus)])
def test_the_two_directions_are_opposite(
    plus: type[SignDescent], minus: type[SignDescent], setting: MakeSetting, images: Tensor
) -> None:
    assert torch.equal(plus().loss(setting(), images), -minus().loss(setting(), images))
    assert torch.equal(slope(plus(), setting(), images), -slope(minus(), setting(), images))


def test_the_sds_gradient_is_the_noise_error_through_the_encoder_alone(
    setting: MakeSetting, images: Tensor, backbone: Backbone, portraits: OwnedPortraits
) -> None:
    draw = setting().draw()
    with torch.no_grad():
        latents = backbone.autoencoder.encode(images)
        batch = conditions(torch.zeros_like(latents), latents, draw, portraits.landmarks)
        noisy = backbone.add_noise(batch.latents, draw.noise, draw.t)
        error = (backbone.predict_noise(noisy, draw.t, batch) - draw.noise)[:, 0]
    _, expected = torch.autograd.functional.vjp(backbone.autoencoder.encode, images, error / error[0].numel())
    torch.testing.assert_close(slope(SDSMinus(), setting(), images), expected, atol=1e-7, rtol=1e-3)


# ---- PhotoGuard and Mist


def test_photoguards_loss_is_the_distance_from_the_target_in_latents(
    setting: MakeSetting, images: Tensor, backbone: Backbone, drivers: PublicDrivers
) -> None:
    a, b = backbone.autoencoder.encode(images), backbone.autoencoder.encode(drivers.faces)
    torch.testing.assert_close(PhotoGuard().loss(setting(), images), (a - b[0]).square().mean((1, 2, 3)))
    assert PhotoGuard().loss(setting(), drivers.faces[:1]).tolist() == pytest.approx([0], abs=1e-10)


def test_mist_without_advdm_is_photoguard(setting: MakeSetting) -> None:
    mist = Mist(Mist.Options(rate=0.0))
    assert torch.equal(mist.protect(setting()), PhotoGuard().protect(setting()))
    assert not torch.equal(Mist().protect(setting()), PhotoGuard().protect(setting()))


@pytest.mark.parametrize("rate", [0.5, 1.0, 30.0])
def test_mist_is_the_two_losses_together(rate: float, setting: MakeSetting, images: Tensor) -> None:
    found = Mist(Mist.Options(rate=rate)).loss(setting(), images)
    parts = [method.loss(setting(), images) for method in (PhotoGuard(), AdvDMPlus())]
    torch.testing.assert_close(found, parts[0] + rate * parts[1])


# ---- the mouth


def test_the_mouths_map_is_one_at_the_mouth_and_falls_off(portraits: OwnedPortraits) -> None:
    size = 64
    where = mouth_map(portraits.landmarks, size)
    assert where.shape == (3, 1, size, size)
    peaks = where.flatten(1).argmax(1)
    found = torch.stack([peaks % size, peaks // size], 1)
    expected = ((mouth_centre(portraits.landmarks) + 1) * size / 2 - 0.5).round().long()
    assert (found - expected).abs().max() <= 1
    assert where.amax() == pytest.approx(1, abs=0.02)
    assert where.mean() < 0.2


def test_mouth_freeze_is_nothing_where_the_animation_is_the_portrait(
    setting: MakeSetting, portraits: OwnedPortraits, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = portraits.images[:, None]
    monkeypatch.setattr(Victim, "animate", lambda *_: made)
    assert MouthFreeze().loss(setting(), portraits.images).tolist() == [0, 0, 0]
    where = mouth_map(portraits.landmarks, 32)
    for mask, low, high in ((where > 0.5, 0.02, 1), (where < 1e-6, 0, 1e-6)):
        changed = portraits.images + mask
        monkeypatch.setattr(Victim, "animate", lambda *_, changed=changed: changed[:, None])
        loss = MouthFreeze().loss(setting(), portraits.images)
        assert low <= loss.min() <= loss.max() <= high


def test_mouth_freeze_makes_one_step_with_the_portraits_own_landmarks(
    setting: MakeSetting, images: Tensor, backbone: Backbone, portraits: OwnedPortraits
) -> None:
    draw, own = setting().draw(), portraits.landmarks
    reference = backbone.autoencoder.encode(images)
    batch = conditions(reference, reference, draw, own, own[:, None])
    made = backbone.autoencoder.decode(backbone.generate(batch, draw.noise, 1)[:, 0])
    expected = (mouth_map(own, 32) * (made - portraits.images).square()).mean((1, 2, 3))
    torch.testing.assert_close(MouthFreeze().loss(setting(), images), expected, atol=1e-7, rtol=1e-4)


@pytest.mark.parametrize("steps", [1, 3])
def test_audio_swap_is_the_difference_of_two_voices_at_the_mouth(
    steps: int, setting: MakeSetting, images: Tensor, backbone: Backbone, portraits: OwnedPortraits
) -> None:
    draw, reference = setting().draw(2), backbone.autoencoder.encode(images)
    batch = conditions(reference, reference, draw, portraits.landmarks)
    latents = backbone.generate(batch, draw.noise, steps)
    first, second = (backbone.autoencoder.decode(latents[:, k]) for k in (0, 1))
    expected = (mouth_map(draw.landmarks[:, 0], 32) * (first - second).square()).mean((1, 2, 3))
    found = AudioSwap().loss(setting(sampling_steps=steps), images)
    torch.testing.assert_close(found, expected, atol=1e-8, rtol=1e-3)
    assert found.max() > 1e-5


def test_equal_voices_leave_audio_swap_nothing_to_do(
    setting: MakeSetting, images: Tensor, drivers: PublicDrivers
) -> None:
    single = replace(drivers, audio=drivers.audio[:1])
    assert AudioSwap().loss(setting(drivers=single), images).tolist() == pytest.approx([0, 0, 0], abs=1e-12)

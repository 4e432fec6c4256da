from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from privtalk.core.seeds import torch_stream
from privtalk.methods.backbone.autoencoder import to_images
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.backbone.detail import detail_map
from privtalk.methods.backbone.latent_data import LatentData, draw_batch, draw_references
from privtalk.methods.backbone.optimise import Optimisation, OptimiserConfig, learning_rate
from privtalk.methods.backbone.pretrain import (
    mix_patches,
    patch_components,
    pretrain_autoencoder,
    pretrain_denoiser,
    recolour,
    reframe,
    synchrony_contrast,
)
from privtalk.methods.backbone.public_data import PublicData, detail_points
from privtalk.methods.backbone.recipe import BackboneRecipe


def stream(*names: str | int) -> torch.Generator:
    return torch_stream(0, *names)


def optimiser(steps: int, **changes: object) -> OptimiserConfig:
    return OptimiserConfig.model_validate(
        {
            "steps": steps,
            "batch": 8,
            "learning_rate": 1e-3,
            "warmup": 2,
            "report_every": 2,
            "checkpoint_every": 2,
        }
        | changes
    )


@pytest.fixture(scope="module")
def data() -> PublicData:
    rng = np.random.default_rng(0)
    clips = [
        SimpleNamespace(
            frames=np.repeat(rng.integers(0, 256, (1, 4, 4, 3), np.uint8), 6, 0).repeat(8, 1).repeat(8, 2),
            audio=(0.1 * rng.standard_normal(6 * 640)).astype(np.float32),
            fps=25.0,
            landmarks=(rng.random((6, 68, 2)) * 32).astype(np.float32),
            identity=f"person-{number // 2}",
        )
        for number in range(6)
    ]
    return PublicData.gather(clips)


def fresh(seed: int = 0) -> Backbone:
    return Backbone.tiny(seed, alignment="spline")


def weights_of(module: torch.nn.Module) -> Sequence[torch.Tensor]:
    return [p.detach().clone() for p in module.parameters()]


def test_training_the_autoencoder_lowers_its_loss_and_normalises_latents(data: PublicData) -> None:
    backbone = fresh()
    recipe = BackboneRecipe(autoencoder=optimiser(30, learning_rate=3e-3))
    curve = pretrain_autoencoder(backbone.autoencoder, data, recipe, stream)
    assert curve[-1][1] < 0.9 * curve[0][1]
    latents = backbone.encode(data.frames)
    assert latents.mean().abs() < 0.3
    assert 0.7 < latents.std() < 1.3


def test_the_autoencoder_starts_as_the_principal_components_of_patches(data: PublicData) -> None:
    autoencoder = fresh().autoencoder
    autoencoder.start_from_components(*patch_components(autoencoder, data, stream("components")))
    images = to_images(data.frames)
    patches = images.unfold(2, 8, 8).unfold(3, 8, 8).permute(0, 2, 3, 1, 4, 5).flatten(3).flatten(0, 2)
    oracle = PCA(4).fit(patches.numpy())
    expected = oracle.inverse_transform(oracle.transform(patches.numpy()))
    with torch.no_grad():
        made = autoencoder.reconstruct(autoencoder.posterior(images).mean)
    ours = made.unfold(2, 8, 8).unfold(3, 8, 8).permute(0, 2, 3, 1, 4, 5).flatten(3).flatten(0, 2)
    error = (ours - patches).square().mean().item()
    assert error == pytest.approx(float(((expected - patches.numpy()) ** 2).mean()), rel=0.02)


def test_training_the_denoiser_lowers_its_loss_and_leaves_the_autoencoder(data: PublicData) -> None:
    backbone = fresh()
    before = weights_of(backbone.autoencoder)
    recipe = BackboneRecipe(denoiser=optimiser(40, learning_rate=3e-3))
    curve = pretrain_denoiser(backbone, LatentData.encode(backbone, data, recipe), recipe, stream)
    assert curve[-1][1] < 0.9 * curve[0][1]
    assert all(torch.equal(a, b) for a, b in zip(before, weights_of(backbone.autoencoder), strict=True))
    assert not any(p.requires_grad for p in backbone.parameters())


def test_going_on_has_steps_batches_and_draws_of_its_own(data: PublicData) -> None:
    recipe = BackboneRecipe(denoiser=optimiser(2), further=optimiser(4, batch=6))
    drawn: list[tuple[str | int, ...]] = []

    def watched(*names: str | int) -> torch.Generator:
        drawn.append(names)
        return stream(*names)

    backbone = fresh()
    curve = pretrain_denoiser(
        backbone, LatentData.encode(backbone, data, recipe), recipe, watched, further=True
    )
    assert curve[-1][0] == 4
    assert drawn == [("further", step) for step in range(4)]


def test_the_encoder_of_lips_and_speech_moves_no_audio_feature(data: PublicData) -> None:
    backbone = fresh().requires_grad_(True)
    latents = LatentData.encode(backbone, data, BackboneRecipe())
    batch, _ = draw_batch(backbone, latents, BackboneRecipe(), 4, stream("batch"))
    synchrony_contrast(backbone, batch).backward()
    assert all(p.grad is not None for p in backbone.synchrony.parameters())
    assert all(p.grad is None for p in backbone.conditioning.audio.parameters())


def test_a_resumed_run_is_the_uninterrupted_one(data: PublicData, tmp_path: Path) -> None:
    whole, halves = fresh(), fresh()
    recipe = BackboneRecipe(autoencoder=optimiser(6))
    pretrain_autoencoder(whole.autoencoder, data, recipe, stream)

    class KilledError(Exception):
        pass

    def kill(step: int, steps: int, loss: float) -> None:
        if step == 4:
            raise KilledError

    checkpoint = tmp_path / "autoencoder.safetensors"
    with pytest.raises(KilledError):
        pretrain_autoencoder(halves.autoencoder, data, recipe, stream, checkpoint, kill)
    resumed = fresh(seed=1)
    pretrain_autoencoder(resumed.autoencoder, data, recipe, stream, checkpoint)
    assert all(
        torch.equal(a, b)
        for a, b in zip(weights_of(whole.autoencoder), weights_of(resumed.autoencoder), strict=True)
    )


def test_the_average_of_constant_weights_is_themselves() -> None:
    layer = torch.nn.Linear(2, 1)
    before = weights_of(layer)
    Optimisation(layer, optimiser(3, learning_rate=0.0)).run(lambda step: layer(torch.ones(1, 2)).sum())
    assert all(torch.allclose(a, b) for a, b in zip(before, weights_of(layer), strict=True))


def test_learning_rate_warms_up_and_decays_to_two_per_cent() -> None:
    config = optimiser(100, warmup=10, learning_rate=1.0)
    rates = [learning_rate(step, config) for step in range(101)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == pytest.approx(1.0)
    assert rates[100] == pytest.approx(0.02)


def test_references_show_the_same_person(data: PublicData) -> None:
    latents = LatentData.encode(fresh(), data, BackboneRecipe())
    rows = torch.arange(len(latents.latents))
    for nearby in (0.0, 1.0):
        reference = draw_references(latents, rows, nearby, stream("references"))
        assert torch.equal(latents.person[rows], latents.person[reference])
    near = draw_references(latents, rows, 1.0, stream("references"))
    assert torch.equal(latents.clip[rows], latents.clip[near])
    assert ((rows - near >= 0) & (rows - near <= 3)).all()


def test_reframing_moves_points_with_the_image() -> None:
    size = 32
    images = torch.full((64, 3, size, size), -1.0)
    images[:, :, 12:15, 8:11] = 1.0
    points = torch.full((64, 68, 2), 0.0)
    points[..., 0], points[..., 1] = 9.5, 13.5
    moved, places = reframe(images, points, stream("reframe"))
    light = moved[:, 0] + 1
    axis = torch.arange(size) + 0.5
    centre = torch.stack([(light.sum(1) * axis).sum(1), (light.sum(2) * axis).sum(1)], dim=1)
    centre /= light.sum((1, 2))[:, None]
    torch.testing.assert_close(centre, places[:, 0], atol=0.3, rtol=0)
    assert (places[:, 0, 0] > size / 2).any()
    assert (places[:, 0, 0] < size / 2).any()


def test_recolouring_stays_in_range_and_mixing_keeps_pixels() -> None:
    images = torch.rand(16, 3, 8, 8, generator=stream("images")) * 2 - 1
    varied = recolour(images, stream("recolour"))
    assert varied.min() >= -1
    assert varied.max() <= 1
    mixed = mix_patches(images, stream("mix"), share=1.0)
    taken = (mixed != images).any(1)
    assert torch.equal(mixed.movedim(1, -1)[taken], images.roll(1, 0).movedim(1, -1)[taken])
    assert 0.03 < taken.float().mean() < 0.4


def test_the_detail_map_peaks_at_eyes_and_mouth() -> None:
    points = torch.full((1, 68, 2), 16.0)
    points[:, 48:68] = torch.tensor([16.0, 26.0])
    weight = detail_map(detail_points(points, 32), 32)[0]
    assert weight[25, 16] > 0.9
    assert weight[2, 2] < 0.01
    assert weight.max() <= 1


def test_an_autoencoder_that_goes_on_keeps_its_code_and_its_scale(data: PublicData) -> None:
    """A denoiser of its latents must still know them: nothing begins anew from components, nothing is measured anew."""
    backbone = fresh()
    recipe = BackboneRecipe(autoencoder=optimiser(4), further_autoencoder=optimiser(2, learning_rate=1e-4))
    pretrain_autoencoder(backbone.autoencoder, data, recipe, stream)
    backbone.autoencoder.latent_scale.mul_(1.5)
    before = {name: tensor.clone() for name, tensor in backbone.autoencoder.state_dict().items()}
    curve = pretrain_autoencoder(backbone.autoencoder, data, recipe, stream, further=True)
    after = backbone.autoencoder.state_dict()
    assert [step for step, _ in curve] == [2]
    for name in ("latent_shift", "latent_scale"):
        assert torch.equal(after[name], before[name]), name
    moved = {name: float((after[name] - before[name]).abs().max()) for name in before}
    assert 0 < max(moved.values()) < 1e-2

"""Published autoencoders, read from small folders that the tests write in diffusers' own format."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from privtalk.core import torchvision_guard as torchvision_guard  # before diffusers

from diffusers import AutoencoderKL, VQModel  # isort: skip

from privtalk.core.errors import UserError
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.backbone.config import BackboneConfig, DenoiserConfig, PublishedAutoencoderConfig
from privtalk.methods.backbone.published_autoencoder import (
    PublishedAutoencoder,
    read_published,
    take_weights,
)

SHAPE = {
    "in_channels": 3,
    "out_channels": 3,
    "latent_channels": 4,
    "layers_per_block": 1,
    "norm_num_groups": 4,
}


def f8() -> AutoencoderKL:
    return AutoencoderKL(
        **SHAPE,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(8, 8, 8, 8),
        scaling_factor=0.25,
        shift_factor=0.5,
    )


def f4() -> VQModel:
    return VQModel(
        **SHAPE,
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=(8, 8, 8),
        num_vq_embeddings=16,
    )


@pytest.fixture(params=[f8, f4], ids=["f8", "f4"])
def network(request):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return request.param().eval()


@pytest.fixture
def folder(network, tmp_path) -> Path:
    network.save_pretrained(tmp_path)
    return Path(tmp_path)


def opened(folder: Path) -> PublishedAutoencoder:
    config, tensors = read_published(folder)
    autoencoder = PublishedAutoencoder(config)
    take_weights(autoencoder, tensors, folder)
    return autoencoder.eval().requires_grad_(False)


def images() -> torch.Tensor:
    return torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1)) * 2 - 1


def test_latents_are_scaled_as_the_publisher_says(network, folder):
    with torch.no_grad():
        coded = network.encode(images())
    raw = coded.latent_dist.mode() if isinstance(network, AutoencoderKL) else coded.latents
    expected = (
        (raw - 0.5) * 0.25 if isinstance(network, AutoencoderKL) else raw * network.config.scaling_factor
    )
    torch.testing.assert_close(opened(folder).encode(images()), expected)


def test_decoding_undoes_the_scale(network, folder):
    ours = opened(folder)
    with torch.no_grad():
        raw = ours.encode(images()) * ours.latent_scale[0] + ours.latent_shift[0]
        expected = network.decode(raw).sample.clamp(-1, 1)
        torch.testing.assert_close(ours.decode(ours.encode(images())), expected)


def test_a_position_stands_for_the_square_that_the_network_folds(network, folder):
    config, _ = read_published(folder)
    assert config.cell == (8 if isinstance(network, AutoencoderKL) else 4)
    assert opened(folder).encode(images()).shape == (2, 4, 32 // config.cell, 32 // config.cell)


def test_features_come_at_every_depth(folder):
    config, _ = read_published(folder)
    assert len(opened(folder).features(images())) == 1 + len(config.network["block_out_channels"])


def test_a_backbone_stands_on_it_and_keeps_it(folder):
    config, _ = read_published(folder)
    toy = Backbone.tiny().config.model_dump(exclude={"autoencoder", "alignment"})
    backbone = Backbone.initial(BackboneConfig(**toy, autoencoder=config, alignment="spline"), 0)
    assert backbone.latent_shape == (4, 32 // config.cell, 32 // config.cell)
    assert backbone.aligner is not None
    assert backbone.aligner.sketch.out_channels == 3 * config.cell**2
    again = BackboneConfig.model_validate_json(backbone.config.model_dump_json())
    assert isinstance(again.autoencoder, PublishedAutoencoderConfig)
    assert again == backbone.config


def test_a_grid_that_the_denoiser_cannot_halve_is_refused():
    with pytest.raises(ValueError, match="multiple of 16"):
        BackboneConfig(size=40, denoiser=DenoiserConfig())


@pytest.mark.parametrize("fault", ["no config", "kind", "no weights", "other weights"])
def test_a_folder_that_holds_none_is_refused_in_a_line(network, folder, fault):
    raw = json.loads((folder / "config.json").read_text())
    if fault == "no config":
        (folder / "config.json").unlink()
    elif fault == "kind":
        (folder / "config.json").write_text(json.dumps(raw | {"_class_name": "UNet2DModel"}))
    elif fault == "no weights":
        (folder / "diffusion_pytorch_model.safetensors").unlink()
    else:
        (folder / "config.json").write_text(json.dumps(raw | {"layers_per_block": 2}))
    with pytest.raises(UserError) as error:
        opened(folder)
    assert "\n" not in str(error.value)

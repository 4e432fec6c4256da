"""Pre-training from end to end at toy size, from nothing and on from other weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from privtalk.bench.pretraining.backbone import Sources, pretrain
from privtalk.bench.pretraining.pools import Pool
from privtalk.methods.backbone import weights
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.backbone.optimise import OptimiserConfig
from privtalk.methods.backbone.recipe import BackboneRecipe

TOY = OptimiserConfig(steps=2, batch=4, learning_rate=1e-3, warmup=1, report_every=1)
RECIPE = BackboneRecipe(
    autoencoder=TOY, denoiser=TOY, further=TOY.model_copy(update={"steps": 3}), detail_weight=2.0
)
POOL = Pool(size=32, people=2, clips=2, frames=4, validation_people=2, validation_frames=20)


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> tuple[Path, Path]:
    """Weights from nothing, and those that went on from them."""
    folder = tmp_path_factory.mktemp("pretrained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PRIVTALK_CACHE", str(folder / "cache"))
        config = Backbone.tiny(alignment="spline").config
        plain = config.model_copy(update={"alignment": "none"})
        pretrain(folder / "first", config=plain, recipe=RECIPE, pool=POOL, workers=1)
        pretrain(
            folder / "next",
            "denoiser",
            config=config,
            recipe=RECIPE,
            pool=POOL,
            workers=1,
            sources=Sources(start=folder / "first"),
        )
    return folder / "first", folder / "next"


def test_what_was_made_says_how(folders):
    first, later = (weights.load_manifest(folder) for folder in folders)
    assert {name: len(curve) for name, curve in first.curves.items()} == {"autoencoder": 2, "denoiser": 2}
    assert first.start is None
    assert {name: len(curve) for name, curve in later.curves.items()} == {"further": 3}
    assert later.start is not None
    assert (later.start["sha256"], set(later.start["curves"])) == (first.sha256, {"autoencoder", "denoiser"})
    assert later.validation["zero_shot/psnr"] > 0


def test_eyes_and_mouth_weigh_what_the_recipe_says(folders):
    assert [weights.load_manifest(folder).config.detail for folder in folders] == [2.0, 2.0]


def test_the_autoencoder_is_the_one_that_it_went_on_from(folders):
    first, later = (weights.load(folder) for folder in folders)
    for name, tensor in first.autoencoder.state_dict().items():
        assert torch.equal(tensor, later.autoencoder.state_dict()[name]), name
    assert later.aligner is not None
    moved = later.denoiser.conv_out.weight - first.denoiser.conv_out.weight
    assert moved.abs().max() > 0

"""Backbones by name: what is trained, and by which recipe."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from privtalk.methods.backbone.config import (
    AudioConfig,
    AutoencoderConfig,
    BackboneConfig,
    DenoiserConfig,
    DiffusionConfig,
)
from privtalk.methods.backbone.optimise import OptimiserConfig
from privtalk.methods.backbone.recipe import BackboneRecipe


class BackbonePreset(NamedTuple):
    """A network and the way in which it is trained."""

    about: str
    config: BackboneConfig
    recipe: BackboneRecipe
    published_autoencoder: bool = False
    """Whether the source takes somebody else's autoencoder, so that `--autoencoder` must name one."""


def tiny(size: int) -> BackbonePreset:
    """Returns a network of .7 million weights: the whole path within a minute, pictures of no worth."""
    steps = {"warmup": 5, "report_every": 10, "checkpoint_every": 20}
    config = BackboneConfig(
        size=size,
        autoencoder=AutoencoderConfig(
            latent_channels=8, encoder_channels=(8, 16, 16), decoder_channels=(16, 16, 16)
        ),
        audio=AudioConfig(width=32, tokens=1),
        denoiser=DenoiserConfig(
            block_channels=(32, 32), heads=2, token_dim=32, landmark_tokens=1, identity_dim=16, norm_groups=8
        ),
    )
    recipe = BackboneRecipe(
        autoencoder=OptimiserConfig(steps=40, batch=16, learning_rate=1e-3, **steps),
        denoiser=OptimiserConfig(steps=60, batch=16, learning_rate=1.5e-3, **steps),
        further=OptimiserConfig(steps=60, batch=16, learning_rate=5e-4, **steps),
    )
    return BackbonePreset("The whole path within a minute; its pictures mean nothing.", config, recipe)


BASE_CHANNELS: Mapping[int, tuple[int, ...]] = {64: (64, 112), 128: (64, 112, 160), 256: (64, 112, 160, 192)}
"""Channels of the denoiser by the size of the frames: the coarsest grid has 4 x 4 positions at every size."""


def base(size: int) -> BackbonePreset:
    """Returns the network of the embedded weights (64 pixels), with a further level at each doubling of the size."""
    channels = BASE_CHANNELS.get(size, BASE_CHANNELS[64])
    config = BackboneConfig(size=size, denoiser=DenoiserConfig(block_channels=channels))
    return BackbonePreset(
        "The embedded weights' network and recipe; at 64 pixels two cores do.",
        config,
        BackboneRecipe(),
    )


def paper(size: int) -> BackbonePreset:
    """Returns a network of our own for a GPU: 114 million weights at 128 pixels."""
    config = BackboneConfig(
        size=size,
        autoencoder=AutoencoderConfig(encoder_channels=(64, 128, 192), decoder_channels=(96, 192, 256)),
        denoiser=DenoiserConfig(block_channels=(160, 320, 480), layers_per_block=2, heads=8, token_dim=192),
    )
    recipe = BackboneRecipe(
        autoencoder=OptimiserConfig(steps=30_000, batch=64, learning_rate=5e-4, average=0.9995),
        denoiser=OptimiserConfig(steps=100_000, batch=128, learning_rate=3e-4, average=0.9999),
        further=OptimiserConfig(steps=30_000, batch=128, learning_rate=1e-4, average=0.9995),
    )
    return BackbonePreset("Ours for a GPU: aligned references, v-prediction, 8 x 8 cells.", config, recipe)


def difftalk(size: int) -> BackbonePreset:
    """Returns DiffTalk's network (Shen et al. 2023): base width 256, multipliers 1-2-3-4, on a VQ autoencoder.

    It differs from the source in that the network predicts v, whose loss is the ε-loss weighted by 1 / a_t², in
    log-mel or transformers' features in place of DeepSpeech's, and in the size of a batch.
    """
    config = BackboneConfig(
        size=size,
        conditions=("audio", "reference", "masked", "landmarks"),
        alignment="none",
        detail=0.0,
        audio=AudioConfig(width=64, tokens=1),
        denoiser=DenoiserConfig(
            block_channels=(256, 512, 768, 1024),
            layers_per_block=2,
            heads=8,
            token_dim=128,
            landmark_tokens=1,
            norm_groups=32,
        ),
    )
    recipe = BackboneRecipe(
        denoiser=OptimiserConfig(steps=400_000, batch=32, learning_rate=1e-4, average=0.9999),
        further=OptimiserConfig(steps=100_000, batch=32, learning_rate=5e-5, average=0.9999),
        detail_weight=0.0,
        masked=1.0,
        nearby_reference=0.0,
        identity_weight=0.0,
        synchrony_weight=0.0,
    )
    return BackbonePreset("DiffTalk's network, on its VQ-f4 autoencoder.", config, recipe, True)


def privfedtalk(size: int) -> BackbonePreset:
    """Returns our `paper` network on PrivFedTalk's schedule (arXiv 2604.08037): T = 250, β from 1e-4 to 2e-2.

    The source names neither width nor depth; its identity token and its conditions are this network's.
    """
    found = paper(size)
    schedule = DiffusionConfig(timesteps=250, beta_start=1e-4, beta_end=2e-2)
    return found._replace(
        about="Ours for a GPU on PrivFedTalk's schedule of 250 steps.",
        config=found.config.model_copy(update={"diffusion": schedule}),
    )


PRESETS: Mapping[str, Callable[[int], BackbonePreset]] = {
    "tiny": tiny,
    "base": base,
    "paper": paper,
    "difftalk": difftalk,
    "privfedtalk": privfedtalk,
}

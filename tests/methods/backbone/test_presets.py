"""Every preset makes a network, at every size that prepared corpora have."""

from __future__ import annotations

import pytest
import torch

from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.backbone.presets import PRESETS, difftalk, privfedtalk


@pytest.mark.parametrize("size", [64, 128, 256])
@pytest.mark.parametrize("name", PRESETS)
def test_a_network_can_be_made(name, size):
    preset = PRESETS[name](size)
    with torch.device("meta"):
        backbone = Backbone.initial(preset.config, 0)
    assert backbone.latent_shape[1] == size // preset.config.autoencoder.cell
    assert preset.about


def test_the_published_schedules_are_the_sources():
    """PrivFedTalk: 250 steps, 1e-4 to 2e-2. DiffTalk: 1000 steps, .0015 to .0195, widths 256 times 1-2-3-4."""
    theirs = privfedtalk(128).config.diffusion
    assert (theirs.timesteps, theirs.beta_start, theirs.beta_end) == (250, 1e-4, 2e-2)
    other = difftalk(256)
    assert other.config.denoiser.block_channels == tuple(256 * k for k in (1, 2, 3, 4))
    assert (other.config.diffusion.timesteps, other.config.diffusion.beta_end) == (1000, 0.0195)
    assert other.published_autoencoder

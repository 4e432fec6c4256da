"""The recipe of the purifier at toy size, and a validation that knows its limits."""

from __future__ import annotations

import pytest
import torch

from privtalk.attacks.purification.pixel_diffusion import (
    WEIGHTS,
    PixelDiffusion,
    PixelDiffusionConfig,
    load,
)
from privtalk.bench.corpus.rendered.embedded import character, film
from privtalk.bench.pretraining.pools import Pool
from privtalk.bench.pretraining.purifier import CHECKED_AT, PurifierRecipe, pretrain_purifier, validate
from privtalk.core.files import file_hash
from privtalk.methods.backbone.autoencoder import to_images
from privtalk.methods.backbone.optimise import OptimiserConfig

TOY = PixelDiffusionConfig(block_channels=(8, 8), norm_groups=4)
SIZE = 16


def frames(count, seed=0):
    draw = torch.Generator().manual_seed(seed)
    return torch.randint(64, 192, (count, SIZE, SIZE, 3), generator=draw, dtype=torch.uint8)


class Oracle(PixelDiffusion):
    """Knows the images, and so the noise in whatever it is shown; `off` is what it adds to it."""

    def __init__(self, images, off=0.0):
        super().__init__(TOY)
        self.images, self.off, self.shown = images, off, []

    def forward(self, noisy, t):
        self.shown.append(len(noisy))
        a, s = self.rates(int(t[0]))
        return (noisy - a * self.images) / s + self.off


class Silent(PixelDiffusion):
    """Sees no noise in anything."""

    def forward(self, noisy, t):
        return torch.zeros_like(noisy)


def test_whoever_knows_the_noise_removes_it():
    found = validate(Oracle(to_images(frames(4))), frames(4))
    assert list(found) == [name for t in CHECKED_AT for name in (f"psnr at {t}", f"psnr at {t}, noisy")]
    assert all(found[f"psnr at {t}"] > 80 for t in CHECKED_AT)


def test_whoever_sees_no_noise_leaves_it():
    found = validate(Silent(TOY), frames(4))
    for t in CHECKED_AT:
        assert found[f"psnr at {t}"] == pytest.approx(found[f"psnr at {t}, noisy"], abs=1e-4)
    levels = [found[f"psnr at {t}, noisy"] for t in CHECKED_AT]
    assert levels == sorted(levels, reverse=True)


@pytest.mark.parametrize("off", [0.05, 0.1])
def test_an_error_of_the_noise_costs_what_it_should(off):
    """x0 is off by s / a times it: PSNR over a range of 2."""
    model = Oracle(to_images(frames(4)), off)
    found = validate(model, frames(4))
    a, s = model.rates(CHECKED_AT[0])
    error = torch.tensor(off * s / a)
    assert found[f"psnr at {CHECKED_AT[0]}"] == pytest.approx(float(20 * torch.log10(2 / error)), abs=1e-3)


@pytest.mark.parametrize(("given", "count", "seen"), [(3, 96, 3), (9, 4, 4)])
def test_it_looks_at_so_many_frames_and_no_more(given, count, seen):
    picked = frames(given)[torch.linspace(0, given - 1, seen).long()]
    model = Oracle(to_images(picked))
    found = validate(model, frames(given), count)
    assert set(model.shown) == {seen}
    assert found[f"psnr at {CHECKED_AT[0]}"] > 80  # they are spread evenly


def test_the_embedded_weights_denoise_people_they_never_saw():
    clips = [film(character(0, "heldout", 7100 + k), "test", 0, 2, 64) for k in (0, 1)]
    shown = torch.cat([torch.from_numpy(clip.frames) for clip in clips])
    found = validate(load(), shown)
    for t, gain in zip(CHECKED_AT, (5, 7, 9, 10), strict=True):
        assert found[f"psnr at {t}"] > found[f"psnr at {t}, noisy"] + gain


@pytest.fixture(scope="module")
def trained(world, tmp_path_factory):
    out = tmp_path_factory.mktemp("purifier")
    recipe = PurifierRecipe(optimiser=OptimiserConfig(steps=2, batch=4, learning_rate=1e-3, report_every=1))
    pool = Pool(size=32, people=2, clips=1, frames=2, validation_people=2, validation_frames=2)
    told = []
    manifest = pretrain_purifier(
        out, recipe, pool, 1, lambda stage, done, total, loss: told.append(stage), config=TOY
    )
    return out, manifest, told, recipe, pool


def test_what_is_written_is_what_is_loaded(trained):
    out, manifest, told, _, _ = trained
    assert manifest.sha256 == file_hash(out / WEIGHTS)
    assert load(out).config == TOY
    assert manifest.trained_on["people"] == 2
    assert manifest.trained_on["frames"] == 4
    assert [step for step, _ in manifest.curve] == [1, 2]
    assert set(manifest.validation) == {f"psnr at {t}{more}" for t in CHECKED_AT for more in ("", ", noisy")}
    assert set(told) == {"corpus", "purifier"}


def test_a_finished_recipe_is_not_done_again(trained):
    out, manifest, _, recipe, pool = trained
    before, told = file_hash(out / WEIGHTS), []
    again = pretrain_purifier(
        out, recipe, pool, 1, lambda stage, done, total, loss: told.append(stage), config=TOY
    )
    assert told == []
    assert again.validation == manifest.validation
    assert (file_hash(out / WEIGHTS), again.curve) == (before, manifest.curve)

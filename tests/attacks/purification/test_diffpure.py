"""DiffPure and GrIDPure with models whose answer is known, and the tiles."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from privtalk.attacks.purification import diffpure
from privtalk.attacks.purification.attacker import AttackedPortraits
from privtalk.attacks.purification.diffpure import (
    BLEND,
    START,
    STEPS,
    DiffPure,
    GrIDPure,
    by_tiles,
    diffused,
    drawn,
    tiles,
)
from privtalk.attacks.purification.pixel_diffusion import PixelDiffusion, PixelDiffusionConfig
from privtalk.methods.backbone.autoencoder import to_frames, to_images
from privtalk.methods.backbone.backbone import Backbone

TINY = PixelDiffusionConfig(block_channels=(8, 8), norm_groups=4)


class Finding(PixelDiffusion):
    """Finds the same image in whatever it is given."""

    def __init__(self, image: Tensor) -> None:
        super().__init__(TINY)
        self.image = image
        self.visited: list[int] = []

    def forward(self, noisy: Tensor, t: Tensor) -> Tensor:
        self.visited.append(int(t[0]))
        a, s = self.rates(int(t[0]))
        return (noisy - a * self.image) / s


def generators(*seeds: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def images(count: int = 2, size: int = 16) -> Tensor:
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(0)) * 2 - 1


def test_diffpure_with_a_perfect_model_returns_the_photo(
    portraits: AttackedPortraits, backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Finding(to_images(portraits.photos))
    monkeypatch.setattr(diffpure, "load", lambda: model)
    found = DiffPure().purify(portraits, backbone, generators(0, 1, 2))
    assert torch.equal(found, portraits.photos)
    assert len(model.visited) == STEPS
    assert max(model.visited) == model.visited[0] == START


def test_diffpures_start_has_the_timesteps_share_of_the_photo(
    portraits: AttackedPortraits, backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Tensor] = []

    class Watching(Finding):
        def forward(self, noisy: Tensor, t: Tensor) -> Tensor:
            seen.append(noisy)
            return super().forward(noisy, t)

    photos = to_images(portraits.photos)
    monkeypatch.setattr(diffpure, "load", lambda: Watching(photos))
    DiffPure().purify(portraits, backbone, generators(0, 1, 2))
    a, s = PixelDiffusion(TINY).rates(START)
    noise = (seen[0] - a * photos) / s
    assert float(noise.mean()) == pytest.approx(0, abs=0.05)
    assert float(noise.std()) == pytest.approx(1, abs=0.05)


def test_gridpure_keeps_its_share_of_the_photo(
    portraits: AttackedPortraits, backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a model that finds grey everywhere, nothing else is left."""
    grey = Finding(torch.zeros(()))
    monkeypatch.setattr(diffpure, "load", lambda: grey)
    found = GrIDPure().purify(portraits, backbone, generators(0, 1, 2))
    kept = to_frames(BLEND * to_images(portraits.photos))
    assert (found.int() - kept.int()).abs().max() <= 1
    assert len(grey.visited) == diffpure.GRID_TIMES
    assert set(grey.visited) == {diffpure.GRID_START}


def test_what_is_diffused_is_the_mix_of_image_and_noise() -> None:
    model, x = PixelDiffusion(TINY), images()
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(1))
    assert torch.equal(diffused(model, x, -1, noise), x)
    kept = model.kept[100]
    torch.testing.assert_close(diffused(model, x, 100, noise), kept.sqrt() * x + (1 - kept).sqrt() * noise)


def test_each_image_is_drawn_noise_from_its_own_generator() -> None:
    x = images(3)
    found = drawn(x, generators(4, 5, 6))
    assert torch.equal(found[1:2], drawn(x[1:2], generators(5)))
    assert not torch.equal(found[0], found[1])
    assert float(found.std()) == pytest.approx(1, abs=0.05)


@given(quarter=st.integers(1, 20))
def test_tiles_are_half_as_large_and_cover_every_pixel(quarter: int) -> None:
    size = 4 * quarter
    count, places = torch.zeros(size, size, dtype=torch.int64), list(tiles(size))
    for rows, columns in places:
        assert rows.stop - rows.start == columns.stop - columns.start == size // 2
        count[rows, columns] += 1
    assert len(places) == 9
    assert count.sum() == 9 * (size // 2) ** 2
    assert (count.min(), count.max()) == (1, 4)


@pytest.mark.parametrize("size", [16, 32])
def test_tiles_that_stay_make_the_image(size: int) -> None:
    x = images(2, size)
    torch.testing.assert_close(by_tiles(lambda part: part, x), x)
    torch.testing.assert_close(by_tiles(lambda part: 2 * part + 1, x), 2 * x + 1)


def test_tiles_come_back_to_their_place_and_their_image() -> None:
    """Every tile is made its mean; the oracle goes through images and tiles one by one."""
    x = images(3)
    expected, count = torch.zeros_like(x), torch.zeros(16, 16)
    for rows, columns in tiles(16):
        count[rows, columns] += 1
        for k in range(3):
            expected[k, :, rows, columns] += x[k, :, rows, columns].mean((1, 2), keepdim=True)
    found = by_tiles(lambda part: part.mean((2, 3), keepdim=True).expand_as(part), x)
    torch.testing.assert_close(found, expected / count)

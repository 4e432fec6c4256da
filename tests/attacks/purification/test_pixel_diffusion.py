"""The diffusion model of pixels: sampling by one that knows the noise, DDPM's posterior, and files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from privtalk.attacks.purification.pixel_diffusion import (
    MANIFEST,
    MOST_NOISE,
    WEIGHTS,
    PixelDiffusion,
    PixelDiffusionConfig,
    embedded,
    load,
)
from privtalk.core.tensor_files import tensor_bytes

TINY = PixelDiffusionConfig(block_channels=(8, 8), norm_groups=4)
BETAS = np.linspace(1e-4, 0.02, 1000)
KEPT = np.cumprod(1 - BETAS)


class Knowing(PixelDiffusion):
    """Knows the clean images, and so the noise in any others."""

    def __init__(self, clean: Tensor) -> None:
        super().__init__(TINY)
        self.clean = clean
        self.seen: list[tuple[int, Tensor]] = []

    def forward(self, noisy: Tensor, t: Tensor) -> Tensor:
        self.seen.append((int(t[0]), noisy))
        kept = self.kept[t][:, None, None, None]
        return (noisy - kept.sqrt() * self.clean) / (1 - kept).sqrt()


def normal(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def source(seed: int, *shape: int) -> Callable[[], Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return lambda: torch.randn(shape, generator=generator)


@pytest.fixture
def clean() -> Tensor:
    return torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 1.8 - 0.9


@pytest.mark.parametrize("t", [0, 7, 299, 999])
def test_rates_are_those_of_ddpms_schedule(t: int) -> None:
    a, s = PixelDiffusion(TINY).rates(t)
    assert (a, s) == pytest.approx((KEPT[t] ** 0.5, (1 - KEPT[t]) ** 0.5), rel=1e-3)
    assert a**2 + s**2 == pytest.approx(1)


def test_below_the_first_timestep_there_is_no_noise() -> None:
    assert PixelDiffusion(TINY).rates(-1) == (1.0, 0.0)


@pytest.mark.parametrize("ancestral", [False, True])
@pytest.mark.parametrize("steps", [1, 2, 10, 100])
def test_who_knows_the_noise_finds_the_clean_image_in_any_number_of_steps(
    steps: int, ancestral: bool, clean: Tensor
) -> None:
    model = Knowing(clean)
    a, s = model.rates(100)
    noisy = a * clean + s * normal(1, *clean.shape)
    noise = source(2, *clean.shape) if ancestral else None
    found = model.denoise(noisy, 100, steps, noise)
    torch.testing.assert_close(found, clean, atol=1e-4, rtol=0)
    visited = [t for t, _ in model.seen]
    assert visited == np.linspace(100, 0, steps, endpoint=False).round().tolist()
    assert (found - noisy).abs().mean() > 0.1


def test_the_deterministic_path_keeps_the_noise_that_it_found(clean: Tensor) -> None:
    model, noise = Knowing(clean), normal(1, *clean.shape)
    a, s = model.rates(200)
    model.denoise(a * clean + s * noise, 200, 5)
    for t, seen in model.seen:
        b, r = model.rates(t)
        torch.testing.assert_close(seen, b * clean + r * noise, atol=1e-3, rtol=0)


def test_the_ancestral_path_is_ddpms_posterior_between_neighbouring_timesteps(clean: Tensor) -> None:
    """Ho et al. 2020, equations 6 and 7, in NumPy."""
    model, start = Knowing(clean), 20
    a, s = model.rates(start)
    model.denoise(a * clean + s * normal(1, *clean.shape), start, start, source(2, *clean.shape))
    draw = source(2, *clean.shape)
    for (t, x), (following, found) in zip(model.seen, model.seen[1:], strict=False):
        assert following == t - 1
        beta, kept, before = BETAS[t], KEPT[t], KEPT[t - 1]
        mean = before**0.5 * beta / (1 - kept) * clean
        mean = mean + (1 - beta) ** 0.5 * (1 - before) / (1 - kept) * x
        deviation = ((1 - before) / (1 - kept) * beta) ** 0.5
        torch.testing.assert_close(found, mean + deviation * draw(), atol=2e-3 * deviation, rtol=2e-4)


def test_the_ancestral_path_has_every_timesteps_spread_however_far_its_steps() -> None:
    clean = torch.zeros(8, 3, 32, 32)
    model = Knowing(clean)
    model.denoise(model.rates(300)[1] * normal(1, *clean.shape), 300, 4, source(2, *clean.shape))
    for t, seen in model.seen:
        assert float(seen.std()) == pytest.approx(model.rates(t)[1], rel=0.02)


def test_what_is_found_is_a_colour() -> None:
    """A network that finds no noise takes noise for the image; colours have bounds."""
    model = PixelDiffusion.initial(TINY, 0)
    for weight in model.parameters():
        torch.nn.init.zeros_(weight)
    found = model.denoise(5 * normal(0, 1, 3, 16, 16), 100, 1)
    assert found.abs().max() == 1


def test_the_loss_is_nothing_for_who_knows_the_noise_and_its_square_for_who_finds_none(clean: Tensor) -> None:
    t, noise = torch.tensor([3, 250]), normal(1, *clean.shape)
    assert Knowing(clean).loss(clean, t, noise).tolist() == pytest.approx([0, 0], abs=1e-6)
    model = PixelDiffusion.initial(TINY, 0)
    for weight in model.parameters():
        torch.nn.init.zeros_(weight)
    torch.testing.assert_close(model.loss(clean, t, noise), noise.square().mean((1, 2, 3)))


def test_an_initial_network_is_its_seeds_and_the_global_generator_is_left_alone() -> None:
    state = torch.random.get_rng_state()
    a, b, c = (PixelDiffusion.initial(TINY, seed) for seed in (0, 0, 1))
    assert torch.equal(torch.random.get_rng_state(), state)
    x, t = normal(0, 2, 3, 16, 24), torch.tensor([3, 250])
    assert torch.equal(a(x, t), b(x, t))
    assert not torch.equal(a(x, t), c(x, t))
    assert not torch.allclose(a(x, t)[0], a(x, t.flip(0))[0])  # it hears the timestep


# ---- files


def written(folder: Path, model: PixelDiffusion, **changes: object) -> Path:
    """As `bench pretrain purifier` writes it."""
    data = tensor_bytes({name: t.to(torch.float16) for name, t in model.state_dict().items()})
    (folder / WEIGHTS).write_bytes(data)
    manifest = {
        "config": model.config.model_dump(mode="json"),
        "sha256": hashlib.sha256(data).hexdigest(),
        "trained_on": {"people": 3},
    }
    (folder / MANIFEST).write_text(json.dumps(manifest | changes))
    return folder


def test_what_is_written_is_loaded_frozen_and_to_half_precision(tmp_path: Path) -> None:
    model = PixelDiffusion.initial(TINY, 5)
    found = load(written(tmp_path, model))
    assert found.config == TINY
    assert not found.training
    assert not any(p.requires_grad for p in found.parameters())
    assert found.state_dict().keys() == model.state_dict().keys()
    for name, weight in found.state_dict().items():
        assert torch.equal(weight, model.state_dict()[name].half().float())
    x, t = normal(0, 2, 3, 16, 16), torch.tensor([3, 250])
    torch.testing.assert_close(found(x, t), model.eval()(x, t), atol=1e-2, rtol=1e-2)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sha256": "0" * 64}, "the weights are not those that the manifest names"),
        ({"sha256": None}, "the weights are not those that the manifest names"),
        ({"config": {"block_channels": [8, 16], "norm_groups": 4}}, "Error.* in loading state_dict"),
        ({"config": {"block_channels": "many"}}, "validation error"),
        ({"config": {"colour": 3}}, "validation error"),
        ({"config": {"block_channels": [8, 8], "norm_groups": 5}}, "divisible"),
        ({"config": {"block_channels": [8, 8], "norm_groups": 0}}, "zero"),
        ({"config": {"block_channels": []}}, "out of range"),
    ],
)
def test_a_folder_that_does_not_hold_what_it_says_is_refused_in_one_line(
    changes: dict[str, object], said: str, tmp_path: Path
) -> None:
    folder = written(tmp_path, PixelDiffusion.initial(TINY, 5), **changes)
    with pytest.raises(ValueError, match=said) as refused:
        load(folder)
    check_line(refused.value, folder)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", '{"config": {}}', "\x00"])
def test_a_manifest_that_says_nothing_is_refused_in_one_line(text: str, tmp_path: Path) -> None:
    folder = written(tmp_path, PixelDiffusion.initial(TINY, 5))
    (folder / MANIFEST).write_text(text)
    with pytest.raises(ValueError, match="no pixel diffusion model") as refused:
        load(folder)
    check_line(refused.value, folder)


@pytest.mark.parametrize("gone", [WEIGHTS, MANIFEST])
def test_a_folder_that_lacks_a_file_is_refused_in_one_line(gone: str, tmp_path: Path) -> None:
    folder = written(tmp_path, PixelDiffusion.initial(TINY, 5))
    (folder / gone).unlink()
    for place in (folder, tmp_path / "nowhere"):
        with pytest.raises(ValueError, match="No such file") as refused:
            load(place)
        check_line(refused.value, place)


def test_weights_that_are_no_tensors_are_refused_in_one_line(tmp_path: Path) -> None:
    folder = written(tmp_path, PixelDiffusion.initial(TINY, 5), sha256=hashlib.sha256(b"text").hexdigest())
    (folder / WEIGHTS).write_bytes(b"text")
    with pytest.raises(ValueError, match="no pixel diffusion model") as refused:
        load(folder)
    check_line(refused.value, folder)


def check_line(error: ValueError, folder: Path) -> None:
    line = str(error)
    assert "\n" not in line
    assert line.startswith(f"{folder}: no pixel diffusion model (")
    assert line.endswith(f"; make one with: bench pretrain purifier -o {folder}")


def test_the_embedded_network_finds_noise_at_the_levels_that_it_was_trained_for() -> None:
    model = load()
    assert model is load()
    assert json.loads((embedded() / MANIFEST).read_text())["config"] == model.config.model_dump(mode="json")
    smooth = F.interpolate(torch.rand(4, 3, 4, 4, generator=torch.Generator().manual_seed(0)) - 0.5, size=32)
    for t in (100, MOST_NOISE - 1):
        assert model.loss(smooth, torch.full((4,), t), normal(1, *smooth.shape)).max() < 0.6

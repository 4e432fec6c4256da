"""The diffusion process against identities and diffusers' own scheduler."""

from __future__ import annotations

import pytest
import torch

from privtalk.methods.backbone.config import DiffusionConfig
from privtalk.methods.backbone.denoiser import Diffusion

SHAPE = (5, 2, 4, 4, 4)


@pytest.fixture
def process() -> Diffusion:
    return Diffusion(DiffusionConfig())


@pytest.fixture
def drawn() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    g = torch.Generator().manual_seed(0)
    return (
        torch.randn(SHAPE, generator=g),
        torch.randn(SHAPE, generator=g),
        torch.tensor([0, 10, 500, 900, 999]),
    )


def test_noise_and_latents_follow_from_the_velocity(
    process: Diffusion, drawn: tuple[torch.Tensor, ...]
) -> None:
    latents, noise, t = drawn
    noisy, v = process.add_noise(latents, noise, t), process.velocity(latents, noise, t)
    torch.testing.assert_close(process.noise_from_velocity(noisy, v, t), noise, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(process.latents_from_velocity(noisy, v, t), latents, atol=1e-4, rtol=1e-4)


def test_noising_agrees_with_diffusers(process: Diffusion, drawn: tuple[torch.Tensor, ...]) -> None:
    latents, noise, t = drawn
    torch.testing.assert_close(
        process.add_noise(latents, noise, t), process.scheduler.add_noise(latents, noise, t)
    )
    torch.testing.assert_close(
        process.velocity(latents, noise, t), process.scheduler.get_velocity(latents, noise, t)
    )


@pytest.mark.parametrize("steps", [4, 10])
def test_a_ddim_step_agrees_with_diffusers(process: Diffusion, steps: int) -> None:
    g = torch.Generator().manual_seed(1)
    noisy, v = torch.randn(2, 1, 4, 4, 4, generator=g), torch.randn(2, 1, 4, 4, 4, generator=g)
    schedule = process.sampling_steps(steps)
    assert schedule[0] == 999
    t, previous = schedule[1], schedule[2]
    expected = process.scheduler.step(v, t, noisy, eta=0.0).prev_sample
    torch.testing.assert_close(process.step(noisy, v, t, previous), expected, atol=1e-5, rtol=1e-4)


def test_the_last_step_gives_the_data(process: Diffusion, drawn: tuple[torch.Tensor, ...]) -> None:
    latents, noise, _ = drawn
    t = torch.full((5,), 99)
    noisy, v = process.add_noise(latents, noise, t), process.velocity(latents, noise, t)
    torch.testing.assert_close(process.step(noisy, v, 99, None), latents, atol=1e-4, rtol=1e-4)

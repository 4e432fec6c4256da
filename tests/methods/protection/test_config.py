"""The timesteps that a denoiser is attacked at."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError

from privtalk.methods.backbone.config import DiffusionConfig
from privtalk.methods.backbone.denoiser import Diffusion
from privtalk.methods.protection.config import (
    HALLO_KEPT,
    PUBLISHED,
    ProtectionConfig,
    Timesteps,
    timestep_range,
)

DIFFUSION = Diffusion(DiffusionConfig())


def found(timesteps: Timesteps, sampling_steps: int = 2, diffusion: Diffusion = DIFFUSION) -> list[int]:
    config = ProtectionConfig(timesteps=timesteps, sampling_steps=sampling_steps)
    range_ = timestep_range(config, diffusion)
    assert range_.dtype == torch.int64
    return range_.tolist()


@pytest.mark.parametrize("steps", [1, 2, 7])
def test_sampler_means_the_steps_that_sampling_visits(steps: int) -> None:
    assert found("sampler", steps) == DIFFUSION.sampling_steps(steps)
    assert len(found("sampler", steps)) == steps


def test_uniform_means_all() -> None:
    assert found("uniform") == list(range(1000))


def test_published_means_the_codes_indices_as_far_as_a_schedule_has_them() -> None:
    assert found("published") == list(range(200, 300))
    assert found("published", diffusion=Diffusion(DiffusionConfig(timesteps=250))) == list(range(200, 250))


def test_matched_means_all_steps_of_that_much_signal_and_no_others() -> None:
    config = DiffusionConfig()
    betas = torch.linspace(config.beta_start, config.beta_end, config.timesteps, dtype=torch.float64)
    kept = (1 - betas).cumprod(0)
    inside = (kept <= HALLO_KEPT[0]) & (kept >= HALLO_KEPT[1])
    assert found("matched") == torch.nonzero(inside)[:, 0].tolist()


def test_the_published_victims_signal_is_that_of_its_schedule() -> None:
    """Stable Diffusion 1.5's betas, shifted to no signal at the end (Lin et al. 2024) as Hallo has them."""
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
    root = (1 - betas).cumprod(0).sqrt()
    shifted = (root - root[-1]) * root[0] / (root[0] - root[-1])
    assert shifted[list(PUBLISHED)].square().tolist() == pytest.approx(HALLO_KEPT, abs=5e-4)


@pytest.mark.parametrize("wrong", [{"iterations": -1}, {"step": 0}, {"last_step": 1.1}, {"timesteps": "few"}])
def test_settings_that_mean_nothing_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ProtectionConfig.model_validate(wrong)

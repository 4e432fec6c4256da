"""The denoising UNet and its diffusion process."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn

from privtalk.core import torchvision_guard as torchvision_guard  # before diffusers

from diffusers import DDIMScheduler, UNet2DConditionModel  # isort: skip

from privtalk.methods.backbone.config import BackboneConfig, DiffusionConfig


def build_unet(config: BackboneConfig, vector_dim: int) -> nn.Module:
    """UNet whose input is (noisy, masked, reference) latents, 3C channels, as DiffTalk's, and whose output is v.

    Where the reference is aligned, its pixels are further channels: those of a latent position together.
    """
    channels, denoiser = config.autoencoder.latent_channels, config.denoiser
    aligned = 3 * config.autoencoder.cell**2 if config.aligns else 0
    stages = len(denoiser.block_channels)
    unet: Any = UNet2DConditionModel(
        sample_size=config.latent_size,
        in_channels=3 * channels + aligned,
        out_channels=channels,
        down_block_types=("CrossAttnDownBlock2D",) * stages,
        up_block_types=("CrossAttnUpBlock2D",) * stages,
        block_out_channels=denoiser.block_channels,
        layers_per_block=denoiser.layers_per_block,
        cross_attention_dim=denoiser.token_dim,
        # diffusers reads this as the number of heads (its issue 2011)
        attention_head_dim=denoiser.heads,
        norm_num_groups=denoiser.norm_groups,
        class_embed_type="projection",
        projection_class_embeddings_input_dim=vector_dim,
    )
    return cast(nn.Module, unet)


def build_scheduler(config: DiffusionConfig) -> Any:
    """DDIM with η = 0 on a linear β schedule; "trailing" spacing starts at the last timestep."""
    return DDIMScheduler(
        num_train_timesteps=config.timesteps,
        beta_start=config.beta_start,
        beta_end=config.beta_end,
        beta_schedule="linear",
        prediction_type="v_prediction",
        timestep_spacing="trailing",
        clip_sample=False,
        set_alpha_to_one=True,
    )


class Diffusion:
    """x_t = a_t x_0 + s_t ε with a_t² + s_t² = 1; v = a_t ε − s_t x_0 (Salimans and Ho 2022, appendix D)."""

    def __init__(self, config: DiffusionConfig) -> None:
        self.config = config
        self.scheduler = build_scheduler(config)
        cumulative = self.scheduler.alphas_cumprod.float()
        self.signal, self.noise = cumulative.sqrt(), (1 - cumulative).sqrt()

    def rates(self, t: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
        """(a_t, s_t), each [N, 1, ...] to broadcast against `like` [N, ...]; `t` int64 [N]."""
        shape = (-1,) + (1,) * (like.ndim - 1)
        index = t.to("cpu")
        return self.signal[index].view(shape).to(like), self.noise[index].view(shape).to(like)

    def add_noise(self, latents: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        a, s = self.rates(t, latents)
        return a * latents + s * noise

    def velocity(self, latents: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        a, s = self.rates(t, latents)
        return a * noise - s * latents

    def noise_from_velocity(self, noisy: Tensor, v: Tensor, t: Tensor) -> Tensor:
        """ε = s_t x_t + a_t v."""
        a, s = self.rates(t, noisy)
        return s * noisy + a * v

    def latents_from_velocity(self, noisy: Tensor, v: Tensor, t: Tensor) -> Tensor:
        """x_0 = a_t x_t − s_t v."""
        a, s = self.rates(t, noisy)
        return a * noisy - s * v

    def sampling_steps(self, steps: int) -> list[int]:
        """Timesteps of a DDIM run, from noise to data."""
        self.scheduler.set_timesteps(steps)
        return [int(t) for t in self.scheduler.timesteps]

    def step(self, noisy: Tensor, v: Tensor, t: int, previous: int | None) -> Tensor:
        """One DDIM step (η = 0) from timestep `t` to `previous`, or to the data where that is None."""
        index = torch.full((len(noisy),), t)
        clean = self.latents_from_velocity(noisy, v, index)
        if previous is None:
            return clean
        noise = self.noise_from_velocity(noisy, v, index)
        return self.add_noise(clean, noise, torch.full((len(noisy),), previous))

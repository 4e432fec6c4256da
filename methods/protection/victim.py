"""The talking head that protections are made against: the frozen backbone, differentiable in the portrait.

Shapes: N portraits of H x W pixels in [-1, 1], F frames, C x h x w latents, D audio width, landmarks [.., 78].
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.backbone.conditioning import Batch

GradientPath = Literal["both", "latents", "token"]
"""By which of the portrait's ways into the denoiser gradients flow: its latents, its identity token, or both. The
published code has the first alone (its identity token comes from the clean portrait)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedPortraits:
    """N portraits, before or after protection."""

    names: tuple[str, ...]
    """[N] what a portrait's random draws are named by."""
    images: Tensor
    """[N, 3, H, W] in [-1, 1]."""
    landmarks: Tensor
    """[N, 78] upper face."""

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: slice) -> OwnedPortraits:
        return OwnedPortraits(
            names=self.names[index], images=self.images[index], landmarks=self.landmarks[index]
        )

    def to(self, device: torch.device | str) -> OwnedPortraits:
        """The same on a device."""
        return OwnedPortraits(
            names=self.names, images=self.images.to(device), landmarks=self.landmarks.to(device)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicDrivers:
    """Speech, movement and faces of public people, by which a protection is made: never those it is tested with."""

    audio: Tensor
    """[P, D] smoothed audio features of frames."""
    landmarks: Tensor
    """[P, 78] of the same frames."""
    faces: Tensor
    """[Q, 3, H, W] portraits, among which methods find their targets."""

    def to(self, device: torch.device | str) -> PublicDrivers:
        """The same on a device."""
        return PublicDrivers(
            audio=self.audio.to(device), landmarks=self.landmarks.to(device), faces=self.faces.to(device)
        )


@dataclass(frozen=True, slots=True)
class Victim:
    """A backbone as protections see it."""

    backbone: Backbone
    path: GradientPath = "both"

    def encode(self, images: Tensor) -> Tensor:
        """Returns the latents [N, C, h, w] of images [N, 3, H, W], with gradients."""
        return self.backbone.autoencoder.encode(images)

    def batch(self, reference: Tensor, own: Tensor, audio: Tensor, landmarks: Tensor) -> Batch:
        """Returns the conditions of N windows: reference latents [N, C, h, w], whose landmarks are `own` [N, 78],
        audio [N, F, D], landmarks [N, F, 78].
        """
        seen = reference.detach() if self.path == "token" else reference
        shape = (*audio.shape[:2], *reference.shape[1:])
        return Batch(
            latents=reference.new_zeros(shape),
            audio=audio,
            landmarks=landmarks,
            reference=seen,
            reference_landmarks=own,
        )

    @contextmanager
    def entered(self, reference: Tensor) -> Iterator[None]:
        """While it lasts the identity token is made of `reference`, with gradients only where the path has them."""
        token = reference.detach() if self.path == "latents" else reference
        encoder = self.backbone.conditioning.identity
        handle = encoder.register_forward_pre_hook(lambda module, inputs: (token,))
        try:
            yield
        finally:
            handle.remove()

    def velocity_error(
        self, reference: Tensor, batch: Batch, target: Tensor, t: Tensor, noise: Tensor
    ) -> Tensor:
        """Returns v-prediction minus v of `target` [N, F, C, h, w] at timesteps `t` [N], a tensor like `target`."""
        noisy = self.backbone.add_noise(target, noise, t)
        with self.entered(reference):
            predicted = self.backbone.predict(noisy, t, batch)
        return predicted - self.backbone.diffusion.velocity(target, noise, t)

    def animate(self, reference: Tensor, batch: Batch, noise: Tensor, steps: int) -> Tensor:
        """Returns images [N, F, 3, H, W] after `steps` sampling steps from `noise`, with gradients through them all."""
        diffusion, backbone = self.backbone.diffusion, self.backbone
        visited, noisy = diffusion.sampling_steps(steps), noise
        aligned = backbone.aligned(batch)
        with self.entered(reference):
            for t, following in zip(visited, [*visited[1:], None], strict=True):
                v = backbone.predict(noisy, torch.full((len(batch),), t), batch, aligned)
                noisy = diffusion.step(noisy, v, t, following)
        return backbone.autoencoder.decode(noisy.flatten(0, 1)).unflatten(0, noisy.shape[:2])

"""The belief of an attacker about a face before a message is read: principal components of public people's latents.

    x = μ + Σ_j c_j s_j u_j,   c ~ N(0, I)

u_j, s_j are directions and standard deviations of public people's mean latents. μ alone, decoded, is the prior-only
baseline that every reconstruction is measured against. Conditions that the attacker does not see (sound, landmarks)
are public means, and the reference frame is the face itself.

Shape legend: P public people, K faces, N windows of F frames, latents C x h x w, k components.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from privtalk.methods.backbone.conditioning import Batch


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicPrior:
    """A Gaussian over faces in latent space."""

    mean: Tensor
    """[C, h, w] μ."""
    basis: Tensor
    """[k, C·h·w] orthonormal u, by falling s."""
    scale: Tensor
    """[k] s."""
    audio: Tensor
    """[D] mean sound."""
    landmarks: Tensor
    """[78] mean landmarks."""

    @classmethod
    def of(cls, people: Sequence[Batch], components: int = 40) -> PublicPrior:
        """From at least two people; at most P - 1 components."""
        if len(people) < 2 or components < 1:
            raise ValueError(f"{len(people)} public people, {components} components; need 2 and 1 at least")
        faces = looks(people)
        mean = faces.mean(0)
        _, values, basis = torch.linalg.svd((faces - mean).flatten(1), full_matrices=False)
        k = min(components, len(people) - 1)
        return cls(
            mean=mean,
            basis=basis[:k],
            scale=values[:k] / (len(people) - 1) ** 0.5,
            audio=torch.stack([p.audio.mean((0, 1)) for p in people]).mean(0),
            landmarks=torch.stack([p.landmarks.mean((0, 1)) for p in people]).mean(0),
        )

    def faces(self, coefficients: Tensor) -> Tensor:
        """[K, C, h, w] of coefficients [K, k]; 0 is μ."""
        return self.mean + ((coefficients * self.scale) @ self.basis).unflatten(1, self.mean.shape)

    def coefficients(self, faces: Tensor) -> Tensor:
        """[K, k] of the nearest face in the span, of faces [K, C, h, w]."""
        return (faces - self.mean).flatten(1) @ self.basis.T / self.scale.clamp(min=1e-12)

    def batch(self, latents: Tensor) -> Batch:
        """Windows of latents [N, F, C, h, w] under the conditions that the attacker assumes."""
        n, f = latents.shape[:2]
        return Batch(
            latents=latents,
            audio=self.audio.expand(n, f, -1),
            landmarks=self.landmarks.expand(n, f, -1),
            reference=latents.mean(1),
            reference_landmarks=self.landmarks.expand(n, -1),
        )


def looks(people: Sequence[Batch]) -> Tensor:
    """[P, C, h, w] mean latents of each person over windows and frames."""
    return torch.stack([person.latents.mean((0, 1)) for person in people])

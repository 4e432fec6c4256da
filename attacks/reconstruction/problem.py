"""The question of gradient matching in this benchmark: which latents give this client's update?

    made(x, ..) = Δ(x, t, ε; θ_0) of the client's recipe, steps unrolled (`simulation.update`)

Unknown are the latents, and unless a secret is out, timesteps, noise and conditions. The face is taken to be the same
in all steps of a round: one picture is asked for, not S.

Shape legend: K victims, S local steps, windows of F frames, latents C x h x w, d trainable numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from privtalk.attacks.reconstruction.matching import Problem
from privtalk.attacks.reconstruction.prior import PublicPrior
from privtalk.attacks.reconstruction.simulation import LocalAlgorithm, update
from privtalk.methods.adapters import AdapterBank
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.backbone.conditioning import Batch
from privtalk.methods.federation.clients import Draw


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """The secrets of a client with a leaked seed: an attacker with them is the planted positive, not the server."""

    steps: tuple[Draw, ...]
    """S draws of K windows; their latents are never read."""
    conditions: bool = False
    """Sound, landmarks and the reference frame are known too."""

    def of(self, index: Tensor) -> Secrets:
        """The secrets of the victims at `index`."""
        return replace(self, steps=tuple(drawn[index] for drawn in self.steps))


@dataclass(frozen=True, slots=True, kw_only=True)
class InversionSetting:
    """The quantities that the attacker computes with: all of it public but the messages."""

    backbone: Backbone
    template: AdapterBank
    algorithm: LocalAlgorithm
    prior: PublicPrior
    start: Tensor
    """[d], or [K, d] one a victim: the adapter that the round started from."""
    seen: Tensor
    """[K, d] messages."""

    def prior_latents(self, frames: int) -> Tensor:
        """[K, F, C, h, w] μ in every frame."""
        return self.prior.mean.expand(len(self.seen), frames, *self.prior.mean.shape).clone()

    def noise_shape(self, frames: int) -> tuple[int, ...]:
        """(K, S, F, C, h, w)."""
        return len(self.seen), self.algorithm.steps, frames, *self.prior.mean.shape


def made(
    setting: InversionSetting, latents: Tensor, noise: Tensor, t: Tensor, secrets: Secrets | None = None
) -> Tensor:
    """[K, d] update that latents [K, F, C, h, w], noise [K, S, F, C, h, w] and timesteps `t` [K, S] give."""
    batch = setting.prior.batch(latents)
    draws = [
        Draw(batch=_conditions(batch, secrets, s), t=t[:, s], noise=noise[:, s]) for s in range(t.shape[1])
    ]
    start = setting.start.expand(len(latents), -1)
    return update(setting.backbone, setting.template, start, draws, setting.algorithm, create_graph=True)


def _conditions(batch: Batch, secrets: Secrets | None, step: int) -> Batch:
    if secrets is None or not secrets.conditions:
        return batch
    return replace(secrets.steps[step].batch, latents=batch.latents)


def known(setting: InversionSetting, secrets: Secrets) -> Problem:
    """The problem whose one unknown is the latents."""
    noise, t = secret_noise(secrets)

    def gradient(unknowns: Sequence[Tensor]) -> Tensor:
        return made(setting, unknowns[0], noise, t, secrets)

    return Problem(gradient, setting.seen)


def guessed(setting: InversionSetting, noise: Tensor, t: Tensor) -> Problem:
    """The problem of an attacker who takes one guess of noise and timesteps for the truth."""

    def gradient(unknowns: Sequence[Tensor]) -> Tensor:
        return made(setting, unknowns[0], noise, t)

    return Problem(gradient, setting.seen)


def secret_noise(secrets: Secrets) -> tuple[Tensor, Tensor]:
    """([K, S, F, C, h, w] noise, int64 [K, S] timesteps)."""
    noise = torch.stack([drawn.noise for drawn in secrets.steps], dim=1)
    return noise, torch.stack([drawn.t for drawn in secrets.steps], dim=1)

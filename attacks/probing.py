"""Probing a network with people's windows: equal timesteps and noise for everybody, by named streams.

What is left then differs by the person and the adapter alone.

Shape legend: P people of W windows each, S timesteps, D noise draws, windows of F frames, latents C x h x w, d
trainable numbers of one adapter.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from privtalk.attacks.views import Adapt, Bank, FrozenBackbone
from privtalk.core.streams import Stream
from privtalk.methods.adapters import adapted
from privtalk.methods.backbone.conditioning import Batch

CHUNK = 64
"""Windows in one forward pass, which bounds the memory."""

Scores = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Suspect:
    """A network under question: the backbone with an adapter, or without one (None)."""

    backbone: FrozenBackbone
    adapter: Bank | None
    """A bank of one."""
    adapt: Adapt = field(default=adapted, repr=False)

    def ready(self) -> AbstractContextManager[Any]:
        """Inside, the backbone's passes use the adapter."""
        return nullcontext() if self.adapter is None else self.adapt(self.backbone.denoiser, self.adapter)


@dataclass(frozen=True, kw_only=True)
class Probes:
    """The draws that every person is probed with."""

    timesteps: Sequence[int]
    noise: Tensor
    """[W, S, D, F, C, h, w] for window w, timestep s, draw d."""

    def of(self, people: Sequence[Batch]) -> Iterator[tuple[Batch, Tensor, Tensor]]:
        """(windows, timesteps [N], noise [N, F, C, h, w]) of everybody in turn, every window at every timestep and
        draw, in chunks that span people.
        """
        each, steps = self.noise.shape[1:3], torch.as_tensor(self.timesteps, dtype=torch.int64)
        owner = torch.repeat_interleave(torch.tensor([len(person) for person in people]))
        window = torch.cat([torch.arange(len(person)) for person in people])
        owner, window = (index.repeat_interleave(each.numel()) for index in (owner, window))
        probe = torch.arange(each.numel()).repeat(len(owner) // each.numel())
        noise, device = self.noise.flatten(1, 2), people[0].latents.device
        for part in torch.arange(len(owner)).split(CHUNK):
            present, counts = owner[part].unique_consecutive(return_counts=True)
            rows = window[part].split(counts.tolist())
            held = [people[p][r.to(device)] for p, r in zip(present.tolist(), rows, strict=True)]
            t = steps[probe[part] // each[1]]
            yield Batch.concatenate(held), t.to(device), noise[window[part], probe[part]].to(device)

    @property
    def count(self) -> int:
        """Probes of a window."""
        return self.noise.shape[1:3].numel()


def probes(people: Sequence[Batch], stream: Stream, timesteps: Sequence[int], draws: int = 1) -> Probes:
    """Draws for as many windows as anybody has; those of window w do not depend on who has more."""
    if not people or not timesteps or draws < 1 or min(len(person) for person in people) == 0:
        raise ValueError("an attack needs people, a window of each, a timestep and a noise draw")
    windows, shape = max(len(person) for person in people), people[0].latents.shape[1:]
    noise = torch.empty(windows, len(timesteps), draws, *shape)
    for w, s, d in np.ndindex(windows, len(timesteps), draws):
        names = ("attack", "probe", "window", w, "timestep", timesteps[s], "draw", d)
        noise[w, s, d] = torch.randn(shape, generator=stream(*names))
    return Probes(timesteps=timesteps, noise=noise)


@torch.no_grad()
def person_losses(suspect: Suspect, people: Sequence[Batch], draws: Probes) -> Scores:
    """[P] mean denoising loss on each person's windows."""
    with suspect.ready():
        losses = torch.cat([suspect.backbone.loss(*probe) for probe in draws.of(people)])
    return per_person(losses, people, draws)


def per_person(values: Tensor, people: Sequence[Batch], draws: Probes) -> Scores:
    """[P] means of `values`, one for each probe in the order of `Probes.of`."""
    own = values.double().cpu().split([len(person) * draws.count for person in people])
    return np.array([float(part.mean()) for part in own])


class Slopes(NamedTuple):
    """The slopes of each person's mean denoising loss."""

    gradients: Tensor
    """float32 [P, d] by the suspect's adapter."""
    losses: Tensor
    """float64 [P]: the loss itself, which the same passes give."""


def person_gradients(suspect: Suspect, people: Sequence[Batch], draws: Probes) -> Tensor:
    """float32 [P, d]: gradient of each person's mean denoising loss by the suspect's adapter."""
    return person_slopes(suspect, people, draws).gradients


def person_slopes(suspect: Suspect, people: Sequence[Batch], draws: Probes) -> Slopes:
    """Gradients and losses. People share passes, each with a copy of the adapter; everybody is given as many windows
    as the one with fewest.
    """
    if suspect.adapter is None:
        raise ValueError(
            "gradients are taken by an adapter; give the suspect one (the initial one for the base)"
        )
    flat, each = suspect.adapter.flatten(), min(len(person) for person in people)
    size = max(1, CHUNK // each)
    parts = [_slopes(suspect, flat, people[i : i + size], each, draws) for i in range(0, len(people), size)]
    return Slopes(*(torch.cat(column) for column in zip(*parts, strict=True)))


def _slopes(suspect: Suspect, flat: Tensor, people: Sequence[Batch], each: int, draws: Probes) -> Slopes:
    assert suspect.adapter is not None
    theta = flat.expand(len(people), -1).clone().requires_grad_()
    batch = Batch.concatenate([person[slice(each)] for person in people])
    total = torch.zeros(len(people), dtype=torch.float64)
    for s, d in np.ndindex(*draws.noise.shape[1:3]):
        t = torch.full((len(batch),), draws.timesteps[s], device=batch.latents.device)
        noise = draws.noise[:each, s, d].to(batch.latents).repeat(len(people), 1, 1, 1, 1)
        with suspect.adapt(suspect.backbone.denoiser, suspect.adapter.unflatten(theta)):
            losses = suspect.backbone.loss(batch, t, noise) / (each * draws.count)
            losses.sum().backward()
        total += losses.detach().double().cpu().unflatten(0, (-1, each)).sum(1)
    assert theta.grad is not None
    return Slopes(theta.grad.cpu(), total)

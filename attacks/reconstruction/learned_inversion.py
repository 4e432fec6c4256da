"""Learning to Invert (Wu et al. 2022, 2210.10880): simulate clients on public people, learn update -> face.

The server knows the adapter that a round started from and the clients' recipe. It trains public people exactly as a
client would, which gives pairs (update, face), and fits a regression whose value at a real message is the expected
face given that message: unknown windows, timesteps and noise are averaged over, where matching must guess them.

    x̂(m) = μ + k(m)ᵀ (K + λI)⁻¹ (X - μ),   k(m)_i = ⟨mean_r φ(m_r), mean_r φ(u_ir)⟩

over the rounds r in which the client was heard, with φ the update less the mean of the simulated ones, each layer to
unit length: blind to a client's weight and clipping. λ is the one that predicts public people best who are left out
of the fit. λ -> ∞ gives the prior mean.

Shape legend: P public people simulated n times each, M = n·P, R rounds, d trainable numbers, faces C x h x w.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from privtalk.attacks.reconstruction.evidence import unit
from privtalk.attacks.reconstruction.prior import looks
from privtalk.attacks.reconstruction.simulation import LocalAlgorithm, update
from privtalk.core.streams import Stream
from privtalk.methods.adapters import AdapterBank
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.backbone.conditioning import Batch
from privtalk.methods.federation.clients import Draw

CHUNK = 24
"""Windows in one stacked pass."""
RIDGES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
"""λ tried, relative to the kernel's mean diagonal."""
FOLDS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """How public people are trained on."""

    repeats: int = 3
    """n: messages of each person, with windows, timesteps and noise of their own."""
    frames: int = 1
    """A window: one is three times as fast as three, and for the time it takes learns more (measured)."""

    def __post_init__(self) -> None:
        if self.repeats < 1 or self.frames < 1:
            raise ValueError(f"simulation of {self.repeats} repeats, {self.frames} frames; need 1 at least")


def simulate(
    backbone: Backbone,
    template: AdapterBank,
    start: Tensor,
    people: Sequence[Batch],
    algorithm: LocalAlgorithm,
    simulation: Simulation,
    stream: Stream,
) -> Tensor:
    """[n·P, d] updates of people, repeat after repeat, from the adapter `start` [d]."""
    recipe = replace(algorithm, frames=min(simulation.frames, people[0].frames))
    rows = [(n, p) for n in range(simulation.repeats) for p in range(len(people))]
    size, made = max(1, CHUNK // recipe.windows), []
    for first in range(0, len(rows), size):
        part = rows[first : first + size]
        steps = range(recipe.steps)
        draws = [
            Draw.concatenate(
                [
                    random_draw(people[p], recipe, timesteps(backbone), stream, (p, "repeat", n, "step", s))
                    for n, p in part
                ]
            )
            for s in steps
        ]
        made.append(update(backbone, template, start.expand(len(part), -1), draws, recipe))
    return torch.cat(made)


def timesteps(backbone: Backbone) -> int:
    """Number of timesteps that clients draw from."""
    return backbone.config.diffusion.timesteps


def random_draw(
    person: Batch, recipe: LocalAlgorithm, steps: int, stream: Stream, names: tuple[str | int, ...]
) -> Draw:
    """A step's windows, timesteps and noise of one person, cut from the footage that the attacker holds."""
    generator = stream("attack", "learned_inversion", "person", *names)
    window = torch.randint(len(person), (recipe.windows,), generator=generator)
    first = int(torch.randint(person.frames - recipe.frames + 1, (1,), generator=generator))
    cut = slice(first, first + recipe.frames)
    chosen = person[window]
    batch = replace(
        chosen,
        latents=chosen.latents[:, cut],
        audio=chosen.audio[:, cut],
        landmarks=chosen.landmarks[:, cut],
        masked=None if chosen.masked is None else chosen.masked[:, cut],
    )
    t = torch.randint(steps, (recipe.windows,), generator=generator)
    noise = torch.randn(batch.latents.shape, generator=generator)
    return Draw(batch=batch, t=t, noise=noise.to(batch.latents))


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoder:
    """φ of one round: updates [K, d] -> features [K, d] of equal length."""

    centre: Tensor
    """[d] mean of the round's simulated updates, each to unit length."""
    parts: tuple[int, ...]
    """Numbers of each layer, in the order of `AdapterBank.flatten`."""

    @classmethod
    def of(cls, updates: Tensor, parts: Sequence[int]) -> Encoder:
        return cls(centre=unit(updates).mean(0), parts=tuple(parts))

    def __call__(self, updates: Tensor) -> Tensor:
        moved = unit(updates) - self.centre
        layers = [unit(layer) for layer in moved.split(self.parts, dim=1)]
        return torch.cat(layers, dim=1) / len(self.parts) ** 0.5


def layer_sizes(template: AdapterBank) -> list[int]:
    """Trainable numbers of each layer."""
    frozen = template.config.freeze_a
    return [f.b[0].numel() + (0 if frozen else f.a[0].numel()) for f in template.factors.values()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulated:
    """One round as the attacker has learned it."""

    encoder: Encoder
    features: Tensor
    """[M, d] φ of the simulated updates."""

    @classmethod
    def of(cls, updates: Tensor, template: AdapterBank) -> Simulated:
        encoder = Encoder.of(updates, layer_sizes(template))
        return cls(encoder=encoder, features=encoder(updates))


def invert(
    rounds: Mapping[int, Simulated], messages: Mapping[int, Tensor], people: Sequence[Batch]
) -> Tensor:
    """[K, C, h, w] expected faces of K clients, of whom `messages` holds round -> [K, d] in each of its rounds.

    Every round must have been simulated on `people` in the same order.
    """
    if not messages or not set(messages) <= set(rounds):
        raise ValueError(
            f"messages of rounds {sorted(messages)}, simulated are {sorted(rounds)}; simulate them all"
        )
    used = [rounds[r] for r in messages]
    simulated = torch.stack([s.features for s in used]).mean(0)
    heard = torch.stack([s.encoder(messages[r]) for r, s in zip(messages, used, strict=True)]).mean(0)
    kernel = simulated @ simulated.T
    faces, mean = looks(people), looks(people).mean(0)
    owner = torch.arange(len(kernel)) % len(people)
    targets = (faces - mean).flatten(1)[owner]
    fitted = ridge(kernel, targets, best_ridge(kernel, targets, owner))
    return mean + (heard @ simulated.T @ fitted).unflatten(1, mean.shape)


def ridge(kernel: Tensor, targets: Tensor, strength: float) -> Tensor:
    """(K + λI)⁻¹ Y, with λ = strength · mean diagonal of K."""
    damp = strength * kernel.diagonal().mean() * torch.eye(len(kernel)).to(kernel)
    return torch.linalg.solve(kernel + damp, targets)


def best_ridge(kernel: Tensor, targets: Tensor, owner: Tensor) -> float:
    """The strength in `RIDGES` that predicts people left out of the fit best; `owner` [M] says whose row is whose."""
    errors = torch.zeros(len(RIDGES))
    for fold in range(FOLDS):
        out = owner % FOLDS == fold
        if not out.any() or out.all():
            continue
        inside, across = kernel[~out][:, ~out], kernel[out][:, ~out]
        for i, strength in enumerate(RIDGES):
            made = across @ ridge(inside, targets[~out], strength)
            errors[i] += (made - targets[out]).square().sum().cpu()
    return RIDGES[int(errors.argmin())]

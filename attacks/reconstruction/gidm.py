"""GIDM and GIDM+: gradient inversion of federated diffusion models (Huang et al. 2024, 2405.20380).

    GIDM   x* = argmin_x D(∇ loss(x, t, ε; θ), g)             t and ε known; first in the prior's span, then freely
    GIDM+  x*, ε*, t* = argmin D(∇ loss(x, t, ε; θ), g)       "triple optimisation", in turns

D is the cosine distance, which a client's weight and clipping do not touch. The first phase of the paper searches the
input of the generative model; ours searches the coefficients of the public prior (`prior.PublicPrior`), the second
fine-tunes every latent from there. In GIDM+, ε starts from an independent draw and is pulled to a unit normal (the
published code starts it within 1e-4 of the client's own), and t is the best of a grid, looked up again at intervals.

Shape legend: K victims, S local steps, windows of F frames, latents C x h x w.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from privtalk.attacks.reconstruction.matching import (
    Descent,
    Matched,
    Objective,
    Problem,
    Progress,
    Snapshot,
    cosine_distance,
    descend,
)
from privtalk.attacks.reconstruction.problem import InversionSetting, Secrets, known, made
from privtalk.attacks.reconstruction.simulation import second_order

SPAN = Descent(steps=60, lr=0.1)
FREE = Descent(steps=240, lr=0.03)


@dataclass(frozen=True, slots=True, kw_only=True)
class Phases:
    """Lengths and rates of the two phases."""

    span: Descent = SPAN
    """In the prior's coefficients."""
    free: Descent = FREE
    """In latents, and noise where it is unknown."""
    shrinkage: float = 1e-3
    """Weight of ‖c‖² in the first phase."""
    pull: float = 1e-4
    """Weight of (mean ε² - 1)² in GIDM+."""
    grid: tuple[int, ...] = (50, 150, 250, 350, 450, 550, 650, 750, 850, 950)
    """Timesteps that GIDM+ tries."""
    every: int = 60
    """Steps between two looks at the grid."""


PHASES = Phases()


def gidm(
    setting: InversionSetting, secrets: Secrets, phases: Phases = PHASES, progress: Progress | None = None
) -> Matched:
    """Latents [K, F, C, h, w] that match, noise and timesteps being known."""
    problem, frames = known(setting, secrets), secrets.steps[0].noise.shape[1]
    with second_order(setting.backbone.denoiser):
        spanned = _in_span(setting, problem, frames, phases, progress)
        return descend([spanned], _distance(problem), phases.free, progress)


def _in_span(
    setting: InversionSetting, problem: Problem, frames: int, phases: Phases, progress: Progress | None
) -> Tensor:
    """[K, F, C, h, w]: the best face of the prior, in every frame."""
    prior = setting.prior

    def latents(coefficients: Tensor) -> Tensor:
        return prior.faces(coefficients)[:, None].expand(-1, frames, -1, -1, -1)

    def objective(unknowns: Sequence[Tensor]) -> Tensor:
        distance = cosine_distance(problem.made([latents(unknowns[0])]), problem.seen)
        return distance + phases.shrinkage * unknowns[0].square().sum(1)

    def shown(snapshot: Snapshot) -> None:
        if progress is not None:
            progress(snapshot._replace(picture=latents(snapshot.picture)))

    start = setting.seen.new_zeros(len(setting.seen), len(prior.scale))
    return latents(descend([start], objective, phases.span, shown).unknowns[0])


def _distance(problem: Problem) -> Objective:
    return lambda unknowns: cosine_distance(problem.made(unknowns), problem.seen)


def gidm_plus(
    setting: InversionSetting,
    frames: int,
    generator: torch.Generator,
    phases: Phases = PHASES,
    progress: Progress | None = None,
) -> Matched:
    """Latents [K, F, C, h, w] and noise [K, S, F, C, h, w] that match, with the best timesteps of the grid."""
    noise = torch.randn(setting.noise_shape(frames), generator=generator).to(setting.seen)
    unknowns: tuple[Tensor, ...] = (setting.prior_latents(frames), noise)
    rounds, found = max(1, -(-phases.free.steps // phases.every)), None
    with second_order(setting.backbone.denoiser):
        for _ in range(rounds):
            t = best_timesteps(setting, unknowns[0], unknowns[1], phases.grid)
            found = _joint(setting, unknowns, t, phases, progress)
            unknowns = found.unknowns
    assert found is not None
    return found


def _joint(
    setting: InversionSetting,
    unknowns: Sequence[Tensor],
    t: Tensor,
    phases: Phases,
    progress: Progress | None,
) -> Matched:
    """Latents and noise together, at fixed timesteps `t` [K, S]."""

    def objective(free: Sequence[Tensor]) -> Tensor:
        distance = cosine_distance(made(setting, free[0], free[1], t), setting.seen)
        return distance + phases.pull * (free[1].square().flatten(1).mean(1) - 1).square()

    steps = min(phases.every, phases.free.steps)
    settings = Descent(steps=steps, lr=phases.free.lr, signed=phases.free.signed)
    return descend(unknowns, objective, settings, progress)


def best_timesteps(setting: InversionSetting, latents: Tensor, noise: Tensor, grid: Sequence[int]) -> Tensor:
    """int64 [K, S]: the timestep of the grid, one for all steps of a round, whose update is nearest to the one seen."""
    tried = []
    for value in grid:
        t = torch.full(noise.shape[:2], value)
        tried.append(cosine_distance(made(setting, latents, noise, t), setting.seen).detach())
    best = torch.tensor(grid)[torch.stack(tried).argmin(0).cpu()]
    return best[:, None].expand(-1, noise.shape[1]).clone()

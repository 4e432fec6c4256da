"""Prior-guided inversion: match the message among faces that the public prior allows.

    c* = argmin_c  1 - cos(E_{t,ε} ψ(g(x(c), t, ε)) - ψ̄, m - m̄) + λ ‖c - c₀‖²,   x(c) = μ + Σ_j c_j s_j u_j

The idea of GIFD (Fang et al. 2023) and of gradient inversion with a diffusion prior (2409.07291): a generative model
narrows the search. Here it is the public principal components in the published autoencoder's latents, which the
published decoder turns into pixels. Timesteps and noise are not guessed: every step draws afresh, so that the
expectation is descended. ψ is what the client's optimiser makes of a gradient: g for SGD, g / (|g| + soft · rms) for
Adam, whose first step is the sign. ψ̄ is the mean over public people at the same draws, m̄ over the cohort: what all
share says nothing of the victim, and the noise that the draws cause cancels. c₀ is the start: the
prior's mean, or what the regression of `learned_inversion` expects. λ -> ∞ gives it back.

Shape legend: K victims, k components, D draws a step, R rounds, d trainable numbers, faces C x h x w.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from privtalk.attacks.reconstruction.evidence import HeardMessages, unit
from privtalk.attacks.reconstruction.matching import (
    Descent,
    Progress,
    Snapshot,
    cosine_distance,
    descend,
)
from privtalk.attacks.reconstruction.prior import PublicPrior
from privtalk.attacks.reconstruction.simulation import LocalAlgorithm, gradient, second_order
from privtalk.methods.adapters import AdapterBank
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.federation.clients import Draw


@dataclass(frozen=True, slots=True, kw_only=True)
class Guidance:
    """How the face is searched."""

    steps: int = 30
    lr: float = 0.2
    """In standard deviations of the prior."""
    draws: int = 1
    """D: timesteps and noise a step."""
    shrinkage: float = 0.007
    """λ."""
    softness: float = 0.5
    """The softness of Adam's sign, in root mean squares of each number over public people."""


GUIDANCE = Guidance()


@dataclass(frozen=True, slots=True, kw_only=True)
class VictimMessages:
    """One round's messages of the victims."""

    start: Tensor
    """[d] the adapter that the round started from."""
    seen: Tensor
    """[K, d] m - m̄; rows of those who took no part are not read."""
    present: Tensor
    """bool [K]."""

    @classmethod
    def of(cls, heard: HeardMessages) -> VictimMessages:
        """m̄ is the mean over the whole cohort, which the server sees, of messages to unit length."""
        return cls(start=heard.start, seen=unit(heard.messages) - heard.common, present=heard.present)


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """The quantities that the search computes with."""

    backbone: Backbone
    template: AdapterBank
    prior: PublicPrior
    companions: Tensor
    """[P, C, h, w] faces of public people, for ψ̄ and the root mean squares."""
    algorithm: LocalAlgorithm
    guidance: Guidance = GUIDANCE


def prior_guided(
    search: Search,
    evidence: Sequence[VictimMessages],
    start: Tensor,
    generator: torch.Generator,
    progress: Progress | None = None,
) -> Tensor:
    """[K, C, h, w] faces, from `start` [K, C, h, w] and drawn to it. Victims go round their rounds, one a step.

    `progress` is shown faces. A `ValueError` where a victim took part in no round.
    """
    order, centre = turns(evidence), search.prior.coefficients(start)
    seen = torch.stack([e.seen for e in evidence], dim=1)
    step = 0

    def objective(unknowns: Sequence[Tensor]) -> Tensor:
        nonlocal step
        now = order[:, step % order.shape[1]]
        step += 1
        made = centred(search, search.prior.faces(unknowns[0]), evidence, now, generator)
        distance = cosine_distance(made, seen[torch.arange(len(now)), now])
        return distance + search.guidance.shrinkage * (unknowns[0] - centre).square().sum(1)

    def shown(snapshot: Snapshot) -> None:
        if progress is not None:
            progress(snapshot._replace(picture=search.prior.faces(snapshot.picture)))

    settings = Descent(steps=search.guidance.steps, lr=search.guidance.lr, keep="average")
    with second_order(search.backbone.denoiser):
        found = descend([centre], objective, settings, shown)
    return search.prior.faces(found.unknowns[0])


def turns(evidence: Sequence[VictimMessages]) -> Tensor:
    """int64 [K, L]: places of the rounds that each victim took part in, repeated to a common length L."""
    own = [row.nonzero()[:, 0].tolist() for row in torch.stack([e.present for e in evidence], dim=1)]
    if not all(own):
        raise ValueError(
            f"victim {own.index([])} sent no message in these rounds; leave it out or add a round"
        )
    length = math.lcm(*(len(places) for places in own))
    return torch.tensor([places * (length // len(places)) for places in own])


def centred(
    search: Search, faces: Tensor, evidence: Sequence[VictimMessages], now: Tensor, generator: torch.Generator
) -> Tensor:
    """[K, d] ψ(g) - ψ̄ of faces [K, C, h, w] at round `now` [K] each, at fresh draws that everybody shares."""
    draws = search.guidance.draws
    t = torch.randint(search.backbone.config.diffusion.timesteps, (draws,), generator=generator)
    noise = torch.randn((draws, 1, *faces.shape[1:]), generator=generator).to(faces)
    starts = torch.stack([e.start for e in evidence])
    own = descent(search, faces, starts[now], t, noise, create_graph=True)
    mean, floor = torch.zeros_like(own), torch.ones_like(own)
    for place in now.unique().tolist():
        public = descent(
            search, search.companions, starts[place].expand(len(search.companions), -1), t, noise
        )
        soft = search.guidance.softness * public.square().mean(0).sqrt() + 1e-12
        mean[now == place] = direction(search, public, soft).mean(0)
        floor[now == place] = soft
    return direction(search, own, floor) - mean


def descent(
    search: Search, faces: Tensor, theta: Tensor, t: Tensor, noise: Tensor, create_graph: bool = False
) -> Tensor:
    """[n, d] -g of faces [n, C, h, w] at adapters [n, d], mean over timesteps [D] and noise [D, 1, C, h, w]."""
    n = len(faces)
    batch = search.prior.batch(faces.repeat_interleave(len(t), 0)[:, None])
    drawn = Draw(batch=batch, t=t.repeat(n), noise=noise.repeat(n, 1, 1, 1, 1))
    return -gradient(search.backbone, search.template, theta, drawn, create_graph)


def direction(search: Search, g: Tensor, floor: Tensor) -> Tensor:
    """ψ of gradients [n, d]."""
    return g if search.algorithm.optimizer == "sgd" else g / (g.abs() + floor)

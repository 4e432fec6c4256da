"""GSA: gradient norms, layer by layer (Pang et al., 2308.06405).

A member lies closer to a stationary point of the loss, so that its gradients are shorter. With g_{t,l} the gradient of
the loss at timestep t by layer l's adapter:

    GSA1: norms of the gradient of the mean loss      n_l = ‖mean over t of g_{t,l}‖
    GSA2: mean norms of the gradients                 n_l = mean over t of ‖g_{t,l}‖
    score(x) = - mean over layers of log n_l

GSA1 <= GSA2 in every n_l, with equality at one timestep. The paper feeds (n_l) to a classifier fitted on shadow models;
this attacker has none and takes the sign that the theory gives. The gradient of the bare backbone is taken by the
adapter that was never trained.

Shape legend: N windows, S timesteps, L layers, d trainable numbers.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from privtalk.attacks.declaration import Declaration
from privtalk.attacks.membership.passes import Passes
from privtalk.attacks.views import Bank
from privtalk.methods.adapters import AdapterBank

GSA1 = Declaration(
    name="gsa1",
    family="membership",
    view="release",
    statistic="minus the mean log norm over layers of the gradient of the mean loss",
    source="Pang et al. 2025 (2308.06405), GSA1 without shadow models",
    footage="exact",
)

GSA2 = Declaration(
    name="gsa2",
    family="membership",
    view="release",
    statistic="minus the mean log over layers of the mean gradient norm",
    source="Pang et al. 2025 (2308.06405), GSA2 without shadow models",
    footage="exact",
)

FLOOR = 1e-12
"""Keeps the logarithm finite where a layer has no gradient."""


def gsa1(passes: Passes) -> Tensor:
    """float64 [N]; larger means "member"."""
    return shortness(layer_norms(torch.stack(_gradients(passes)).mean(0), passes.initial))


def gsa2(passes: Passes) -> Tensor:
    """float64 [N]; larger means "member"."""
    return shortness(torch.stack([layer_norms(g, passes.initial) for g in _gradients(passes)]).mean(0))


def _gradients(passes: Passes) -> list[Tensor]:
    return [passes.slopes(t).gradients for t in passes.asked.settings.timesteps]


def shortness(norms: Tensor) -> Tensor:
    """[N] minus the mean logarithm of `norms` [N, L]."""
    return -norms.clamp_min(FLOOR).log().mean(1)


def layer_norms(gradients: Tensor, bank: Bank) -> Tensor:
    """float64 [N, L] norms of each layer's part of `gradients` [N, d]; one layer where the bank has no layers."""
    return torch.stack([part.double().norm(dim=1) for part in _layers(gradients, bank)], dim=1)


def _layers(gradients: Tensor, bank: Bank) -> Iterator[Tensor]:
    if not isinstance(bank, AdapterBank):
        yield gradients
        return
    for layer in bank.unflatten(gradients).factors.values():
        trained = (layer.b,) if bank.config.freeze_a else layer
        yield torch.cat([part.flatten(1) for part in trained], dim=1)

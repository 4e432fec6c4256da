"""The attacker that SMP-LoRA trains against: networks that tell whether a window was trained on.

One network a client, all in one tensor [K, P]: squared errors of the prediction, pooled to `CELLS` x `CELLS`, one
hidden layer, one logit. Larger means "trained on".

Shape legend: K clients, W windows a client.
"""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, softplus

from privtalk.methods.federation.clients import ClientData

CELLS = 4
"""The latent grid is pooled to so many cells a side, whatever its size."""
HIDDEN = 16
INPUTS = CELLS * CELLS
SIZE = INPUTS * HIDDEN + HIDDEN + HIDDEN + 1
"""P: weights and biases of both layers."""
FLOOR = 1e-6
"""Added to errors before their logarithm."""


def initial() -> Tensor:
    """[P] what every network starts from: public, and the same for all."""
    generator = torch.Generator().manual_seed(0)
    first = torch.randn(INPUTS * HIDDEN, generator=generator) / math.sqrt(INPUTS)
    last = torch.randn(HIDDEN, generator=generator) / math.sqrt(HIDDEN)
    return torch.cat([first, torch.zeros(HIDDEN), last, torch.zeros(1)])


def features(errors: Tensor, clients: int) -> Tensor:
    """[K, W, CELLS²] of squared errors [K·W, F, C, h, w]: logarithms of their means over frames, channels and cells."""
    pooled = adaptive_avg_pool2d(errors.mean((1, 2))[:, None], CELLS).flatten(1)
    return (pooled + FLOOR).log().unflatten(0, (clients, -1))


def logits(networks: Tensor, seen: Tensor) -> Tensor:
    """[K, W] of networks [K, P] on features [K, W, CELLS²]."""
    sizes = (INPUTS * HIDDEN, HIDDEN, HIDDEN, 1)
    first, shift, last, bias = networks.split(sizes, dim=1)
    hidden = torch.relu(seen @ first.unflatten(1, (INPUTS, HIDDEN)) + shift[:, None])
    return (hidden @ last[..., None]).squeeze(2) + bias


def member_loss(networks: Tensor, seen: Tensor) -> Tensor:
    """[K] cross-entropy on windows that were trained on: log 2 for an attacker that guesses, 0 for one that is sure."""
    return softplus(-logits(networks, seen)).mean(1)


def trained(networks: Tensor, members: Tensor, others: Tensor, steps: int, lr: float) -> Tensor:
    """[K, P] the networks after `steps` steps of Adam, on features [K, W, CELLS²] of both kinds of windows."""
    found = networks.detach().clone().requires_grad_()
    optimizer = torch.optim.Adam([found], lr=lr, foreach=False)
    for _ in range(steps):
        optimizer.zero_grad()
        wrong = member_loss(found, members) + softplus(logits(found, others)).mean(1)
        wrong.sum().backward()
        optimizer.step()
    return found.detach()


def split(client: ClientData, share: float, frames: int) -> tuple[ClientData, ClientData | None]:
    """(what a client trains on, what it holds back): its last clips, or the end of its only one.

    Nothing is held back where either part would have no window of `frames` frames.
    """
    count = len(client.lengths)
    if count > 1:
        kept = count - max(1, int(share * count))
        cut = sum(client.lengths[:kept])
        first, last = client.lengths[:kept], client.lengths[kept:]
    else:
        cut = client.frames - max(frames, round(share * client.frames))
        first, last = (cut,), (client.frames - cut,)
    if max(first) < frames or max(last) < frames:
        return client, None
    return _part(client, slice(0, cut), first), _part(client, slice(cut, None), last)


def _part(client: ClientData, rows: slice, lengths: tuple[int, ...]) -> ClientData:
    whole = client.features
    cut = type(whole)(
        whole.latents[rows],
        whole.audio[rows],
        whole.landmarks[rows],
        None if whole.masked is None else whole.masked[rows],
    )
    return replace(client, held=cut, lengths=lengths)

"""Gradient-difference membership on a client's messages (Li et al., "Effective passive membership inference attacks in
federated learning against overparameterized models", ICLR 2023).

Taking a member's own step out of an update makes it shorter. With a = mean ‖Δ‖ / mean ‖g‖ over the round, which puts
gradients in the unit of updates whatever the clients' optimiser,

    score(k, p) = mean over k's rounds of  (‖Δ_k‖² - ‖Δ_k - a (-g_p)‖²) / ‖Δ_k‖²
                = mean over k's rounds of  (2 a ⟨Δ_k, -g_p⟩ - a² ‖g_p‖²) / ‖Δ_k‖²

Unlike the cosine it keeps the gradients' lengths. It is 0 for a message of zero.

Shape legend: K clients of a cohort, P people, d numbers of an adapter.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from privtalk.attacks.declaration import Declaration
from privtalk.attacks.pairs import CandidateFeatures, MessageAttack, ScoreMatrix, over_rounds
from privtalk.attacks.views import ServerRound


def differences(messages: Tensor, gradients: Tensor) -> Tensor:
    """[K, P], at most 1: share of the squared length of messages [K, d] that steps against gradients [P, d] explain.

    >>> differences(torch.tensor([[2.0, 0.0]]), torch.tensor([[-1.0, 0.0], [0.0, 1.0]])).tolist()
    [[1.0, -1.0]]
    """
    tiny = torch.finfo(messages.dtype).tiny
    lengths = messages.norm(dim=1, keepdim=True)
    a = lengths.mean() / gradients.norm(dim=1).mean().clamp(min=tiny)
    steps = -a * gradients
    gained = 2 * messages @ steps.T - steps.square().sum(1)
    return torch.where(lengths > 0, gained / lengths.square().clamp(min=tiny), 0.0)


def gradient_difference(rounds: Sequence[ServerRound], candidates: CandidateFeatures) -> ScoreMatrix:
    """Scores of every client that took part with every person; larger means "this person"."""
    return over_rounds(rounds, lambda r: differences(r.messages, candidates.gradients))


ATTACK = MessageAttack(
    declaration=Declaration(
        name="gradient_difference",
        family="membership",
        view="server",
        statistic="mean over rounds of the share of an update's squared length that the person's step explains",
        source="Li et al. 2023 (ICLR), gradient difference",
    ),
    score=gradient_difference,
)

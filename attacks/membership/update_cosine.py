"""Update-cosine membership on a client's messages (Li et al., "Effective passive membership inference attacks in
federated learning against overparameterized models", ICLR 2023).

A local step on person p's footage moves the adapter along -g_p, the gradient of p's loss. With what everybody's update
and everybody's gradient have in common taken away,

    score(k, p) = mean over k's rounds r of  cos(Δ_rk - mean_j Δ_rj,  -(g_p - mean_q g_q))

Fresh footage will do: what is trained on is the person, and the frames of one person have similar gradients.

Shape legend: K clients of a cohort, P people, d numbers of an adapter.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from privtalk.attacks.declaration import Declaration
from privtalk.attacks.pairs import CandidateFeatures, MessageAttack, ScoreMatrix, centred, over_rounds, unit
from privtalk.attacks.views import ServerRound


def cosines(messages: Tensor, gradients: Tensor) -> Tensor:
    """[K, P] in -1..1: cosine of messages [K, d] with descent along gradients [P, d], both less their means.

    >>> import torch
    >>> cosines(torch.tensor([[1.0, 0.0], [-1.0, 0.0]]), torch.tensor([[-3.0, 0.0], [3.0, 0.0]])).tolist()
    [[1.0, -1.0], [-1.0, 1.0]]
    """
    return unit(centred(messages)) @ unit(-centred(gradients)).T


def update_cosine(rounds: Sequence[ServerRound], candidates: CandidateFeatures) -> ScoreMatrix:
    """Scores of every client that took part with every person; larger means "this person"."""
    return over_rounds(rounds, lambda r: cosines(r.messages, candidates.gradients))


ATTACK = MessageAttack(
    declaration=Declaration(
        name="update_cosine",
        family="membership",
        view="server",
        statistic="mean over rounds of the cosine of a client's update with the person's negative gradient",
        source="Li et al. 2023 (ICLR), cosine of update and gradient",
    ),
    score=update_cosine,
)

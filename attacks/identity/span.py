"""Span: is a person's identity token in the row space of the client's update? (Deng et al., "Toward efficient
membership inference attacks against federated large language models: a projection residual approach", 2604.21197; cf.
DAGER, 2405.15586)

The rows of ΔA of a layer that reads condition tokens are combinations of the tokens the client trained with
(`identity.tokens`). With V the orthonormal basis of the rows of all such layers in one message and e_p the identity
token that the public encoder gives for person p,

    score(k, p) = mean over k's rounds of  ‖V_k e_p‖ / ‖e_p‖    in 0..1

A gallery of faces is all the attacker needs: no gradient, no clip, no timestep. With plain gradient steps the row space
is the tokens' exactly; Adam bends it, coordinate by coordinate, and leaves most of it.

Shape legend: K clients of a cohort, P people, L layers, r rank, E token width.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from privtalk.attacks.declaration import Declaration
from privtalk.attacks.identity.tokens import row_space, token_rows
from privtalk.attacks.pairs import CandidateFeatures, MessageAttack, ScoreMatrix, over_rounds, unit
from privtalk.attacks.views import ServerRound


def projections(rows: Tensor, tokens: Tensor) -> Tensor:
    """[K, P] in 0..1: share of each token's length (of [P, E]) inside the span of each client's rows [K, n, E].

    >>> projections(torch.tensor([[[2.0, 0.0, 0.0]]]), torch.tensor([[1.0, 0.0, 0.0], [0.0, 5.0, 0.0]])).tolist()
    [[1.0, 0.0]]
    """
    return torch.einsum("kqe,pe->kqp", row_space(rows), unit(tokens)).norm(dim=1)


def span(rounds: Sequence[ServerRound], candidates: CandidateFeatures) -> ScoreMatrix:
    """Scores of every client that took part with every person; larger means "this person"."""
    return over_rounds(
        rounds, lambda r: projections(token_rows(candidates.template, r.messages), candidates.tokens)
    )


ATTACK = MessageAttack(
    declaration=Declaration(
        name="span",
        family="identity",
        view="server",
        statistic="share of the person's identity token inside the row space of ΔA of the layers that read it",
        source="Deng et al. 2026 (ProjRes), 2604.21197",
        headline="rank1",
    ),
    score=span,
)

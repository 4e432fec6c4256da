"""Span on sums: is a person's identity token in a sum of updates? (Deng et al., ProjRes, 2604.21197, on sums)

A sum of n clients' ΔA has no more rows than one client's, so its row space holds no token exactly; but a row is a
combination of all clients' tokens, and a person's own adds energy along it:

    score(s, p) = mean over rounds of  Σ_rows ⟨ΔA_row, ê_p⟩² / ‖ΔA‖²,    ê_p = (e_p - mean_q e_q) / ‖·‖

Shape legend: K sums, P people, n rows of all token layers, E token width.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from privtalk.attacks.declaration import Declaration
from privtalk.attacks.identity.tokens import token_rows
from privtalk.attacks.pairs import CandidateFeatures, MessageAttack, ScoreMatrix, centred, over_rounds, unit
from privtalk.attacks.views import ServerRound


def energies(rows: Tensor, tokens: Tensor) -> Tensor:
    """[K, P] in 0..1: share of the squared length of rows [K, n, E] along each token of [P, E], less the tokens' mean.

    >>> energies(torch.tensor([[[1.0, 0.0], [0.0, 1.0]]]), torch.tensor([[2.0, 0.0], [-2.0, 0.0]])).tolist()
    [[0.5, 0.5]]
    """
    along = torch.einsum("kne,pe->knp", rows, unit(centred(tokens))).square().sum(1)
    whole = rows.square().sum((1, 2))[:, None]
    return torch.where(whole > 0, along / whole.clamp(min=torch.finfo(rows.dtype).tiny), 0.0)


def span_on_sums(rounds: Sequence[ServerRound], candidates: CandidateFeatures) -> ScoreMatrix:
    """Scores of every sum with every person; larger means "in the sum"."""
    return over_rounds(
        rounds, lambda r: energies(token_rows(candidates.template, r.messages), candidates.tokens)
    )


ATTACK = MessageAttack(
    declaration=Declaration(
        name="span_on_sums",
        family="aggregation",
        view="sums",
        statistic="share of the energy of a sum's ΔA along the person's identity token",
        source="Deng et al. 2026 (ProjRes), 2604.21197, on sums",
    ),
    score=span_on_sums,
)

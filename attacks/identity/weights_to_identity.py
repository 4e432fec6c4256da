"""Weights to identity: whose personal adapter is this? (cf. Yao, "Risks when sharing LoRA fine-tuned diffusion model
weights", 2409.08482)

A personal adapter never meets a server, but it is stored and shared as a file. What private steps moved from the
public adapter that they started from, D_k = θ_k - θ_0, is compared with everybody in a gallery by two signals, each in
standard deviations over the gallery:

    score(k, p) = z_p[‖V_k e_p‖ / ‖e_p‖] + z_p[cos(D_k, Σ⁻¹ (-g_p))]

the identity token's share inside the row space of ΔA (`identity.span`) and the matched filter for the person's step
(`aggregation.distinguishing`). The paper trains a network from weights to pictures; retrieval needs no training. Where
no layer's A reads tokens, the second signal is left.

Shape legend: K personal adapters, P people, d numbers of an adapter.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from privtalk.attacks.declaration import Declaration
from privtalk.attacks.identity.span import projections
from privtalk.attacks.identity.tokens import token_rows
from privtalk.attacks.matched_filters import matched_filters
from privtalk.attacks.pairs import (
    CandidateFeatures,
    MessageAttack,
    NotApplicable,
    ScoreMatrix,
    over_rounds,
    unit,
)
from privtalk.attacks.views import Bank, ServerRound


def displacement(bank: Bank, start: Bank) -> ServerRound:
    """K personal adapters as one round in which every owner, numbered as in the bank, sent what private steps moved."""
    first = start.flatten()[0]
    moved = bank.flatten() - first
    return ServerRound(number=0, adapter=first, cohort=tuple(range(len(moved))), messages=moved)


def standardised(scores: Tensor) -> Tensor:
    """Rows of [K, P] in standard deviations over the gallery, after each person's mean over adapters is taken away."""
    even = scores - scores.mean(0) if len(scores) > 1 else scores
    spread = even.std(1, keepdim=True)
    return torch.where(spread > 0, (even - even.mean(1, keepdim=True)) / spread.clamp(min=1e-12), 0.0)


def retrieval(moved: Tensor, candidates: CandidateFeatures, filters: Tensor) -> Tensor:
    """[K, P] of what training moved [K, d]; `filters` [P, d] as `matched_filters` gives them."""
    matched = standardised(unit(moved) @ filters.T)
    try:
        rows = token_rows(candidates.template, moved)
    except NotApplicable:
        return matched
    return matched + standardised(projections(rows, candidates.tokens))


def weights_to_identity(rounds: Sequence[ServerRound], candidates: CandidateFeatures) -> ScoreMatrix:
    """Scores of every personal adapter with every person; larger means "this person"."""
    filters = matched_filters(-candidates.gradients)
    return over_rounds(rounds, lambda r: retrieval(r.messages, candidates, filters))


ATTACK = MessageAttack(
    declaration=Declaration(
        name="weights_to_identity",
        family="identity",
        view="personal",
        statistic="identity token inside ΔA's row space + matched filter of the person's step, on a personal adapter",
        source="cf. Yao 2024, 2409.08482",
        headline="rank1",
    ),
    score=weights_to_identity,
)

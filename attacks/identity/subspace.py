"""Subspace overlap: do a client's update and a person's gradient span the same hidden states? (Deng et al., ProjRes,
2604.21197, on hidden embeddings)

The rows of ΔA of a layer are combinations of its inputs, whatever they are. In self-attention these are the hidden
states of the person's own frames, which the attacker finds in the rows of that person's gradient g_p. With V_kl and
U_pl orthonormal bases of both in layer l,

    score(k, p) = mean over k's rounds and layers of  ‖V_kl U_plᵀ‖²_F / rank(U_pl)    in 0..1

the mean squared cosine of their principal angles. So keeping the identity token out of trained layers
(`tokens.WITHOUT_IDENTITY`) does not keep the identity out of the messages. Where A is frozen, the columns of ΔB take
its place: they are combinations of the gradients by the layer's outputs.

Shape legend: K clients of a cohort, P people, r rank, E inputs (or outputs) of a layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

import torch
from torch import Tensor

from privtalk.attacks.declaration import Declaration
from privtalk.attacks.identity.tokens import row_space
from privtalk.attacks.pairs import CandidateFeatures, MessageAttack, NotApplicable, ScoreMatrix, over_rounds
from privtalk.attacks.views import Bank, ServerRound
from privtalk.methods.adapters import AdapterBank

SELF_ATTENTION = "*.attn1.*"
"""Layers that are compared; in cross-attention audio and landmarks fill the top directions (measured: worse)."""


def overlaps(rows: Tensor, directions: Tensor) -> Tensor:
    """[K, P] in 0..1: mean squared cosine between the span of rows [K, n, E] and each basis of [P, m, E].

    >>> rows = torch.tensor([[[2.0, 0.0, 0.0]]])
    >>> overlaps(rows, torch.tensor([[[1.0, 0.0, 0.0]], [[0.0, 1.0, 0.0]]])).tolist()
    [[1.0, 0.0]]
    """
    shared = torch.einsum("kne,pme->kpnm", row_space(rows), directions).square().sum((2, 3))
    dimensions = directions.square().sum((1, 2))
    return shared / dimensions.clamp(min=1.0)


def spans(template: Bank, vectors: Tensor) -> dict[str, Tensor]:
    """Layer -> [K, r, E] vectors whose span is compared, of flat adapters [K, d]: rows of A, or columns of B."""
    if not isinstance(template, AdapterBank):
        raise TypeError(f"{type(template).__name__} names no layers; give the attack an AdapterBank")
    names = [name for name in template.factors if fnmatchcase(name, SELF_ATTENTION)]
    if not names:
        raise NotApplicable("no adapted layer is in self-attention")
    factors, frozen = template.unflatten(vectors).factors, template.config.freeze_a
    return {name: factors[name].b.transpose(1, 2) if frozen else factors[name].a for name in names}


def subspace(rounds: Sequence[ServerRound], candidates: CandidateFeatures) -> ScoreMatrix:
    """Scores of every client that took part with every person; larger means "this person"."""
    people = {n: row_space(rows) for n, rows in spans(candidates.template, candidates.gradients).items()}

    def score(r: ServerRound) -> Tensor:
        sent = spans(candidates.template, r.messages)
        return torch.stack([overlaps(rows, people[name]) for name, rows in sent.items()]).mean(0)

    return over_rounds(rounds, score)


ATTACK = MessageAttack(
    declaration=Declaration(
        name="subspace",
        family="identity",
        view="server",
        statistic="overlap of the row spaces of ΔA and of the person's gradient, over layers of self-attention",
        source="Deng et al. 2026 (ProjRes), 2604.21197, on hidden states",
        headline="rank1",
    ),
    score=subspace,
)

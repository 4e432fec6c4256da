"""The layers whose inputs are the condition tokens, and the row space of their updates.

In cross-attention, keys and values are linear in the tokens, one of which is the person's identity. Of such a layer
with W x + s B A x the gradient is

    ∂L/∂A = s Σ_tokens (Bᵀ δ) xᵀ

so that the rows of ΔA are combinations of tokens x. Adapters whose layers read hidden states alone hold no token: the
identity then enters through layers that nobody trains. The hidden states still tell it (`identity.subspace`).

Shape legend: K clients, L layers, r rank, E token width, P people.
"""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

import torch
from torch import Tensor

from privtalk.attacks.pairs import NotApplicable
from privtalk.attacks.views import Bank, FrozenBackbone
from privtalk.methods.adapters import AdapterBank
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.backbone.conditioning import Batch
from privtalk.methods.config import AdapterConfig

READS_TOKENS = ("*.attn2.to_k", "*.attn2.to_v")
"""Linear layers of diffusers' transformer blocks whose inputs are the condition tokens."""

WITHOUT_IDENTITY = ("*.attn1.to_q", "*.attn1.to_k", "*.attn1.to_v", "*.attn1.to_out.0")
"""Adapter targets that leave the identity token to frozen layers: self-attention alone."""


def reads_tokens(name: str) -> bool:
    """Whether a layer's inputs are the condition tokens.

    >>> reads_tokens("mid_block.0.attn2.to_v"), reads_tokens("mid_block.0.attn1.to_v"), reads_tokens("b.attn2.to_q")
    (True, False, False)
    """
    return any(fnmatchcase(name, pattern) for pattern in READS_TOKENS)


def without_identity(config: AdapterConfig) -> AdapterConfig:
    """The same adapter on self-attention alone, for the ablation in which no trained layer reads the identity token.

    Kept are the configured targets that select layers of self-attention: `*.to_v` becomes `*.attn1.to_v`.
    """
    kept = tuple(t for t in WITHOUT_IDENTITY if any(fnmatchcase(f"block{t[1:]}", p) for p in config.targets))
    if not kept:
        raise ValueError(
            f"targets {list(config.targets)} select no self-attention, so nothing is left without the identity "
            "token; name one of " + ", ".join(WITHOUT_IDENTITY)
        )
    return config.model_copy(update={"targets": kept})


def token_layers(template: Bank) -> tuple[str, ...]:
    """Adapted layers that read tokens and whose A is trained; raises `NotApplicable` where there are none."""
    if not isinstance(template, AdapterBank):
        raise TypeError(f"{type(template).__name__} names no layers; give the attack an AdapterBank")
    names = tuple(filter(reads_tokens, template.factors))
    if not names:
        raise NotApplicable("no adapted layer reads the identity token")
    if template.config.freeze_a:
        raise NotApplicable("A is frozen: no message has a row space in the token layers")
    return names


def token_rows(template: Bank, messages: Tensor) -> Tensor:
    """[K, L·r, E]: the rows of every token layer's ΔA, of messages [K, d]."""
    names = token_layers(template)
    assert isinstance(template, AdapterBank)
    factors = template.unflatten(messages).factors
    return torch.cat([factors[name].a for name in names], dim=1)


def row_space(rows: Tensor, dimensions: int | None = None) -> Tensor:
    """[K, q, E]: orthonormal basis of the span of `rows` [K, n, E], largest singular value first; at most `dimensions`.

    Directions that the rows do not have (of zero rows: all) are zero. By the eigenvectors of the small n x n products,
    R Rᵀ = Q S² Qᵀ and V = S⁻¹ Qᵀ R, which costs a fraction of the singular value decomposition.
    """
    wide = rows.double()
    squares, vectors = torch.linalg.eigh(wide @ wide.transpose(1, 2))
    squares, vectors = squares.flip(1)[:, :dimensions], vectors.flip(2)[..., :dimensions]
    present = (squares > 1e-10 * squares[:, :1])[..., None]
    basis = vectors.transpose(1, 2) @ wide / squares.clamp(min=torch.finfo(wide.dtype).tiny).sqrt()[..., None]
    return torch.where(present, basis, 0.0).to(rows)


@torch.no_grad()
def identity_tokens(backbone: FrozenBackbone, people: Sequence[Batch]) -> Tensor:
    """float32 [P, E]: the identity token of each person, mean over their windows' reference frames."""
    if not isinstance(backbone, Backbone):
        raise TypeError(
            f"{type(backbone).__name__} has no condition encoder; identity tokens need a Backbone"
        )
    encoder = backbone.conditioning

    def token(person: Batch) -> Tensor:
        return encoder.identity_token(encoder.identity(person.reference)).mean(0)

    return torch.stack([token(person) for person in people]).float().cpu()

"""The identity term of PrivFedTalk (arXiv 2604.08037): predicted frames must look like the client's reference."""

from __future__ import annotations

import torch
from torch import Tensor

from privtalk.methods.federation.local import LocalStep


def identity_distance(predicted: Tensor, reference: Tensor) -> Tensor:
    """[N] mean over frames of 1 - cos, in [0, 2]; unit embeddings [N, F, E] against [N, E]."""
    return (1 - torch.einsum("nfe,ne->nf", predicted, reference)).mean(1)


def identity(step: LocalStep, predicted: Tensor) -> Tensor:
    """[N] distance of predicted latents [N, F, C, h, w] to their reference frame, by the backbone's own encoder."""
    seen = step.backbone.identity(predicted.flatten(0, 1)).unflatten(0, predicted.shape[:2])
    with torch.no_grad():
        reference = step.backbone.identity(step.draw.batch.reference)
    return identity_distance(seen, reference)

"""Identity-stable federated aggregation (ISFA of PrivFedTalk, arXiv 2604.08037), without leaking its scores.

Published: w_k ∝ n_k exp(γ s_k), s_k = α IDSim_k + (1 − α) TempStab_k, normalised over the cohort by a server that is
told n_k and s_k. One client's weight can then approach 1 whatever the cohort, so the sensitivity is unbounded, and
the scores are releases of their own. Here the device multiplies its clipped update by

    ω_k = min(n_k / n̂, 1) · exp(γ (s_k − 1)) in (0, 1],

and the server divides the sum by the public q N ω̄: the sensitivity is C and no scalar leaves the device. Relative
weights between clients are the published ones wherever n_k ≤ n̂; the scale differs from the self-normalised mean by
(public mean weight) / (the cohort's mean weight).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from privtalk.methods.adapters import adapted
from privtalk.methods.federated.tdc import differences
from privtalk.methods.federation.local import TrainedDevices

NOISE_LEVEL = 0.25
"""Share of the schedule at which reliability is measured; one level for all, so that scores compare."""


def reliability(score: Tensor, gamma: float) -> Tensor:
    """exp(γ (s − 1)) in (0, 1] for scores in [0, 1]; γ = 0 gives 1.

    >>> reliability(torch.tensor([0.0, 1.0]), 0.5)
    tensor([0.6065, 1.0000])
    """
    return torch.exp(gamma * (score - 1))


def expected_reliability(score: float, gamma: float) -> float:
    """The same for a public expectation of the score."""
    return math.exp(gamma * (score - 1))


def combined_score(identity: Tensor, stability: Tensor, alpha: float) -> Tensor:
    """s = α IDSim + (1 − α) TempStab, in [0, 1]."""
    return alpha * identity + (1 - alpha) * stability


def identity_similarity(predicted: Tensor, reference: Tensor) -> Tensor:
    """(1 + cos) / 2 in [0, 1], mean over frames: [N] of unit embeddings [N, F, E] against [N, E]."""
    cosine = torch.einsum("nfe,ne->nf", predicted, reference)
    return ((1 + cosine) / 2).clamp(0, 1).mean(1)


def temporal_stability(predicted: Tensor, truth: Tensor) -> Tensor:
    """1 / (1 + J) in (0, 1], [N]; J is the mean absolute error of frame-to-frame differences of latents
    [N, F, C, h, w], which have unit variance. Windows of one frame have no differences: 1.
    """
    if predicted.shape[1] < 2:
        return predicted.new_ones(len(predicted))
    return 1 / (1 + (differences(predicted) - differences(truth)).abs().flatten(1).mean(1))


@torch.no_grad()
def client_scores(trained: TrainedDevices, alpha: float) -> Tensor:
    """s_k [K] of each client's trained adapter on its last local batch, by the method's own identity encoder."""
    backbone, batch, noise = trained.backbone, trained.draw.batch, trained.draw.noise
    t = torch.full_like(trained.draw.t, round(NOISE_LEVEL * backbone.config.diffusion.timesteps))
    noisy = backbone.add_noise(batch.latents, noise, t)
    with adapted(backbone.denoiser, trained.bank):
        predicted = backbone.diffusion.latents_from_velocity(noisy, backbone.predict(noisy, t, batch), t)
    seen = backbone.identity(predicted.flatten(0, 1)).unflatten(0, predicted.shape[:2])
    identity = identity_similarity(seen, backbone.identity(batch.reference))
    score = combined_score(identity, temporal_stability(predicted, batch.latents), alpha)
    return score.unflatten(0, (len(trained.bank), -1)).mean(1)

"""PrivFedTalk (arXiv 2604.08037): FedAvg plus temporal-denoising consistency and reliability weights.

Its third part, client-level differential privacy, is the federation's mechanism and the same for every method.
Published settings are the options' defaults: λ = .05, α = .7, γ = .5. Its identity, perceptual and sync terms
(`terms`, published weights .1, .1, .05) are off unless asked for: they cost time, the perceptual one most, which
decodes frames. The suite's preset `published` has them all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from privtalk.methods.federated.fedavg import FedAvg

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from privtalk.methods.federation.local import LocalStep, TrainedDevices


class PrivFedTalk(FedAvg):
    """λ = 0 and γ = 0 is FedAvg."""

    name: ClassVar[str] = "privfedtalk"
    about: ClassVar[str] = "FedAvg plus temporal-denoising consistency and reliability weights (2604.08037)."
    source: ClassVar[str] = "PrivFedTalk (2604.08037)"
    effort: ClassVar[float] = 3.5

    class Options(FedAvg.Options):
        """PrivFedTalk's own options."""

        lambda_tdc: float = Field(0.05, ge=0)
        """Weight of temporal-denoising consistency; 0 is none."""
        gamma: float = Field(0.5, ge=0)
        """Sharpness of the reliability weight; 0 weighs all alike."""
        alpha: float = Field(0.7, ge=0, le=1)
        """Share of identity similarity, against temporal stability, in the reliability score. Read where gamma > 0."""
        expected_score: float = Field(0.95, ge=0, le=1)
        """Reliability score expected of a client, a public constant of the denominator (measured: .955)."""
        lambda_identity: float = Field(0.0, ge=0)
        """Weight of likeness to the client's reference frame (published: .1); 0 is none."""
        lambda_perceptual: float = Field(0.0, ge=0)
        """Weight of the perceptual distance of decoded frames (published: .1); 0 is none."""
        lambda_sync: float = Field(0.0, ge=0)
        """Weight of agreement of lips with sound (published: .05); 0 is none."""
        decode_every: int = Field(1, ge=1, le=1_000_000)
        """Frames are decoded at every n-th local step, where the perceptual term then counts n times. Read where
        lambda_perceptual > 0."""

    options: Options

    def extra_loss(self, step: LocalStep) -> Tensor:
        from privtalk.methods.federated.tdc import temporal_consistency

        total = self.options.lambda_tdc * step.per_client(
            temporal_consistency(step.predicted_noise(), step.draw.noise)
        )
        if weights := self._weights(step.number):
            total = total + weighted_terms(step, weights)
        return total

    def _weights(self, number: int) -> dict[str, float]:
        """The weights of the terms that the local step of a number has."""
        own = self.options
        perceptual = own.decode_every * own.lambda_perceptual if number % own.decode_every == 0 else 0.0
        weights = {"identity": own.lambda_identity, "perceptual": perceptual, "sync": own.lambda_sync}
        return {name: weight for name, weight in weights.items() if weight}

    def reliability(self, trained: TrainedDevices) -> Tensor | None:
        from privtalk.methods.federated import isfa

        if self.options.gamma == 0:  # the weight is 1 whatever the score, which costs a forward pass
            return None
        return isfa.reliability(isfa.client_scores(trained, self.options.alpha), self.options.gamma)

    def expected_reliability(self) -> float:
        from privtalk.methods.federated import isfa

        return isfa.expected_reliability(self.options.expected_score, self.options.gamma)


def weighted_terms(step: LocalStep, weights: Mapping[str, float]) -> Tensor:
    """[K] weighted sum of terms of the predicted face, by name; a window counts by its share of signal."""
    import torch

    from privtalk.methods.federated.terms import identity, perceptual, sync

    terms = {"identity": identity.identity, "perceptual": perceptual.perceptual, "sync": sync.sync}
    predicted = step.predicted_latents()
    parts = [weight * terms[name](step, predicted) for name, weight in weights.items()]
    return step.per_client(step.signal() * torch.stack(parts).sum(0))

"""PrivFedTalk (arXiv 2604.08037): FedAvg plus temporal-denoising consistency and reliability weights.

Its third part, client-level differential privacy, is the federation's mechanism and the same for every method.
Published settings are the options' defaults: λ = .05, α = .7, γ = .5. Left out: its identity, perceptual and sync
losses, which need decoded frames at every step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from privtalk.methods.federated.fedavg import FedAvg

if TYPE_CHECKING:
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

    options: Options

    def extra_loss(self, step: LocalStep) -> Tensor:
        from privtalk.methods.federated.tdc import temporal_consistency

        return self.options.lambda_tdc * step.per_client(
            temporal_consistency(step.predicted_noise(), step.draw.noise)
        )

    def reliability(self, trained: TrainedDevices) -> Tensor | None:
        from privtalk.methods.federated import isfa

        if self.options.gamma == 0:  # the weight is 1 whatever the score, which costs a forward pass
            return None
        return isfa.reliability(isfa.client_scores(trained, self.options.alpha), self.options.gamma)

    def expected_reliability(self) -> float:
        from privtalk.methods.federated import isfa

        return isfa.expected_reliability(self.options.expected_score, self.options.gamma)

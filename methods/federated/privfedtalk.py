"""PrivFedTalk (arXiv 2604.08037): FedAvg plus temporal-denoising consistency and reliability weights.

Its third part, client-level differential privacy, is the federation's mechanism and the same for every method.
Published settings are the options' defaults: λ = .05, α = .7, γ = .5. Left out: its identity, perceptual and sync
losses, which need decoded frames at every step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from privtalk.methods.federated.fedavg import FedAvg

if TYPE_CHECKING:
    from torch import Tensor

    from privtalk.methods.federation.local import LocalStep, Trained


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivFedTalk(FedAvg):
    """λ = 0 and γ = 0 is FedAvg."""

    name: ClassVar[str] = "privfedtalk"

    def extra_loss(self, step: LocalStep) -> Tensor:
        from privtalk.methods.federated.tdc import temporal_consistency

        return self.options.lambda_tdc * step.per_client(
            temporal_consistency(step.predicted_noise(), step.draw.noise)
        )

    def reliability(self, trained: Trained) -> Tensor | None:
        from privtalk.methods.federated import isfa

        if self.options.gamma == 0:  # the weight is 1 whatever the score, which costs a forward pass
            return None
        return isfa.reliability(isfa.client_scores(trained, self.options.alpha), self.options.gamma)

    def expected_reliability(self) -> float:
        from privtalk.methods.federated import isfa

        return isfa.expected_reliability(self.options.expected_score, self.options.gamma)

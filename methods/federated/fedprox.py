"""FedProx (Li et al. 2020): FedAvg plus a proximal term of the local loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from privtalk.methods.federated.fedavg import FedAvg

if TYPE_CHECKING:
    from torch import Tensor

    from privtalk.methods.federation.local import LocalStep


@dataclass(frozen=True, slots=True, kw_only=True)
class FedProx(FedAvg):
    """Adds (μ/2) ‖θ − θ_global‖²; μ = 0 is FedAvg, μ -> infinity never moves."""

    name: ClassVar[str] = "fedprox"

    def extra_loss(self, step: LocalStep) -> Tensor:
        return self.options.mu / 2 * (step.theta - step.start).square().sum(1)

"""FedProx (Li et al. 2020): FedAvg plus a proximal term of the local loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from privtalk.methods.federated.fedavg import FedAvg

if TYPE_CHECKING:
    from torch import Tensor

    from privtalk.methods.federation.local import LocalStep


class FedProx(FedAvg):
    """Adds (μ/2) ‖θ − θ_global‖²; μ = 0 is FedAvg, μ -> infinity never moves."""

    name: ClassVar[str] = "fedprox"
    about: ClassVar[str] = "FedAvg plus a proximal term of the local loss (Li et al. 2020)."
    source: ClassVar[str] = "Li et al. 2020 (1812.06127)"

    class Options(FedAvg.Options):
        """FedProx's own options."""

        mu: float = Field(0.01, ge=0)
        """Weight of the proximal term; 0 is FedAvg."""

    options: Options

    def extra_loss(self, step: LocalStep) -> Tensor:
        return self.options.mu / 2 * (step.theta - step.start).square().sum(1)

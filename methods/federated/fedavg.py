"""Federated averaging of adapters (McMahan et al. 2017), with server momentum (FedAvgM, Hsu et al. 2019).

θ ← θ + η · (1 / qNω̄) Σ_k ω_k clip_C(Δ_k), ω_k = min(n_k / n̂, 1). The published weights n_k / Σ_j n_j depend on who
else takes part, so that one client can move the mean by more than its share; a public denominator keeps the
sensitivity at C and has the same mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from privtalk.methods.config import FederationConfig
from privtalk.methods.federated.method import FederatedMethod
from privtalk.methods.federation.memory import ServerState

if TYPE_CHECKING:
    from torch import Tensor

    from privtalk.methods.adapters import AdapterBank


class FedAvg(FederatedMethod):
    """Plain local training, and a server that adds the mean update."""

    name: ClassVar[str] = "fedavg"
    about: ClassVar[str] = "Federated averaging of adapters (McMahan et al. 2017)."
    source: ClassVar[str] = "McMahan et al. 2017 (1602.05629)"

    def server_state(self, template: AdapterBank) -> Mapping[str, Tensor]:
        import torch

        return {"momentum": torch.zeros(self.message_length(template), dtype=torch.float64)}

    def server_update(self, state: ServerState, mean: Tensor, config: FederationConfig) -> ServerState:
        beta = config.server_momentum
        momentum = mean if beta == 0 else beta * state.tensors["momentum"] + mean
        adapter = (state.adapter.double() + config.server_lr * momentum).to(state.adapter)
        return state._replace(adapter=adapter, tensors={"momentum": momentum})

    def step_factor(self, config: FederationConfig) -> float | None:
        return None if config.server_momentum else config.server_lr

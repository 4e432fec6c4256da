"""Federated averaging of adapters (McMahan et al. 2017), and the base of the other methods.

θ ← θ + η · (1 / qNω̄) Σ_k ω_k clip_C(Δ_k), ω_k = min(n_k / n̂, 1). The published weights n_k / Σ_j n_j depend on who
else takes part, so that one client can move the mean by more than its share; a public denominator keeps the
sensitivity at C and has the same mean.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from privtalk.methods.config import DEFAULT_OPTIONS, AdapterConfig, FederationConfig, MethodOptions
from privtalk.methods.federation.server import ServerState

if TYPE_CHECKING:
    from torch import Tensor

    from privtalk.methods.federation.local import LocalStep, Trained


@dataclass(frozen=True, slots=True, kw_only=True)
class FedAvg:
    """A method: terms of the local loss, a client weight, a server update. FedAvg adds nothing to any of them."""

    name: ClassVar[str] = "fedavg"
    options: MethodOptions = DEFAULT_OPTIONS

    @staticmethod
    def adapter(config: AdapterConfig) -> AdapterConfig:
        """The adapter that the method trains, of the one that is configured for all."""
        return config

    def extra_loss(self, step: LocalStep) -> Tensor | None:
        """[K] terms added to each client's diffusion loss, or None."""
        return None

    def reliability(self, trained: Trained) -> Tensor | None:
        """[K] factors in (0, 1] of the clients' weights, computed on the device; None for 1."""
        return None

    def expected_reliability(self) -> float:
        """Public mean of `reliability`, a factor of the denominator."""
        return 1.0

    def server_update(self, state: ServerState, mean: Tensor, config: FederationConfig) -> ServerState:
        """Apply the mean update [d] (float64), with momentum (FedAvgM)."""
        momentum = mean if config.server_momentum == 0 else config.server_momentum * state.momentum + mean
        return ServerState((state.adapter.double() + config.server_lr * momentum).to(state.adapter), momentum)

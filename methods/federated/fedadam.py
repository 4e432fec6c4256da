"""FedAdam (Reddi et al. 2021, arXiv 2003.00295): plain local training, and Adam at the server.

    m ← β1 m + (1 - β1) Δ,   v ← β2 v + (1 - β2) Δ²,   θ ← θ + η m / (√v + τ)

Δ is the (noisy) mean update; without bias correction, as published. m and v start at 0, as in the usual
implementations (the paper asks for v ≥ τ² at the start). It reads the noisy sum alone, so it costs no privacy; noise
does make v larger.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from privtalk.methods.config import FederationConfig
from privtalk.methods.federated.method import FederatedMethod
from privtalk.methods.federation.memory import ServerState

if TYPE_CHECKING:
    from torch import Tensor

    from privtalk.methods.adapters import AdapterBank


class FedAdam(FederatedMethod):
    """β1 = 0 and τ -> infinity with lr / τ = η held is FedAvg of server rate η."""

    name: ClassVar[str] = "fedadam"
    about: ClassVar[str] = "FedAvg whose server steps by Adam (Reddi et al. 2021)."
    source: ClassVar[str] = "Reddi et al. 2021 (2003.00295)"
    ignores: ClassVar[frozenset[str]] = frozenset({"federation.server_lr", "federation.server_momentum"})

    class Options(FederatedMethod.Options):
        """FedAdam's own options."""

        lr: float = Field(0.01, gt=0)
        """η of the server; it takes the place of federation.server_lr."""
        beta1: float = Field(0.9, ge=0, lt=1)
        """Share of the past in the mean of updates; it takes the place of federation.server_momentum."""
        beta2: float = Field(0.99, ge=0, lt=1)
        """Share of the past in the mean of squared updates."""
        tau: float = Field(1e-3, gt=0)
        """τ: how adaptive steps are; coordinates whose updates are well below it move in proportion to them."""

    options: Options

    def server_state(self, template: AdapterBank) -> Mapping[str, Tensor]:
        import torch

        return {name: torch.zeros(template.dim, dtype=torch.float64) for name in ("mean", "square")}

    def server_update(self, state: ServerState, mean: Tensor, config: FederationConfig) -> ServerState:
        using = self.options
        first = using.beta1 * state.tensors["mean"] + (1 - using.beta1) * mean
        second = using.beta2 * state.tensors["square"] + (1 - using.beta2) * mean.square()
        moved = using.lr * first / (second.sqrt() + using.tau)
        adapter = (state.adapter.double() + moved).to(state.adapter)
        return state._replace(adapter=adapter, tensors={"mean": first, "square": second})

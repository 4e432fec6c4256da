"""SCAFFOLD (Karimireddy et al. 2020, arXiv 1910.06378): control variates against the drift of clients apart.

Device k keeps a control c_k, the server their mean c. Local steps descend on g + c - c_k, so that their fixed point
is that of the mean loss and not, as in FedAvg with many local steps, that of the mean of local optima. Option II:

    c_k' = c_k - c + (θ_received - θ) / (steps · lr)  =  mean gradient of the plain loss along the path

which is what `LocalResult.gradient` holds for any optimiser. The correction is the linear term ⟨c - c_k, θ⟩ of the
loss: exact for SGD; Adam is given the corrected gradient. A message is (Δ_k, s · (c_k' - c_k)), clipped as one
vector, with s = steps · lr by default, which puts both parts into an adapter's units. Where messages are clipped or
weighted c is no longer the exact mean of the c_k. The server's part is post-processing of the noisy sum.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from privtalk.methods.config import FederationConfig
from privtalk.methods.federated.fedavg import FedAvg
from privtalk.methods.federation.memory import DeviceReport, ServerState

if TYPE_CHECKING:
    from torch import Tensor

    from privtalk.methods.adapters import AdapterBank
    from privtalk.methods.federation.devices import Devices
    from privtalk.methods.federation.local import LocalResult, LocalStep


class Scaffold(FedAvg):
    """FedAvg with control variates; controls that are 0, or equal on all devices, make it FedAvg."""

    name: ClassVar[str] = "scaffold"
    about: ClassVar[str] = "FedAvg with control variates against client drift (Karimireddy et al. 2020)."
    source: ClassVar[str] = "Karimireddy et al. 2020 (1910.06378), option II"
    sent_down: ClassVar[tuple[str, ...]] = ("control",)

    class Options(FedAvg.Options):
        """SCAFFOLD's own options."""

        control_scale: float | None = Field(None, gt=0)
        """s: units of the control's change in a message, beside an update of the adapter. None: local_steps · lr."""

    options: Options

    def scale(self, config: FederationConfig) -> float:
        """s, public."""
        return self.options.control_scale or config.local_steps * config.lr

    def client_state(self, template: AdapterBank, received: Tensor) -> Mapping[str, Tensor]:
        return {"control": received.new_zeros(template.dim)}

    def server_state(self, template: AdapterBank) -> Mapping[str, Tensor]:
        import torch

        return {name: torch.zeros(template.dim, dtype=torch.float64) for name in ("momentum", "control")}

    def message_length(self, template: AdapterBank) -> int:
        return 2 * template.dim

    def extra_loss(self, step: LocalStep) -> Tensor:
        return ((step.server["control"] - step.own["control"]) * step.theta).sum(1)

    def report(self, devices: Devices, result: LocalResult) -> DeviceReport:
        import torch

        own, server = devices.memory.own["control"], devices.memory.server["control"]
        control = result.gradient - server + own
        change = self.scale(devices.config) * (control - own)
        message = torch.cat([result.theta - devices.received, change], dim=1)
        return DeviceReport(message, {"control": control})

    def server_update(self, state: ServerState, mean: Tensor, config: FederationConfig) -> ServerState:
        d = len(state.adapter)
        moved = super().server_update(state, mean[:d], config)
        control = state.tensors["control"] + config.share * mean[d:] / self.scale(config)
        return moved._replace(tensors={**moved.tensors, "control": control})

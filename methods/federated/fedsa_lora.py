"""FedSA-LoRA (Guo et al. 2024, arXiv 2410.01463): A is shared and averaged, B stays on the device.

Both are trained; a message holds A's coordinates alone, which are what noise is accounted for and what is released. A
client's adapter is the global A with its own B, and a client that never took part has B = 0, which is the backbone
itself. A's gradient is 0 while B is: a device that takes part for the first time sends nothing with its first local
step.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from privtalk.methods.config import AdapterConfig, FederationConfig
from privtalk.methods.federated.fedavg import FedAvg
from privtalk.methods.federation.memory import DeviceReport, ServerState

if TYPE_CHECKING:
    from torch import Tensor

    from privtalk.methods.adapters import AdapterBank
    from privtalk.methods.federation.devices import Devices
    from privtalk.methods.federation.local import LocalResult


class FedSALoRA(FedAvg):
    """FedAvg of A; with one client and a server rate of 1 it is that client's local training."""

    name: ClassVar[str] = "fedsa_lora"
    about: ClassVar[str] = "FedAvg of A alone, B stays on the device (Guo et al. 2024)."
    source: ClassVar[str] = "Guo et al. 2024 (2410.01463)"
    release_says_nothing: ClassVar[str | None] = (
        "A alone is released, and without a client's B it changes nothing that the backbone generates"
    )
    messages_unread: ClassVar[str | None] = (
        "messages hold A alone, whose gradients cannot be formed without the client's own B"
    )

    @staticmethod
    def adapter(config: AdapterConfig) -> AdapterConfig:
        return config.model_copy(update={"freeze_a": False})

    def message_length(self, template: AdapterBank) -> int:
        return int(template.of_a().sum())

    def download_length(self, template: AdapterBank) -> int:
        return self.message_length(template)

    def client_state(self, template: AdapterBank, received: Tensor) -> Mapping[str, Tensor]:
        return {"b": received[~template.of_a().to(received.device)]}

    def start(self, devices: Devices) -> Tensor:
        return _with_b(devices.template, super().start(devices), devices.memory.own["b"])

    def report(self, devices: Devices, result: LocalResult) -> DeviceReport:
        of_a = devices.template.of_a().to(result.theta.device)
        update = result.theta - devices.received
        return DeviceReport(update[:, of_a], {"b": result.theta[:, ~of_a]})

    def server_update(self, state: ServerState, mean: Tensor, config: FederationConfig) -> ServerState:
        of_a = state.template.of_a()
        moved = super().server_update(state._replace(adapter=state.adapter[of_a]), mean, config)
        adapter = state.adapter.clone()
        adapter[of_a] = moved.adapter
        return moved._replace(adapter=adapter)

    def personal(self, template: AdapterBank, adapter: Tensor, own: Mapping[str, Tensor]) -> Tensor:
        return _with_b(template, adapter[None], own["b"][None])[0]


def _with_b(template: AdapterBank, adapters: Tensor, b: Tensor) -> Tensor:
    """[K, d] the A of `adapters` [K, d] with the B of `b` [K, numbers of B]."""
    whole = adapters.clone()
    whole[:, ~template.of_a().to(whole.device)] = b
    return whole

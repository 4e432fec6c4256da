"""Ditto (Li et al. 2021, arXiv 2012.04221): a global adapter by FedAvg, and a personal one on every device.

In each round that it takes part in, device k also trains its own adapter v_k, on the round's windows, with the loss

    L_k(v) + (λ/2) ‖v - θ_received‖²

The global part is FedAvg's, bit for bit. v_k never leaves the device: it is no release, and what is guaranteed of the
global adapter holds for everybody else's data in v_k too. It starts at the first global adapter that the device is
sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from privtalk.methods.federated.fedavg import FedAvg
from privtalk.methods.federation.memory import DeviceReport

if TYPE_CHECKING:
    from torch import Tensor

    from privtalk.methods.adapters import AdapterBank
    from privtalk.methods.federation.devices import Devices
    from privtalk.methods.federation.local import LocalResult, LocalStep, TrainedDevices


@dataclass(frozen=True, slots=True)
class Personal:
    """The terms that a personal adapter minimises beside its loss."""

    received: Tensor
    """[d] the global adapter."""
    weight: float
    """λ."""

    def extra_loss(self, step: LocalStep) -> Tensor | None:
        if self.weight == 0:
            return None
        return self.weight / 2 * (step.theta - self.received).square().sum(1)

    def reliability(self, trained: TrainedDevices) -> Tensor | None:
        return None


class Ditto(FedAvg):
    """FedAvg, with a personal adapter a device.

    λ = 0 is local training in the rounds that a device takes part in. With SGD and λ · lr = 1 a step starts at the
    global adapter, wherever the personal one is.
    """

    name: ClassVar[str] = "ditto"
    about: ClassVar[str] = "FedAvg, and a personal adapter a device that is held near it (Li et al. 2021)."
    source: ClassVar[str] = "Li et al. 2021 (2012.04221)"
    effort: ClassVar[float] = 5.0

    class Options(FedAvg.Options):
        """Ditto's own options."""

        lambda_personal: float = Field(0.1, ge=0)
        """λ: how strongly a personal adapter is held at the global one; 0 not at all."""

    options: Options

    def client_state(self, template: AdapterBank, received: Tensor) -> Mapping[str, Tensor]:
        return {"adapter": received}

    def report(self, devices: Devices, result: LocalResult) -> DeviceReport:
        objective = Personal(devices.received, self.options.lambda_personal)
        own = devices.train(devices.memory.own["adapter"], objective)
        return DeviceReport(result.theta - devices.received, {"adapter": own.theta})

    def personal(self, template: AdapterBank, adapter: Tensor, own: Mapping[str, Tensor]) -> Tensor:
        return own["adapter"]

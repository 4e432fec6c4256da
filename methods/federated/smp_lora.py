"""SMP-LoRA (Luo et al. 2024, arXiv 2402.11989): adapters trained against an attacker who asks who was trained on.

Every client keeps a proxy attacker h that is trained to tell windows it trains on from windows that it held back, by
their prediction errors; the adapter descends on the ratio

    L / (1 + λ · CE(h, windows trained on)),

the published stable form (its min-max sum, MP-LoRA, is unstable) with β = 1: the loss is worth less the surer h is,
so that fooling h lowers it too. In a federation each client is its own attacker: non-members are the last of its own
clips (`held_back`), which it then does not train on, so that its message depends on its own data alone and is
accounted like any other. h is trained at the adapter that a round starts from and held during its local steps. λ = 0
holds nothing back and is FedAvg, bit for bit.

It is an empirical defence: it bounds nothing by itself. What is guaranteed is what clipping and noise guarantee.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from privtalk.methods.config import FederationConfig
from privtalk.methods.federated.fedavg import FedAvg
from privtalk.methods.federation.memory import DeviceReport

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from privtalk.methods.adapters import AdapterBank
    from privtalk.methods.federation.clients import ClientData, Draw
    from privtalk.methods.federation.devices import Devices
    from privtalk.methods.federation.local import LocalResult, LocalStep


class SMPLoRA(FedAvg):
    """FedAvg of adapters that are trained against a membership attacker; λ = 0 is FedAvg."""

    name: ClassVar[str] = "smp_lora"
    about: ClassVar[str] = "FedAvg of adapters trained against a membership attacker (Luo et al. 2024)."
    source: ClassVar[str] = "Luo et al. 2024 (2402.11989), SMP-LoRA"
    without_noise: ClassVar[str] = (
        "an empirical defence without noise: it is trained against one attacker, which bounds no other"
    )

    class Options(FedAvg.Options):
        """SMP-LoRA's own options."""

        lambda_mi: float = Field(1.0, ge=0)
        """λ: weight of the attacker's error in the ratio; 0 is FedAvg."""
        held_back: float = Field(0.25, gt=0, lt=1)
        """Share of a client's clips that are its attacker's non-members, at least one; of an only clip, its end."""
        windows: int = Field(8, ge=1, le=10_000)
        """Windows of either kind that the attacker sees a round."""
        attacker_steps: int = Field(20, ge=1, le=10_000)
        """Steps of the attacker a round."""
        attacker_lr: float = Field(0.01, gt=0)
        """Learning rate of the attacker (Adam)."""

    options: Options

    def trains_on(self, client: ClientData, config: FederationConfig) -> ClientData:
        return self._split(client, config)[0]

    def client_state(self, template: AdapterBank, received: Tensor) -> Mapping[str, Tensor]:
        from privtalk.methods.federated import smp_proxy

        return {"attacker": smp_proxy.initial().to(received)}

    def prepare(self, devices: Devices) -> Mapping[str, Tensor]:
        """The attackers after their turn, and whether each is heard: of a client that held something back."""
        import torch

        from privtalk.methods.federated import smp_proxy

        own = devices.memory.own
        if self.options.lambda_mi == 0:
            return own
        others = [self._split(client, devices.config)[1] for client in devices.whole]
        heard = torch.tensor([[float(other is not None)] for other in others]).to(devices.received)
        found = [other or client for other, client in zip(others, devices.clients, strict=True)]
        attackers = smp_proxy.trained(
            own["attacker"],
            self._seen(devices, devices.clients, "trained on"),
            self._seen(devices, found, "held back"),
            self.options.attacker_steps,
            self.options.attacker_lr,
        )
        return {"attacker": attackers, "heard": heard}

    def extra_loss(self, step: LocalStep) -> Tensor | None:
        from privtalk.methods.federated import smp_proxy

        if self.options.lambda_mi == 0:
            return None
        errors = step.errors()
        loss = step.per_client(errors.flatten(1).mean(1))
        wrong = smp_proxy.member_loss(step.own["attacker"], smp_proxy.features(errors, len(step.theta)))
        return loss / (1 + self.options.lambda_mi * step.own["heard"][:, 0] * wrong) - loss

    def report(self, devices: Devices, result: LocalResult) -> DeviceReport:
        return DeviceReport(result.theta - devices.received, {"attacker": devices.memory.own["attacker"]})

    def _split(self, client: ClientData, config: FederationConfig) -> tuple[ClientData, ClientData | None]:
        """(what it trains on, what it holds back)."""
        from privtalk.methods.federated import smp_proxy

        if self.options.lambda_mi == 0:
            return client, None
        return smp_proxy.split(client, self.options.held_back, config.window_frames)

    def _seen(self, devices: Devices, clients: Sequence[ClientData], kind: str) -> Tensor:
        """[K, W, features] of windows of each client at the adapter that was sent."""
        import torch

        from privtalk.methods.federated import smp_proxy
        from privtalk.methods.federation.local import forward

        found = []
        with torch.no_grad():
            for drawn in self._draws(devices, clients, kind):
                few = len(drawn.t) // self.options.windows
                theta = devices.received.expand(few, -1)
                step, _ = forward(devices.backbone, devices.template, theta, theta, drawn)
                found.append(smp_proxy.features(step.errors(), few))
        return torch.cat(found)

    def _draws(self, devices: Devices, clients: Sequence[ClientData], kind: str) -> Iterator[Draw]:
        """Windows for the attackers, of a few clients at a time; each client's are its own, whoever else takes part."""
        from privtalk.methods.federation.clients import draw
        from privtalk.methods.federation.local import chunks

        config = devices.config.model_copy(update={"windows": self.options.windows})
        timesteps = devices.backbone.config.diffusion.timesteps

        def own(*names: str | int) -> torch.Generator:
            return devices.stream("proxy", kind, *names)

        for part in chunks(len(clients), max(1, config.chunk // config.windows)):
            yield draw(clients[part], config, timesteps, own, devices.round, 0).to(devices.received.device)

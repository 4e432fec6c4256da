"""The interface of a federated method: what a device does beside plain local training, and what the server does.

A method subclasses `FederatedMethod`, or another method of which it changes one part, and is known by its `name` once
`methods.registry.register` has been given it. Sampling, clipping, noise, secure aggregation and accounting are the
federation's and the same for all methods. A round asks in this order:

    devices: trains_on, prepare, start, extra_loss at each step, reliability, report -> messages, and what is kept
    the federation: clips, weighs, sums and noises messages
    the server: server_update of the mean message

Shape legend: K clients of a round, d trainable numbers of an adapter, m numbers of a message or of a kept tensor.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from privtalk.core.frozen import Frozen
from privtalk.methods.config import AdapterConfig, FederationConfig
from privtalk.methods.federation.memory import DeviceReport, ServerState

if TYPE_CHECKING:
    from torch import Tensor

    from privtalk.methods.adapters import AdapterBank
    from privtalk.methods.federation.clients import ClientData
    from privtalk.methods.federation.devices import Devices
    from privtalk.methods.federation.local import LocalResult, LocalStep, TrainedDevices


class FederatedMethod(ABC):
    """A federated method. Only `server_update` must be written; a hook that is left alone changes nothing.

    An instance holds its options and nothing else.

    >>> from privtalk.methods.federated.fedprox import FedProx
    >>> FedProx(FedProx.Options(mu=0.5))
    fedprox(mu=0.5)
    """

    name: ClassVar[str]
    """The name in rows, suites and `--set options.NAME`: a Python identifier, and the name of its file."""
    about: ClassVar[str]
    """One line for `bench list methods`."""
    source: ClassVar[str] = ""
    """The publication."""

    class Options(Frozen):
        """The method's own options, and no other's; each with a default. Here: none."""

    options: Options

    def __init__(self, options: Options | None = None) -> None:
        self.options = self.Options() if options is None else options

    def __repr__(self) -> str:
        said = ", ".join(f"{name}={value!r}" for name, value in self.options)
        return f"{self.name}({said})"

    # ---- what is trained, and what is kept

    @staticmethod
    def adapter(config: AdapterConfig) -> AdapterConfig:
        """The adapter that the method trains, of the one that is configured for all."""
        return config

    def trains_on(self, client: ClientData, config: FederationConfig) -> ClientData:
        """The part of what a client holds that it trains on; by default all of it."""
        return client

    def client_state(self, template: AdapterBank, received: Tensor) -> Mapping[str, Tensor]:
        """[m] what a device holds before it first takes part, by name, made from the adapter [d] that it is sent."""
        return {}

    def server_state(self, template: AdapterBank) -> Mapping[str, Tensor]:
        """[m] what the server holds before the first round, by name."""
        return {}

    sent_down: ClassVar[tuple[str, ...]] = ()
    """Names of `server_state` that are sent to devices along with the adapter."""

    # ---- on the device

    def prepare(self, devices: Devices) -> Mapping[str, Tensor]:
        """[K, m] what devices keep, as local training reads it (`LocalStep.own`); asked before it starts."""
        return devices.memory.own

    def start(self, devices: Devices) -> Tensor:
        """[K, d] the adapters that local training starts from; by default the one that was sent."""
        return devices.received.expand(len(devices.clients), -1)

    def extra_loss(self, step: LocalStep) -> Tensor | None:
        """[K] terms added to each client's diffusion loss, or None."""
        return None

    def reliability(self, trained: TrainedDevices) -> Tensor | None:
        """[K] factors in (0, 1] of the clients' weights, computed on the device; None for 1."""
        return None

    def report(self, devices: Devices, result: LocalResult) -> DeviceReport:
        """Says what each device sends and keeps; by default it sends θ - θ_received and keeps what `prepare` gave.

        The clip bounds the whole message, so that its sensitivity is the ledger's whatever a method puts in.
        """
        return DeviceReport(result.theta - devices.received, devices.memory.own)

    def message_length(self, template: AdapterBank) -> int:
        """Numbers in a message, of every client in every round: noise is accounted for vectors of this length."""
        return template.dim

    def download_length(self, template: AdapterBank) -> int:
        """Numbers that a client is sent in a round."""
        held = self.server_state(template) if self.sent_down else {}
        return template.dim + sum(held[name].numel() for name in self.sent_down)

    # ---- at the server

    def expected_reliability(self) -> float:
        """Public mean of `reliability`, a factor of the denominator."""
        return 1.0

    @abstractmethod
    def server_update(self, state: ServerState, mean: Tensor, config: FederationConfig) -> ServerState:
        """The server's state after a round, of the mean message [m] (float64) with its noise."""

    def step_factor(self, config: FederationConfig) -> float | None:
        """How far the adapter moves for a mean update of 1, where that is one public number; None elsewhere."""
        return None

    # ---- what comes of it

    def personal(self, template: AdapterBank, adapter: Tensor, own: Mapping[str, Tensor]) -> Tensor | None:
        """[d] the adapter that a client holds, from the global one [d] and what its device keeps ([m] by name).

        None where everybody holds the global one. A row is scored by what is released, the global one alone; what
        devices hold is a variant of it, from which private steps (`federation.personalisation`) go on.
        """
        return None

    no_guarantee: ClassVar[str | None] = None
    """Why no guarantee holds whatever the noise. None where all that leaves a device is its message, and the server
    sees of messages their noisy sum alone: then what it makes of it costs nothing more."""
    without_noise: ClassVar[str] = "trained without noise"
    """The words of a record in place of a guarantee where no noise is asked for."""
    release_says_nothing: ClassVar[str | None] = None
    """Why attacks on the released adapter do not apply, where they do not."""
    messages_unread: ClassVar[str | None] = None
    """Why attacks that read a message's first d numbers as an update of the adapter do not apply."""
    effort: ClassVar[float] = 2.5
    """Time that a frame of local training takes, in forward passes; progress is guessed by it."""
    ignores: ClassVar[frozenset[str]] = frozenset()
    """Settings of the federation that the method does not read, such as `federation.server_lr`."""

"""The interface of a federated method: what a device does beside plain local training, and what the server does.

A method subclasses `FederatedMethod`, or another method of which it changes one part, and is known by its `name` once
`methods.registry.register` has been given it. Sampling, clipping, noise, secure aggregation and accounting are the
federation's and the same for all methods.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from privtalk.core.frozen import Frozen
from privtalk.methods.config import AdapterConfig, FederationConfig
from privtalk.methods.federation.server import ServerState

if TYPE_CHECKING:
    from torch import Tensor

    from privtalk.methods.federation.local import LocalStep, Trained


class FederatedMethod(ABC):
    """A federated method. Only `server_update` must be written; a hook that is left alone changes nothing.

    An instance holds its options and nothing else.

    >>> from privtalk.methods.federated.fedprox import FedProx
    >>> FedProx(FedProx.Options(mu=0.5))
    fedprox(mu=0.5)
    """

    name: ClassVar[str]
    """What rows, suites and `--set options.NAME` call it: a Python identifier, and the name of its file."""
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

    # ---- on the device

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

    # ---- at the server

    def expected_reliability(self) -> float:
        """Public mean of `reliability`, a factor of the denominator."""
        return 1.0

    @abstractmethod
    def server_update(self, state: ServerState, mean: Tensor, config: FederationConfig) -> ServerState:
        """The server's state after a round, of the mean update [d] (float64) with its noise."""

"""The tensors that a method keeps by name between rounds, and what a device says and keeps after one.

Shape legend: K devices; a tensor of a name has any number m of values, the same in all rounds.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor

    from privtalk.methods.adapters import AdapterBank

    Tensors = Mapping[str, Tensor]

EMPTY: Mapping[str, Tensor] = MappingProxyType({})
"""No tensor."""


class Memory(NamedTuple):
    """The tensors that local training of K devices may read beside data and adapters."""

    server: Tensors = EMPTY
    """[m] what the server sent along with the adapter (`FederatedMethod.sent_down`)."""
    own: Tensors = EMPTY
    """[K, m] what each device keeps."""

    def of(self, part: slice) -> Memory:
        """The same for some of the devices."""
        return Memory(self.server, {name: tensor[part] for name, tensor in self.own.items()})


class DeviceReport(NamedTuple):
    """The outcome of K devices after a round of local training."""

    message: Tensor
    """[K, m] what each device sends, before it is clipped and weighted: the clip is on the whole of it."""
    own: Tensors = EMPTY
    """[K, m] what each device keeps until it takes part again; it never leaves."""


class ServerState(NamedTuple):
    """The state that the server carries from round to round; `state._replace(adapter=...)` is the next one."""

    template: AdapterBank
    """Bank of one: the initial adapter, whose layers the coordinates belong to."""
    adapter: Tensor
    """[d] global adapter, float32."""
    tensors: Tensors = EMPTY
    """[m] the method's own, by name."""

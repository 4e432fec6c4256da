"""The stacks of a cohort: the clients that are trained in one pass, wherever that pass is run.

Borders come from the configuration (`chunk`), never from who computes, and results are put together in the order of the
clients: by one process, by several and by machines far away a sum is of the same numbers in the same order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor

    from privtalk.core.streams import Stream
    from privtalk.methods.adapters import AdapterBank
    from privtalk.methods.backbone.backbone import Backbone
    from privtalk.methods.config import FederationConfig
    from privtalk.methods.federation.clients import ClientData
    from privtalk.methods.federation.local import LocalResult, Objective
    from privtalk.methods.federation.memory import Memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """Clients that are trained in one pass; their result depends on this and on the backbone alone."""

    template: AdapterBank
    """Bank of one: the initial adapter."""
    start: Tensor
    """[k, d] the adapters that they start from."""
    clients: tuple[ClientData, ...]
    config: FederationConfig
    objective: Objective
    stream: Stream
    round: int
    memory: Memory

    def part(self, index: slice) -> Stack:
        """Returns the stack of some of its clients, in their order."""
        return Stack(
            template=self.template,
            start=self.start[index],
            clients=self.clients[index],
            config=self.config,
            objective=self.objective,
            stream=self.stream,
            round=self.round,
            memory=self.memory.of(index),
        )


class StackRunner(Protocol):
    """Whatever trains stacks."""

    def __call__(self, backbone: Backbone, stacks: Sequence[Stack]) -> list[LocalResult]:
        """Returns the results in the order of the stacks."""


def is_out_of_memory(error: BaseException) -> bool:
    """Returns whether an error says that memory, of the machine or of a GPU, was not enough.

    >>> is_out_of_memory(MemoryError()), is_out_of_memory(RuntimeError("shapes differ"))
    (True, False)
    """
    said = str(error)
    words = ("out of memory", "can't allocate memory", "not enough memory")
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(word in said for word in words)
    )

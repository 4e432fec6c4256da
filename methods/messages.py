"""Messages of clients in a round, and how they are summed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor


class Message(NamedTuple):
    """The message that one client sends in a round: its clipped and weighted update, and nothing else."""

    client: int
    vector: Tensor
    """[d]: ω_k clip_C(Δ_k), float32; with a share of discrete noise, multiples of the grid's step in float64."""


Aggregate = Callable[[Sequence[Message], int], Tensor]
"""(messages, d) -> their sum, float64 [d]; where secure aggregation takes the place of `plain_sum`."""


@runtime_checkable
class Numbered(Protocol):
    """An aggregate that binds what it says to the round."""

    def at(self, round_: int) -> Aggregate:
        """The same for one round."""


def of_round(aggregate: Aggregate, round_: int) -> Aggregate:
    """The aggregate of one round; itself where it is the same in all."""
    return aggregate.at(round_) if isinstance(aggregate, Numbered) else aggregate


def plain_sum(messages: Sequence[Message], dim: int) -> Tensor:
    """Σ of the messages in the order of client numbers, whatever the order of arrival; zero for an empty round."""
    total = torch.zeros(dim, dtype=torch.float64)
    for message in sorted(messages, key=lambda m: m.client):
        total += message.vector.double()
    return total

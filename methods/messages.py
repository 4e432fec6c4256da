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


class RunningSum(Protocol):
    """A sum that is given a round's messages in parts; each client in one of them, in ascending order."""

    def add(self, messages: Sequence[Message]) -> None:
        """Takes the messages of the next clients."""

    def total(self) -> Tensor:
        """Returns the sum of all, float64 [d]: the bits that the aggregate gives of all at once."""


@runtime_checkable
class Foldable(Protocol):
    """An aggregate that needs no message again once it has added it."""

    def begin(self, clients: Sequence[int], dim: int) -> RunningSum:
        """Starts the sum of vectors [dim] of the `clients`, who are all that take part."""


@runtime_checkable
class Numbered(Protocol):
    """An aggregate that binds what it says to the round."""

    def at(self, round_: int) -> Aggregate:
        """The same for one round."""


def of_round(aggregate: Aggregate, round_: int) -> Aggregate:
    """The aggregate of one round; itself where it is the same in all."""
    return aggregate.at(round_) if isinstance(aggregate, Numbered) else aggregate


def begin(aggregate: Aggregate, clients: Sequence[int], dim: int) -> RunningSum:
    """The sum of a round that takes messages in parts; an aggregate that cannot is given all of them at the end."""
    return aggregate.begin(clients, dim) if isinstance(aggregate, Foldable) else Collected(aggregate, dim)


def summed(aggregate: Foldable, messages: Sequence[Message], dim: int) -> Tensor:
    """The sum of all messages at once, float64 [dim], of an aggregate that takes them in parts."""
    running = aggregate.begin([message.client for message in messages], dim)
    running.add(messages)
    return running.total()


class Collected:
    """The running sum of an aggregate that must see all messages at once: it keeps them."""

    def __init__(self, aggregate: Aggregate, dim: int) -> None:
        self._aggregate, self._dim = aggregate, dim
        self._messages: list[Message] = []

    def add(self, messages: Sequence[Message]) -> None:
        self._messages.extend(messages)

    def total(self) -> Tensor:
        return self._aggregate(self._messages, self._dim)


class PlainSum:
    """Σ of the messages in the order of client numbers, whatever the order of arrival; zero for an empty round.

    >>> plain_sum([Message(1, torch.tensor([2.0])), Message(0, torch.tensor([1.0]))], 1)
    tensor([3.], dtype=torch.float64)
    """

    def __call__(self, messages: Sequence[Message], dim: int) -> Tensor:
        return summed(self, sorted(messages, key=lambda message: message.client), dim)

    def begin(self, clients: Sequence[int], dim: int) -> RunningPlainSum:
        return RunningPlainSum(dim)


class RunningPlainSum:
    """The sum of the messages so far, in the order in which they came."""

    def __init__(self, dim: int) -> None:
        self._total = torch.zeros(dim, dtype=torch.float64)

    def add(self, messages: Sequence[Message]) -> None:
        for message in messages:
            self._total += message.vector.double()

    def total(self) -> Tensor:
        return self._total


plain_sum = PlainSum()

"""Rounds of secure aggregation that are played step by step."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch

from privtalk.core.seeds import torch_stream
from privtalk.core.streams import Stream
from privtalk.methods.messages import Message
from privtalk.methods.privacy.secure_aggregation import (
    SecureClient,
    Server,
    Topology,
)
from privtalk.methods.privacy.secure_aggregation.messages import Envelope, Roster, UnmaskRequest

DIM = 7


def streamed(seed: int) -> Stream:
    return partial(torch_stream, seed)


def random_messages(numbers: Collection[int], dim: int, seed: int, size: float = 1.0) -> list[Message]:
    generator = torch.Generator().manual_seed(seed)
    return [Message(k, size * (2 * torch.rand(dim, generator=generator) - 1)) for k in numbers]


def constant(value: int, client: int, round_: int, dim: int) -> np.ndarray:
    return np.full(dim, value)


@dataclass
class Play:
    """A round by hand, to interfere with."""

    numbers: Sequence[int] = (0, 1, 2, 3, 4)
    round: int = 6
    topology: Topology = field(default_factory=Topology)
    clients: dict[int, SecureClient] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.server = Server(self.round, DIM, 32, self.topology, os.urandom)
        self.clients = {k: SecureClient(k, self.round, os.urandom) for k in self.numbers}

    def vector(self, k: int) -> np.ndarray:
        return np.arange(DIM, dtype=np.int64) * (k + 1) - 3

    def to_rosters(self) -> dict[int, Roster]:
        for client in self.clients.values():
            self.server.receive_keys(client.advertise())
        return self.server.rosters()

    def to_inboxes(self) -> dict[int, list[Envelope]]:
        for k, roster in self.to_rosters().items():
            self.server.receive_shares(self.clients[k].share(roster))
        return self.server.inboxes()

    def to_requests(self, silent: Collection[int] = ()) -> dict[int, UnmaskRequest]:
        for k, inbox in self.to_inboxes().items():
            if k not in silent:
                self.server.receive_masked(self.clients[k].mask(self.vector(k), inbox))
        return self.server.requests()

    def to_reveals(self, silent: Collection[int] = (), lost: Collection[int] = ()) -> None:
        for k, request in self.to_requests(silent).items():
            if k not in lost:
                self.server.receive_reveal(self.clients[k].reveal(request))

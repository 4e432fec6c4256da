"""Shadow worlds: adapters that the attacker trains on people of its own, many worlds in one stacked bank.

A world is some of the attacker's people and an adapter trained on all of them, with the run's own optimiser, learning
rate and window length. In worlds that a person is not in, the attacker sees how a network that has never met the
person treats its footage; in worlds of few people it sees what an attack finds where there is something to find.

Shape legend: W worlds, S of the attacker's people, d trainable numbers of one adapter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from privtalk.core.streams import Stream
from privtalk.methods.adapters import AdapterBank
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.config import FederationConfig
from privtalk.methods.federated.fedavg import FedAvg
from privtalk.methods.federation.clients import ClientData, pooled
from privtalk.methods.federation.local import train_stacked

Members = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Worlds:
    """W trained worlds."""

    bank: AdapterBank
    """The bank of W adapters."""
    members: Members
    """[W, S]: who is in which world."""


def drawn_members(worlds: int, people: int, size: int, stream: Stream) -> Members:
    """bool [W, S]: `size` people a world, dealt from shuffled decks, so that all are in nearly equally often.

    >>> from privtalk.core.seeds import torch_stream
    >>> drawn_members(4, 6, 3, lambda *names: torch_stream(0, *names)).sum(0).tolist()
    [2, 2, 2, 2, 2, 2]
    """
    if not 0 < size <= people:
        raise ValueError(f"worlds of {size} from {people} people: a world needs 1 to {people} of them")
    members = np.zeros((worlds, people), dtype=bool)
    deck: list[int] = []
    for world in range(worlds):
        names = ("attack", "shadows", "world", world)
        while len(set(deck)) < size:
            deck += torch.randperm(people, generator=stream(*names, len(deck))).tolist()
        taken = list(dict.fromkeys(deck))[:size]
        for person in taken:
            deck.remove(person)
        members[world, taken] = True
    return members


def train_worlds(
    backbone: Backbone,
    initial: AdapterBank,
    people: Sequence[ClientData],
    members: Members,
    config: FederationConfig,
    steps: int,
    stream: Stream,
) -> Worlds:
    """`members` [W, S] of `people` [S], each world `steps` steps from the bank of one `initial`, all worlds stacked.

    A world is a client that holds the data of all its members; its windows and noise are its own.
    """
    if members.shape[1] != len(people) or not members.any(1).all():
        raise ValueError(f"members {members.shape} of {len(people)} people: every world needs someone")
    data = [
        replace(pooled([people[k] for k in np.flatnonzero(row).tolist()]), index=world)
        for world, row in enumerate(members)
    ]

    def own(*names: str | int) -> torch.Generator:
        return stream("attack", "shadows", *names)

    plan = config.model_copy(update={"local_steps": steps})
    start = initial.flatten().expand(len(data), -1)
    theta = train_stacked(backbone, initial, start, data, plan, FedAvg(), own, 0).theta
    return Worlds(bank=initial.unflatten(theta), members=members)

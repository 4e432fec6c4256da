"""Who takes part in a round."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import torch

from privtalk.core.streams import Stream
from privtalk.methods.config import FederationConfig

Member = TypeVar("Member")
"""A client, or its number alone."""


def choose_cohort(
    clients: Sequence[Member], config: FederationConfig, stream: Stream, round_: int
) -> list[Member]:
    """As configured; the same for every method of a seed."""
    if config.sampling == "cyclic":
        return take_turns(clients, config.separation, round_)
    return sample_cohort(clients, config.rate, stream, round_)


def take_turns(clients: Sequence[Member], separation: int, round_: int) -> list[Member]:
    """Every client each `separation` rounds: what correlated noise is accounted for."""
    return list(clients[round_ % separation :: separation])


def sample_cohort(clients: Sequence[Member], rate: float, stream: Stream, round_: int) -> list[Member]:
    """Poisson sampling: each client takes part with chance `rate`, independently; the cohort may be empty."""
    chance = torch.rand(len(clients), generator=stream("round", round_, "cohort"), dtype=torch.float64)
    return [client for client, u in zip(clients, chance.tolist(), strict=True) if u < rate]

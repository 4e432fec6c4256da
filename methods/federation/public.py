"""The constants of a population that are declared public, and the weights of clients that rest on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from privtalk.methods.config import FederationConfig
from privtalk.methods.federation.clients import ClientData


class PublicConstants(NamedTuple):
    """The constants that are declared public of the population, whatever any one client holds."""

    clients: int
    """N."""
    reference_frames: int
    """n̂."""
    mean_weight: float
    """ω̄ before reliability: mean of min(n_k / n̂, 1)."""

    @classmethod
    def of(cls, clients: Sequence[ClientData], config: FederationConfig) -> PublicConstants:
        """Configured values; those left open are computed from the population and declared public."""
        reference = config.reference_frames or max(client.frames for client in clients)
        mean = config.mean_weight or sum(min(c.frames / reference, 1.0) for c in clients) / len(clients)
        return cls(len(clients), reference, mean)


def client_weights(cohort: Sequence[ClientData], public: PublicConstants) -> Tensor:
    """min(n_k / n̂, 1), float64 [K]."""
    sizes = torch.tensor([client.frames for client in cohort], dtype=torch.float64)
    return (sizes / public.reference_frames).clamp(max=1)

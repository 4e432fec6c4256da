"""Who shares masks and secrets with whom: everyone up to 50 clients, k neighbours above (Bell et al. 2020).

The neighbours are those within k / 2 places on a ring of random order: a Harary graph, which falls apart only
where two runs of k / 2 clients in a row are missing. For n clients of whom a share `corrupt` works with the
server and a share `dropout` is lost, k is the least for which each of these has a small chance (union bounds,
sampling without replacement):

    some client has a threshold of corrupt holders: its secrets are open;
    the honest survivors fall apart: the server learns one sum for each part.
                                                               (together at most 2^-security_bits)
    some client has fewer surviving holders than the threshold: the round fails.
                                                               (at most 2^-correctness_bits)
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from privtalk.methods.privacy.secure_aggregation.errors import TooFewClientsError
from privtalk.methods.privacy.secure_aggregation.keys import Secrets

COMPLETE_UP_TO = 50
"""Clients."""
_TAG_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """How the neighbours and the threshold follow from the number of clients."""

    threshold: float = 0.5
    """Shares that recover a secret are more than this share of its holders. Below a half, a server could ask one half
    of them for the self-mask of a client and the other half for its key."""
    degree: int | None = None
    """k, rounded up to an even number; None takes everyone up to 50 clients and the least safe k above."""
    corrupt: float = 0.2
    """Share of clients that the least safe k is for."""
    dropout: float = 0.2
    """Share of clients that the least safe k lets drop out."""
    security_bits: int = 40
    correctness_bits: int = 30

    def __post_init__(self) -> None:
        if not 0.5 <= self.threshold < 1:
            raise ValueError(
                f"threshold is {self.threshold}, it must lie in [0.5, 1): a majority of the holders"
            )
        if not (0 <= self.corrupt < 1 and 0 <= self.dropout < 1 and self.corrupt + self.dropout < 1):
            raise ValueError(
                f"corrupt {self.corrupt} and dropout {self.dropout} must be shares that sum below 1"
            )
        if self.degree is not None and self.degree < 2:
            raise ValueError(f"{self.degree} neighbours; a ring needs at least 2")

    def degree_for(self, clients: int) -> int:
        """k of `clients`; one less than them is everyone."""
        everyone = clients - 1
        if self.degree is not None:
            return min(self.degree + self.degree % 2, everyone)
        return everyone if clients <= COMPLETE_UP_TO else least_safe_degree(self, clients)

    def threshold_for(self, holders: int) -> int:
        """t of so many holders, a client itself among them."""
        return math.floor(self.threshold * holders) + 1

    def safe(self, clients: int, degree: int) -> bool:
        """Whether `degree` neighbours keep both chances."""
        insecure = self.chance_open(clients, degree) + self.chance_apart(clients, degree)
        return (
            insecure <= 2.0**-self.security_bits
            and self.chance_stuck(clients, degree) <= 2.0**-self.correctness_bits
        )

    def chance_open(self, clients: int, degree: int) -> float:
        """At most the chance that some client has a threshold of corrupt neighbours."""
        from scipy.stats import hypergeom

        bad, threshold = math.ceil(self.corrupt * clients), self.threshold_for(degree + 1)
        return clients * float(hypergeom.sf(threshold - 1, clients - 1, min(bad, clients - 1), degree))

    def chance_apart(self, clients: int, degree: int) -> float:
        """At most the chance that two separate runs of k / 2 on the ring are corrupt or lost."""
        bad = math.ceil(self.corrupt * clients) + math.ceil(self.dropout * clients)
        if bad < degree:
            return 0.0
        return math.comb(clients, 2) * math.comb(bad, degree) / math.comb(clients, degree)

    def chance_stuck(self, clients: int, degree: int) -> float:
        """At most the chance that some client has fewer surviving neighbours than the threshold."""
        from scipy.stats import hypergeom

        lost = math.ceil(self.dropout * clients)
        enough = degree - self.threshold_for(degree + 1)
        return clients * float(hypergeom.sf(enough, clients - 1, min(lost, clients - 1), degree))


@lru_cache(maxsize=64)
def least_safe_degree(topology: Topology, clients: int) -> int:
    """The least even k that is `safe`, or everyone."""
    return next((k for k in range(2, clients - 1, 2) if topology.safe(clients, k)), clients - 1)


def holders(clients: Iterable[int], degree: int, secrets: Secrets) -> Mapping[int, tuple[int, ...]]:
    """Client -> itself and its neighbours, ascending. The relation is symmetric; `secrets` draws the ring's order."""
    numbers = sorted(clients)
    if not numbers:
        raise TooFewClientsError("no client takes part")
    if degree >= len(numbers) - 1:
        return dict.fromkeys(numbers, tuple(numbers))
    tags = {k: secrets(_TAG_BYTES) for k in numbers}
    ring = sorted(numbers, key=tags.__getitem__)
    reach = range(-(degree // 2), degree // 2 + 1)
    return {k: tuple(sorted(ring[(i + j) % len(ring)] for j in reach)) for i, k in enumerate(ring)}

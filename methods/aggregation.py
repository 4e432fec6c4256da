"""What happens to updates between the device and the server: noise shares on the grid, and the sum, plain or secure.

Shape legend: K clients of a round send d numbers each.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from privtalk.methods.clients import ClientData
from privtalk.methods.config import FederationConfig
from privtalk.methods.normalisation import appended_scale, sensitivity
from privtalk.methods.privacy.adaptive_clipping import AdaptiveClipping
from privtalk.methods.privacy.discrete import DiscreteMechanism
from privtalk.methods.privacy.schedule import PrivacyMechanism
from privtalk.methods.privacy.secure_aggregation import Grid, SecureSum
from privtalk.methods.streams import Stream
from privtalk.methods.transcript import Aggregate, Message, plain_sum

MINIMUM = 2
"""Fewest messages in a secure sum. A smaller round is dropped; what that tells is charged to δ (`threshold_delta`)."""
DEVIATIONS = 8.0
"""Of noise that the grid has room for."""


class Summation(NamedTuple):
    """How messages are summed."""

    aggregate: Aggregate
    step: float | None
    """Distance of grid points in units of the update; None where sums are of real numbers."""
    bits: int | None
    """b of integers mod 2^b; None without secure aggregation."""


def summation(config: FederationConfig, mechanism: PrivacyMechanism, clients: int, dim: int) -> Summation:
    """The sum for messages of an adapter of `dim` numbers, from at most `clients` clients."""
    if isinstance(mechanism, DiscreteMechanism):
        return _discrete(config, mechanism, clients)
    if not config.secure_aggregation:
        return Summation(plain_sum, None, None)
    if isinstance(mechanism, AdaptiveClipping):
        raise ValueError("adaptive clipping has no fixed grid for secure aggregation; use fixed clipping")
    if math.isfinite(mechanism.clip):
        scale = appended_scale(mechanism.clip, config.appended_share)
        bound = sensitivity(mechanism.clip, config.normalisation, scale)
        grid = Grid.for_clip(bound, clients, dim + 1)
    else:
        grid = Grid(bound=config.grid_bound, clients=clients)
    return Summation(dropping(SecureSum(grid=grid, minimum=MINIMUM)), grid.step, grid.bits)


def _discrete(config: FederationConfig, mechanism: DiscreteMechanism, clients: int) -> Summation:
    if not config.secure_aggregation:
        return Summation(whole_steps(plain_sum, mechanism.step), mechanism.step, None)
    largest = mechanism.scale + DEVIATIONS * math.sqrt(mechanism.variance) + 1
    bits = math.ceil(math.log2(clients * largest)) + 2
    secure = SecureSum(grid=Grid(bound=largest, clients=clients, bits=bits), minimum=MINIMUM)
    return Summation(whole_steps(dropping(secure), mechanism.step), mechanism.step, bits)


def whole_steps(aggregate: Aggregate, step: float) -> Aggregate:
    """Sums multiples of `step` as whole numbers, exactly."""

    def summed(messages: Sequence[Message], dim: int) -> Tensor:
        whole = [Message(m.client, (m.vector.double() / step).round()) for m in messages]
        return aggregate(whole, dim) * step

    return summed


def dropping(secure: SecureSum) -> Aggregate:
    """Zero for rounds that are too small to be summed securely."""

    def summed(messages: Sequence[Message], dim: int) -> Tensor:
        if len(messages) < secure.minimum:
            return torch.zeros(dim, dtype=torch.float64)
        return secure(messages, dim)

    return summed


def with_shares(
    vectors: Tensor, cohort: Sequence[ClientData], mechanism: DiscreteMechanism, stream: Stream, round_: int
) -> Tensor:
    """float64 [K, d]: `vectors` [K, d] of norm at most C on the grid, each with its share of the noise of the sum."""
    sent = vectors.new_zeros(vectors.shape, dtype=torch.float64)
    for row, vector, client in zip(sent, vectors, cohort, strict=True):
        names = ("client", client.index, "round", round_)
        whole = mechanism.encode(vector, stream(*names, "rounding"))
        share = mechanism.share(len(vector), stream(*names, "privacy"), len(cohort))
        row.copy_(mechanism.decode(whole + share))
    return sent

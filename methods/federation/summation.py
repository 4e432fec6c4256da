"""The way of updates from the device to the server: noise shares on the grid, and the sum, plain or secure.

Shape legend: K clients of a round send d numbers each.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from privtalk.methods.config import FederationConfig
from privtalk.methods.federation.normalisation import appended_scale, sensitivity
from privtalk.methods.messages import Aggregate, Message, RunningSum, begin, of_round, plain_sum, summed
from privtalk.methods.privacy.accounting.adversaries import MINIMUM as MINIMUM
from privtalk.methods.privacy.mechanisms.mechanism import RunMechanism, WholeNumbers
from privtalk.methods.privacy.secure_aggregation import IntegerGrid, SecureSum

DEVIATIONS = 8.0
"""The deviations of noise that the grid has room for."""


class Summation(NamedTuple):
    """How messages are summed."""

    aggregate: Aggregate
    step: float | None
    """Distance of grid points in units of the update; None where sums are of real numbers."""
    bits: int | None
    """b of integers mod 2^b; None without secure aggregation."""


def summation(config: FederationConfig, mechanism: RunMechanism, clients: int, dim: int) -> Summation:
    """The sum for messages of an adapter of `dim` numbers, from at most `clients` clients."""
    if mechanism.whole_numbers is not None:
        return _discrete(config, mechanism.whole_numbers, clients)
    if not config.secure_aggregation:
        return Summation(plain_sum, None, None)
    if mechanism.adapts:
        raise ValueError("adaptive clipping has no fixed grid for secure aggregation; use fixed clipping")
    clip = mechanism.first_clip
    if math.isfinite(clip):
        scale = appended_scale(clip, config.appended_share)
        bound = sensitivity(clip, config.normalisation, scale)
        grid = IntegerGrid.for_clip(bound, clients, dim + 1)
    else:
        grid = IntegerGrid(bound=config.grid_bound, clients=clients)
    return Summation(Dropping(SecureSum(grid=grid, minimum=MINIMUM)), grid.step, grid.bits)


def _discrete(config: FederationConfig, whole: WholeNumbers, clients: int) -> Summation:
    if not config.secure_aggregation:
        return Summation(WholeSteps(plain_sum, whole.step), whole.step, None)
    bits = math.ceil(math.log2(clients * whole.largest)) + 2
    secure = SecureSum(grid=IntegerGrid(bound=whole.largest, clients=clients, bits=bits), minimum=MINIMUM)
    return Summation(WholeSteps(Dropping(secure), whole.step), whole.step, bits)


@dataclass(frozen=True, slots=True)
class WholeSteps:
    """An aggregate of multiples of `step`, summed as whole numbers, exactly."""

    aggregate: Aggregate
    step: float

    def at(self, round_: int) -> WholeSteps:
        return replace(self, aggregate=of_round(self.aggregate, round_))

    def __call__(self, messages: Sequence[Message], dim: int) -> Tensor:
        return summed(self, messages, dim)

    def begin(self, clients: Sequence[int], dim: int) -> RunningWholeSteps:
        return RunningWholeSteps(begin(self.aggregate, clients, dim), self.step)


class RunningWholeSteps(NamedTuple):
    """The running sum of multiples of `step`."""

    steps: RunningSum
    step: float

    def add(self, messages: Sequence[Message]) -> None:
        self.steps.add(in_steps(messages, self.step))

    def total(self) -> Tensor:
        return self.steps.total() * self.step


def in_steps(messages: Sequence[Message], step: float) -> list[Message]:
    """The messages as whole numbers of steps, in float64."""
    return [Message(m.client, (m.vector.double() / step).round()) for m in messages]


@dataclass(frozen=True, slots=True)
class Dropping:
    """A secure sum that is zero for rounds too small to be summed securely."""

    secure: SecureSum

    def at(self, round_: int) -> Dropping:
        return replace(self, secure=self.secure.at(round_))

    def __call__(self, messages: Sequence[Message], dim: int) -> Tensor:
        return summed(self, messages, dim)

    def begin(self, clients: Sequence[int], dim: int) -> RunningSum:
        """The sum of nobody where clients are too few: they send nothing."""
        if len(clients) < self.secure.minimum:
            return Unsent(dim)
        return self.secure.begin(clients, dim)


class Unsent(NamedTuple):
    """The sum of a round in which nobody sends anything."""

    dim: int

    def add(self, messages: Sequence[Message]) -> None:
        """Leaves them where they are."""

    def total(self) -> Tensor:
        return torch.zeros(self.dim, dtype=torch.float64)

"""The task that every engine is given, and one client's training in plain torch, which the peers all call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class Learner(Protocol):
    """One resident network, its loss and its data, as a plain torch program has them."""

    module: torch.nn.Module
    parameters: Sequence[torch.nn.Parameter]
    """The trained parameters, in the order of the weights' vector."""
    start: Tensor
    """[d] the weights that the first round starts from."""
    lr: float
    optimizer: type[torch.optim.Optimizer]

    def batches(self, client: int, round_: int) -> list[tuple[Tensor, ...]]:
        """Returns the data of each local step."""

    def loss(self, *batch: Tensor) -> Tensor:
        """Returns the mean loss of a batch."""


class PeerWorkload(Protocol):
    """A federated training task; a frozen value, so that a process can build it anew from its fields."""

    name: str
    clients: int
    unit: str
    """The unit whose number a second is the engine's speed: `client updates` or `rounds`."""
    rounds: int
    """Rounds of a measured run."""
    slow_rounds: int
    """The same for an engine that takes long for a round, and the rounds after which weights are compared: over many,
    rounding grows as it does in any training."""
    tolerance: float
    """The most that weights may differ by, relative to the way that they went."""
    how_ours: str
    """The parts of this project's engine that run it."""

    def cohort(self, round_: int) -> list[int]:
        """Returns the clients of a round."""

    def learner(self) -> Learner:
        """Returns the one learner of this process."""

    def ours(self, rounds: int) -> Tensor:
        """Returns the weights [d] that this project's engine comes to."""

    def counted(self, rounds: int) -> int:
        """Returns how many units are done in some rounds."""


@dataclass(frozen=True)
class Played:
    """One measured run of an engine."""

    weights: Tensor
    """[d] after the last round."""
    wall_s: float
    cpu_s: float
    """Processor time of all processes that took part."""


def train_one(learner: Learner, weights: Tensor, client: int, round_: int) -> Tensor:
    """Returns a client's weights [d] after its local steps from `weights` [d]; its optimiser starts afresh."""
    load(learner, weights)
    optimizer = learner.optimizer(learner.parameters, lr=learner.lr)
    for batch in learner.batches(client, round_):
        optimizer.zero_grad()
        learner.loss(*batch).backward()
        optimizer.step()
    return vector(learner)


def load(learner: Learner, weights: Tensor) -> None:
    """Puts weights [d] into the learner's parameters."""
    parts = weights.split([parameter.numel() for parameter in learner.parameters])
    for parameter, part in zip(learner.parameters, parts, strict=True):
        parameter.data.copy_(part.view_as(parameter))


def vector(learner: Learner) -> Tensor:
    """Returns a copy of the learner's parameters as one vector [d]."""
    import torch

    return torch.cat([parameter.detach().flatten() for parameter in learner.parameters])

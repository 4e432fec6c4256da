"""A cohort's work in waves: so many clients are trained, clipped and added to the round's sum before the next begin.

The server works with a sum alone, so that a round holds one wave's updates, whatever the size of its cohort. Borders
are those of stacks and come from the configuration, never from who computes: a sum has the bits that it has when all
are trained at once.

Shape legend: K clients of a cohort, d trainable numbers, m numbers of a message, w numbers of what is summed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from privtalk.methods.federation.aggregate import RoundSum
from privtalk.methods.federation.devices import Devices, kept_by, recalled, work
from privtalk.methods.federation.local import chunks, stack_width
from privtalk.methods.federation.memory import Memory
from privtalk.methods.federation.public import client_weights
from privtalk.methods.federation.residual import AveragingLoss
from privtalk.methods.privacy.mechanisms.clipping import norm

if TYPE_CHECKING:
    from privtalk.methods.config import FederationConfig
    from privtalk.methods.federation.clients import ClientData
    from privtalk.methods.federation.rounds import Federation
    from privtalk.methods.federation.state import TrainingState
    from privtalk.methods.messages import Message
    from privtalk.methods.privacy.mechanisms.mechanism import RoundMechanism

STACKS = 16
"""Stacks of a wave: enough for as many workers at a time."""


class CohortOutcome(NamedTuple):
    """A cohort's work in one round."""

    total: Tensor
    """float64 [w] the sum that the server works with, with all noise."""
    mean: Tensor
    """float64 [m] the mean update that it makes of it."""
    norms: Tensor
    """float64 [K] of updates before clipping."""
    weights: Tensor
    """float64 [K]."""
    losses: Tensor
    """[K]."""
    halved: int
    """Stacks that were trained as halves, for want of memory."""
    residual: float | None
    """Loss by averaging factors."""
    own: Mapping[int, Mapping[str, Tensor]]
    """Client number -> [m] what its device keeps, by name."""
    messages: tuple[Message, ...]
    """The message of each client; none where the run keeps none."""


def waves(clients: int, config: FederationConfig) -> Iterator[slice]:
    """The waves of a cohort; one of nobody where there is no client.

    >>> from privtalk.methods.config import FederationConfig
    >>> [*waves(40, FederationConfig(chunk=1))]
    [slice(0, 16, None), slice(16, 32, None), slice(32, 40, None)]
    """
    return chunks(clients, STACKS * stack_width(config)) if clients else iter([slice(0, 0)])


def play_cohort(
    federation: Federation, state: TrainingState, cohort: Sequence[ClientData], mechanism: RoundMechanism
) -> CohortOutcome:
    """Trains a cohort wave by wave, and sums what it sends."""
    numbers = [client.index for client in cohort]
    length = federation.method.message_length(federation.template)
    summed = RoundSum(numbers, length, mechanism, federation.aggregation, federation.stream, state.round)
    residual, public = AveragingLoss(federation.template), federation.public
    # Filled in place: small tensors that outlive their wave keep the allocator from using its room again.
    norms, weights = (torch.empty(len(cohort), dtype=torch.float64) for _ in range(2))
    losses = torch.empty(len(cohort))
    own: dict[int, Mapping[str, Tensor]] = {}
    messages: list[Message] = []
    halved = 0
    for part in waves(len(cohort), federation.config):
        result, report = work(federation.method, _devices(federation, state, cohort[part]))
        updates = report.message.cpu()
        weight = client_weights(cohort[part], public) * result.reliability.double().cpu()
        sent = summed.add(updates, weight, numbers[part])
        messages += sent if federation.keep.messages else ()
        residual.add(result.theta)
        own |= kept_by(cohort[part], report.own)
        norms[part], weights[part], losses[part] = norm(updates), weight, result.loss
        halved += result.halved
    return CohortOutcome(
        *summed.finish(),
        norms=norms,
        weights=weights,
        losses=losses,
        halved=halved,
        residual=residual.value(),
        own=own,
        messages=tuple(messages),
    )


def _devices(federation: Federation, state: TrainingState, clients: Sequence[ClientData]) -> Devices:
    """The devices of some clients at the start of a round: what they were sent, what they hold and what they keep."""
    method, device = federation.method, federation.backbone.device
    received = state.adapters[0].to(device)
    return Devices(
        backbone=federation.backbone,
        template=federation.template,
        config=federation.config,
        clients=tuple(method.trains_on(client, federation.config) for client in clients),
        whole=tuple(clients),
        stream=federation.stream,
        round=state.round,
        received=received,
        memory=Memory(
            {name: state.server[name].to(received) for name in method.sent_down},
            recalled(method, federation.template, received, clients, state.clients),
        ),
        run=federation.run,
    )

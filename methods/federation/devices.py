"""The devices of a round's cohort: what a method's hooks are given, and the order in which they are asked.

Shape legend: K devices, d trainable numbers of an adapter, m numbers of a message.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from privtalk.core.streams import Stream
from privtalk.methods.adapters import AdapterBank
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.config import FederationConfig
from privtalk.methods.federation.clients import ClientData
from privtalk.methods.federation.local import LocalResult, Objective, one_by_one, train_stacked
from privtalk.methods.federation.memory import DeviceReport, Memory
from privtalk.methods.federation.stacks import StackRunner

if TYPE_CHECKING:
    from privtalk.methods.federated.method import FederatedMethod

Kept = Mapping[int, Mapping[str, Tensor]]
"""Client number -> what its device keeps, [m] by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Devices:
    """K devices in one round, stacked; row k of every tensor is device k's and depends on its own data alone."""

    backbone: Backbone
    template: AdapterBank
    """Bank of one: the initial adapter."""
    config: FederationConfig
    clients: tuple[ClientData, ...]
    """The data that each trains on (`FederatedMethod.trains_on`)."""
    whole: tuple[ClientData, ...]
    """All that each holds."""
    stream: Stream
    round: int
    received: Tensor
    """[d] the global adapter that was sent."""
    memory: Memory
    """The things that the server sent along, and what the devices keep."""
    run: StackRunner = one_by_one
    """Whatever trains their stacks."""

    def train(self, start: Tensor, objective: Objective, memory: Memory | None = None) -> LocalResult:
        """Local training from `start` [K, d] on each device's own data, with the round's windows and noise."""
        return train_stacked(
            self.backbone,
            self.template,
            start,
            self.clients,
            self.config,
            objective,
            self.stream,
            self.round,
            self.memory if memory is None else memory,
            self.run,
        )


def work(method: FederatedMethod, devices: Devices) -> tuple[LocalResult, DeviceReport]:
    """Local training of a cohort by a method's hooks, and what its devices then send and keep."""
    length = method.message_length(devices.template)
    if not devices.clients:
        none = devices.received.new_zeros(0)
        no_adapter = devices.received.new_zeros(0, len(devices.received))
        return LocalResult(no_adapter, none, none, no_adapter), DeviceReport(no_adapter.new_zeros(0, length))
    ready = replace(devices, memory=devices.memory._replace(own=method.prepare(devices)))
    result = ready.train(method.start(ready), method)
    report = method.report(ready, result)
    if report.message.shape != (len(devices.clients), length):
        raise ValueError(
            f"method {method.name}: messages are {tuple(report.message.shape)}, message_length says "
            f"({len(devices.clients)}, {length}), which is what noise is accounted for; make them agree"
        )
    return result, report


def recalled(
    method: FederatedMethod, template: AdapterBank, received: Tensor, cohort: Sequence[ClientData], kept: Kept
) -> dict[str, Tensor]:
    """[K, m] what the devices of a cohort keep, by name; a device that takes part for the first time starts anew."""
    fresh = method.client_state(template, received)
    rows = [kept.get(client.index, fresh) for client in cohort]
    return {name: torch.stack([row[name].to(received.device) for row in rows]) for name in fresh if rows}


def kept_by(clients: Sequence[ClientData], own: Mapping[str, Tensor]) -> Kept:
    """The tensors that devices keep of `own` [K, m], by client number; nobody where nothing is kept."""
    return {
        client.index: {name: tensor[k].detach().cpu().clone() for name, tensor in own.items()}
        for k, client in enumerate(clients if own else ())
    }


def kept_after(kept: Kept, new: Kept) -> Kept:
    """The tensors that all devices keep once those of a cohort have replaced theirs, by client number."""
    return dict(sorted({**kept, **new}.items())) if new else kept


def personal_adapters(
    method: FederatedMethod, template: AdapterBank, adapter: Tensor, clients: Sequence[int], kept: Kept
) -> Tensor | None:
    """[K, d] what each of some clients uses, from the global `adapter` [d] and what it keeps; None where a method
    gives everybody the global one."""
    fresh = method.client_state(template, adapter)
    found = [method.personal(template, adapter, kept.get(index, fresh)) for index in clients]
    own = [row for row in found if row is not None]
    return torch.stack(own) if own and len(own) == len(found) else None

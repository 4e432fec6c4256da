"""The same portrait before another model: the backbone with adapters that the other task trains.

A protection is made against the public backbone. Whoever animates may have a federated adapter, or one that was
personalised on the owner's own clips, as stolen or published.

Shape legend: N portraits, d numbers of an adapter.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor

from privtalk.attacks.purification.attacker import AttackedPortraits
from privtalk.attacks.purification.training import AttackerMeans, TrainedAttacker
from privtalk.methods.adapters import AdapterBank, adapted
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.config import AdapterConfig, FederationConfig, PersonalisationConfig
from privtalk.methods.federation.personalisation import PrivateTraining, take_steps
from privtalk.methods.federation.training import train

ADAPTER = AdapterConfig(rank=2, alpha=4.0, targets=("*.to_v", "*.to_out.0"))
FEDERATION = FederationConfig(
    rounds=10, rate=1.0, local_steps=2, windows=1, window_frames=3, optimizer="adam", lr=0.002, server_lr=3.0
)
"""FedAvg without noise and with everybody in every round: a short training of few people by the other task's code."""


class _OtherModel(TrainedAttacker):
    """Animates with adapters in the denoiser, one for all or one an owner."""

    frames = FEDERATION.window_frames

    @contextmanager
    def as_model(self, backbone: Backbone, portraits: AttackedPortraits) -> Iterator[None]:
        learned = self.learned["adapters"]
        bank = _start(backbone).unflatten(learned if len(learned) == 1 else learned[portraits.places])
        with adapted(backbone.denoiser, bank.to(backbone.device)):
            yield


class FederatedAdapter(_OtherModel):
    """Animates with an adapter that the shadow people trained with FedAvg."""

    name = "federated_adapter"
    about = f"animated with a federated adapter, {FEDERATION.rounds} rounds of FedAvg without noise"

    @classmethod
    def train(cls, means: AttackerMeans) -> dict[str, Tensor]:
        return {"adapters": _federated(means).flatten().cpu()}


class PersonalAdapter(_OtherModel):
    """Animates every owner with an adapter that was personalised on a clip of that owner."""

    name = "personal_adapter"
    about = "animated with the owner's own adapter, private steps on from the federated one"

    @classmethod
    def train(cls, means: AttackerMeans) -> dict[str, Tensor]:
        using = PersonalisationConfig(steps=(means.steps,))
        stream = partial(means.stream, cls.name)
        private = PrivateTraining.of(
            means.backbone, _federated(means), means.owners, using, FEDERATION, stream
        )
        return {"adapters": take_steps(private, using.steps, means.tell).theta[means.steps].cpu()}


def _start(backbone: Backbone) -> AdapterBank:
    """A bank of one of the right shape."""
    return AdapterBank.initial(backbone.denoiser, ADAPTER, lambda *names: torch.Generator())


def _federated(means: AttackerMeans) -> AdapterBank:
    """The global adapter after the last round, the same for all who go on from it."""
    stream = partial(means.stream, FederatedAdapter.name)
    start = AdapterBank.initial(means.backbone.denoiser, ADAPTER, stream)
    *_, last = train("fedavg", means.backbone, start, means.shadows, FEDERATION, stream)
    return last.bank(start)

"""Training of a cell, round by round, going on from wherever it was killed."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from torch import Tensor

from privtalk.attacks.audit.watch import Watch
from privtalk.bench.corpus.partition import Client
from privtalk.bench.corpus.population import Person
from privtalk.bench.execution.task import Report
from privtalk.bench.tasks.talking_head.settings import TalkingHeadCell, Training, trains_alone
from privtalk.bench.tasks.talking_head.stages import checks
from privtalk.bench.tasks.talking_head.stages.features import (
    FeatureStore,
    PersonFeatures,
    read_person,
)
from privtalk.core.seeds import torch_stream
from privtalk.methods.adapters import AdapterBank
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.backbone.conditioning import ClipFeatures
from privtalk.methods.federated.method import FederatedMethod
from privtalk.methods.federation.clients import ClientData, join
from privtalk.methods.federation.local import one_by_one
from privtalk.methods.federation.public import PublicConstants
from privtalk.methods.federation.stacks import StackRunner
from privtalk.methods.federation.state import TrainingState
from privtalk.methods.federation.training import train
from privtalk.methods.federation.transcript import Keep
from privtalk.methods.privacy.accounting.ledger import Budget
from privtalk.methods.privacy.mechanisms.mechanism import RunMechanism
from privtalk.methods.registry import METHODS, adapter_config, build

STATE = "state.safetensors"

HELD_MIB = 768.0
"""MiB of clients' features that a process keeps in memory; those of further clients are read when they are drawn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """The outcome of training."""

    state: TrainingState
    template: AdapterBank
    """The initial adapter."""
    factor: float = 0.0
    """How far a message moves the global adapter: η / (q N ω̄). 0 where there is no such public number."""
    method: FederatedMethod | None = None
    """None of rows that are not federated."""
    personal: Mapping[int, AdapterBank] = field(default_factory=dict)
    """Private steps -> the adapters of the tested clients after so many; 0: what devices of the method hold."""
    alone: bool = False
    """Whether nothing is shared: each tested client has its own adapter, after the last of its private steps."""
    watch: Watch | None = None
    """The observer that saw every round, where noise was asked for."""

    @property
    def bank(self) -> AdapterBank:
        """The released adapter; or one a client, of the row that shares nothing."""
        if self.alone and self.personal:
            return list(self.personal.values())[-1]
        return self.state.bank(self.template)

    @property
    def message_length(self) -> int:
        """Numbers in a message that noise is accounted for."""
        return self.template.dim if self.method is None else self.method.message_length(self.template)


def train_cell(
    report: Report,
    cell: TalkingHeadCell,
    training: Training,
    backbone: Backbone,
    clients: Sequence[ClientData],
    mechanism: RunMechanism,
    budget: Budget | None,
    checkpoints: Path,
    run: StackRunner = one_by_one,
) -> Trained:
    """Trains from the last checkpoint on; one is written after every round. A row that shares nothing has none."""
    stream = partial(torch_stream, cell.seed)
    template = initial_adapter(cell, training, backbone)
    if trains_alone(cell.method):
        return Trained(state=TrainingState.start(template), template=template, alone=True)
    rounds = training.federation.rounds
    method = build(cell.method, training.options) if cell.method in METHODS else None
    kept = None if method is None else method.server_state(template)
    state = restore(checkpoints / STATE, cell.id, template, rounds, {1}, kept)
    found = None
    if method is not None:
        found = checks.booked(training, method, clients, method.message_length(template))
    try:
        watch = checks.resumed(found, checkpoints, cell.id, state.round if state else 0)
    except ValueError as error:
        checks.started_again(checkpoints / STATE, error)
        state, watch = None, checks.resumed(found, checkpoints, cell.id, 0)
    report("training", state.round if state else 0, rounds)
    for after in train(
        cell.method,
        backbone,
        template,
        clients,
        training.federation,
        stream,
        options=training.options,
        mechanism=mechanism,
        budget=budget,
        keep=Keep(messages=True, adapters=True, last=training.attack.rounds),
        state=state,
        observer=watch,
        run=run,
    ):
        state = checked(after)
        if watch is not None:
            watch.after(state, clients)
            checks.keep(watch, checkpoints, cell.id, state.round)
        state.save(checkpoints / STATE, cell.id)
        report("training", state.round, rounds)
    if state is None:
        raise RuntimeError("training ended without a round")
    return Trained(
        state=state,
        template=template,
        factor=message_factor(cell, training, clients),
        method=method,
        watch=watch,
    )


def message_factor(cell: TalkingHeadCell, training: Training, clients: Sequence[ClientData]) -> float:
    """η / (q N ω̄), from public constants alone; 0 where there is no such constant."""
    config = training.federation
    if cell.method not in METHODS or config.normalisation != "public":
        return 0.0
    method = build(cell.method, training.options)
    moved = method.step_factor(config)
    if moved is None:
        return 0.0
    public = PublicConstants.of(clients, config)
    weight = public.mean_weight * method.expected_reliability()
    return moved / (config.share * public.clients * weight)


def message_length(cell: TalkingHeadCell, training: Training, template: AdapterBank) -> int:
    """Numbers in a message of a row; of a reference row, which sends none, an adapter's."""
    if cell.method not in METHODS:
        return template.dim
    return build(cell.method, training.options).message_length(template)


def initial_adapter(cell: TalkingHeadCell, training: Training, backbone: Backbone) -> AdapterBank:
    """The adapter that training starts from, equal for all rows of a seed."""
    config = adapter_config(cell.method, training.adapter)
    return AdapterBank.initial(backbone.denoiser, config, partial(torch_stream, cell.seed))


def checked(state: TrainingState) -> TrainingState:
    """The state itself; a `ValueError` where training has diverged."""
    if not bool(state.adapters.isfinite().all()):
        raise ValueError(
            f"training diverged in round {state.round}: the adapter is not finite; lower federation.lr "
            "or federation.server_lr, or raise epsilon"
        )
    return state


def restore(
    path: Path,
    of: str,
    template: AdapterBank,
    rounds: int,
    adapters: Collection[int],
    server: Mapping[str, Tensor] | None = None,
) -> TrainingState | None:
    """The last checkpoint; None where there is none of this training, which starts it again and says so."""
    if not os.path.lexists(path):
        return None
    try:
        state = TrainingState.load(path, of)
        state.check_fits(template, rounds, adapters, server)
    except ValueError as error:
        print(f"{path}: the checkpoint is left out, training starts again ({error})", file=sys.stderr)
        discard(path)
        return None
    return state


def discard(path: Path) -> None:
    """Removes whatever lies there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def forget(checkpoints: Path) -> None:
    """Removes the checkpoints of a finished cell."""
    shutil.rmtree(checkpoints, ignore_errors=True)


def client_data(
    clients: Sequence[Client], people: Sequence[Person], store: FeatureStore, bound: float = HELD_MIB
) -> list[ClientData]:
    """The data that each client trains on: in memory up to `bound` MiB of all, beyond that read when it is drawn."""
    by_name = {person.name: person for person in people}
    found, taken = [], 0.0
    for client in clients:
        names = [name for name, _ in client.clips]
        footage = ClientFootage.of(store, [(by_name[name], number) for name, number in client.clips])
        if taken <= bound:
            read = footage.clips()
            taken += sum(mib(clip) for clip in read)
            found.append(ClientData.of(client.index, read, names))
        else:
            lengths = [store.clips(by_name[name], "train")[1] for name in names]
            found.append(ClientData.streamed(client.index, footage, lengths, names))
    return found


@dataclass(frozen=True, slots=True)
class ClientFootage:
    """The place of a client's clips in the cache, small enough to be sent about: calling it reads them."""

    numbered: tuple[tuple[Path, str, int], ...]
    """Each clip's file, person and number among that person's."""
    masked: bool
    device: str

    @classmethod
    def of(cls, store: FeatureStore, clips: Sequence[tuple[Person, int]]) -> ClientFootage:
        """The place of some training clips, each of a person."""
        places = tuple((store.file(person, "train"), person.name, number) for person, number in clips)
        return cls(places, store.masked, store.network.device)

    def __call__(self) -> ClipFeatures:
        """Returns the features of all clips, end to end."""
        return join(self.clips())

    def clips(self) -> list[ClipFeatures]:
        """Returns the features of each clip; every person's are read once."""
        files = dict.fromkeys((path, name) for path, name, _ in self.numbered)
        read = {name: read_person(path, name, self.masked) for path, name in files}
        return [clip_features(read[name], number, self.device) for _, name, number in self.numbered]


def mib(clip: ClipFeatures) -> float:
    """Returns the MiB that a clip's features take.

    >>> import torch
    >>> mib(ClipFeatures(torch.zeros(2**18), torch.zeros(0), torch.zeros(0), None))
    1.0
    """
    return sum(part.numel() * part.element_size() for part in clip if part is not None) / 2**20


def clip_features(person: PersonFeatures, number: int, device: str = "cpu") -> ClipFeatures:
    """One clip of a person."""
    masked = None if person.masked is None else person.masked[number].to(device)
    return ClipFeatures(
        person.latents[number].to(device),
        person.audio[number].to(device),
        person.landmarks[number].to(device),
        masked,
    )

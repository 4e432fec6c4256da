"""Personalisation: each client goes on by itself from what federated training gave it, on its own clips alone.

It is the same for every row, so that rows differ by their start and by nothing else: the plain diffusion loss, fresh
optimisers, and windows, timesteps and noise from streams of its own. A method's extra terms serve the global adapter
and stay there. The optimiser goes on from one count of steps to the next, so that the adapters after 16 steps are
those that become the ones after 64.

What is trained is a copy of the start (`whole`), or an adapter on top of it, which stays as it is (`added`). What
reads layers before the first trained one needs no gradient, so that an added part on late layers costs little more
than the forward pass.

Nothing of it leaves a device. Of all others' data a personal adapter tells what its start tells, by post-processing;
of its owner's it is not private at all.

Shape legend: K clients, d numbers of the part that is trained.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from privtalk.core.streams import Stream
from privtalk.methods.adapters import AdapterBank, adapted, joined
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.config import FederationConfig, PersonalisationConfig
from privtalk.methods.federation.clients import ClientData, draw
from privtalk.methods.federation.local import LocalStep, TrainedDevices, backward, build_optimizer, chunks
from privtalk.methods.federation.memory import Memory


class PlainObjective:
    """The diffusion loss and nothing else."""

    def extra_loss(self, step: LocalStep) -> Tensor | None:
        """No further terms."""
        return None

    def reliability(self, trained: TrainedDevices) -> Tensor | None:
        """A weight of 1: nothing is sent."""
        return None


Count = Callable[[int, int], None]
"""Is told how many windows' steps are done, of how many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivateTraining:
    """The private training of K clients: all that its result depends on."""

    backbone: Backbone
    start: AdapterBank
    """The adapters that they start from: K, or one for all."""
    clients: tuple[ClientData, ...]
    config: FederationConfig
    """Rate, windows and passes of a step (`PersonalisationConfig.schedule`)."""
    stream: Stream
    added: AdapterBank | None = None
    """The adapter that is trained on top of the start, before it is; None: the start itself goes on."""

    @classmethod
    def of(
        cls,
        backbone: Backbone,
        start: AdapterBank,
        clients: Sequence[ClientData],
        using: PersonalisationConfig,
        federation: FederationConfig,
        stream: Stream,
    ) -> PrivateTraining:
        """As settings have it; its streams are its own."""

        def own(*names: str | int) -> torch.Generator:
            return stream("personalise", *names)

        added = None
        if using.part == "added":
            added = AdapterBank.initial(backbone.denoiser, using.adapter, own)
        return cls(
            backbone=backbone,
            start=start,
            clients=tuple(clients),
            config=using.schedule(federation),
            stream=own,
            added=added,
        )

    @property
    def trained(self) -> AdapterBank:
        """The part that is trained, at its start."""
        return self.start if self.added is None else self.added

    @property
    def first(self) -> Tensor:
        """[K, d] the trained part of every client, at its start."""
        return self.trained.flatten().expand(len(self.clients), -1)

    def bank(self, theta: Tensor) -> AdapterBank:
        """The clients' adapters as they are used, whose trained part is `theta` [K, d]."""
        found = self.trained.unflatten(theta)
        return found if self.added is None else joined(self.start, found)


class PrivateSteps(NamedTuple):
    """The outcome of private training."""

    theta: Mapping[int, Tensor]
    """Steps -> [K, d] the trained part after so many."""
    loss: tuple[float, ...]
    """The diffusion loss of every step, mean over clients."""


def take_steps(
    training: PrivateTraining, counts: Sequence[int], report: Count = lambda done, total: None
) -> PrivateSteps:
    """Trains to the largest of `counts`, ascending; 0 is the start."""
    size = max(1, training.config.chunk // training.config.windows)
    parts = list(chunks(len(training.clients), size))
    kept: dict[int, list[Tensor]] = {count: [] for count in counts}
    losses = torch.zeros(max(counts, default=0), dtype=torch.float64)
    for number, part in enumerate(parts):
        for step, theta, loss in _walk(training, part, max(counts, default=0)):
            if step in kept:
                kept[step].append(theta.detach().clone())
            if loss is not None:
                losses[step - 1] += float(loss.double().sum())
            report(number * len(losses) + step, len(parts) * len(losses))
    found = {count: torch.cat(rows) for count, rows in kept.items()}
    return PrivateSteps(found, tuple((losses / len(training.clients)).tolist()))


def _walk(training: PrivateTraining, part: slice, last: int) -> Iterator[tuple[int, Tensor, Tensor | None]]:
    """Some clients' (steps, θ, loss of the step that led there [K]), from the start to the last."""
    backbone, config, clients = training.backbone, training.config, training.clients[part]
    start = training.first[part].to(backbone.device)
    theta = start.clone().requires_grad_()
    optimizer, plain = build_optimizer(config, theta), PlainObjective()
    template, timesteps = training.trained.select(slice(0, 1)), backbone.config.diffusion.timesteps
    yield 0, theta, None
    with _below(training, part):
        for step in range(last):
            drawn = draw(clients, config, timesteps, training.stream, 0, step).to(theta.device)
            optimizer.zero_grad()
            loss = backward(backbone, template, theta, start, drawn, config, plain, Memory())
            optimizer.step()
            yield step + 1, theta, loss


def _below(training: PrivateTraining, part: slice) -> AbstractContextManager[None]:
    """The frozen adapters below what is trained."""
    if training.added is None:
        return nullcontext()
    below = training.start if len(training.start) == 1 else training.start.select(part)
    return adapted(training.backbone.denoiser, below.to(training.backbone.device))

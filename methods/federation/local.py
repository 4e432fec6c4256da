"""Local training of many clients in one stacked pass.

The loss of a pass is the sum over clients of each client's mean loss, so that client k's gradient depends on its own
data and adapter alone, and an elementwise optimiser on the stacked tensors is K separate optimisers.

Shape legend: K clients, W windows a client, F frames a window, d trainable numbers, latents C x h x w.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from privtalk.core.streams import Stream
from privtalk.methods.adapters import AdapterBank, adapted
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.backbone.recompute import recomputing
from privtalk.methods.config import FederationConfig
from privtalk.methods.federation.clients import ClientData, Draw, draw
from privtalk.methods.federation.memory import Memory
from privtalk.methods.federation.stacks import Stack, StackRunner, is_out_of_memory


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalStep:
    """The quantities that a method's extra loss terms may read in a step of K clients."""

    backbone: Backbone
    draw: Draw
    """K·W windows."""
    noisy: Tensor
    """[K·W, F, C, h, w]."""
    v: Tensor
    """[K·W, F, C, h, w] v-prediction, with gradient."""
    theta: Tensor
    """[K, d] trained adapters, with gradient."""
    start: Tensor
    """[K, d] the adapters that training started from."""
    server: Mapping[str, Tensor]
    """[m] what the server sent along with the adapter, by name."""
    own: Mapping[str, Tensor]
    """[K, m] what each client keeps, by name."""
    number: int = 0
    """The local steps that a client takes before this one if it takes part in every round."""

    def errors(self) -> Tensor:
        """[K·W, F, C, h, w] squared error of the prediction, with gradient; its mean is the diffusion loss.

        Weighted by place as in pre-training: without it adapters trade the mouth for the background.
        """
        truth = self.backbone.diffusion.velocity(self.draw.batch.latents, self.draw.noise, self.draw.t)
        squares = (self.v - truth).square()
        weights = self.backbone.weights(self.draw.batch.landmarks)
        return squares if weights is None else squares * weights[:, :, None]

    def predicted_noise(self) -> Tensor:
        """ε̂ [K·W, F, C, h, w]."""
        return self.backbone.diffusion.noise_from_velocity(self.noisy, self.v, self.draw.t)

    def predicted_latents(self) -> Tensor:
        """x̂_0 [K·W, F, C, h, w], with gradient."""
        return self.backbone.diffusion.latents_from_velocity(self.noisy, self.v, self.draw.t)

    def signal(self) -> Tensor:
        """a_t² [K·W] in [0, 1]: the share of the noisy latents' variance that is signal."""
        return self.backbone.diffusion.rates(self.draw.t, self.draw.t.to(self.v))[0].square()

    def per_client(self, windows: Tensor) -> Tensor:
        """[K] mean over each client's windows of `windows` [K·W]."""
        return windows.unflatten(0, (len(self.theta), -1)).mean(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedDevices:
    """The quantities that a method's client weight may read: K clients after training, on the device."""

    backbone: Backbone
    bank: AdapterBank
    """The bank of K trained adapters."""
    draw: Draw
    """The draw of the last local step, K·W windows."""


class Objective(Protocol):
    """The part of a method that runs on the device."""

    def extra_loss(self, step: LocalStep) -> Tensor | None:
        """[K] terms added to the diffusion loss, or None."""

    def reliability(self, trained: TrainedDevices) -> Tensor | None:
        """[K] factors of the clients' weights in (0, 1], or None for 1."""


class LocalResult(NamedTuple):
    """K clients after local training."""

    theta: Tensor
    """[K, d]."""
    loss: Tensor
    """[K] mean over steps of the diffusion loss."""
    reliability: Tensor
    """[K] in (0, 1]."""
    gradient: Tensor
    """[K, d] mean over steps of the gradient of all that was minimised; of SGD (θ_start − θ) / (steps · lr)."""
    halved: int = 0
    """Stacks that ran out of memory and were trained as halves, which changes the last bits."""

    @classmethod
    def joined(cls, parts: Sequence[LocalResult]) -> LocalResult:
        """Returns the clients of all parts, in the order of the parts."""
        return cls(
            theta=torch.cat([part.theta for part in parts]),
            loss=torch.cat([part.loss for part in parts]),
            reliability=torch.cat([part.reliability for part in parts]),
            gradient=torch.cat([part.gradient for part in parts]),
            halved=sum(part.halved for part in parts),
        )


def one_by_one(backbone: Backbone, stacks: Sequence[Stack]) -> list[LocalResult]:
    """Trains stacks in this process: the plain definition of what every `StackRunner` must return."""
    return [train_or_halve(backbone, stack) for stack in stacks]


def train_stacked(
    backbone: Backbone,
    template: AdapterBank,
    start: Tensor,
    clients: Sequence[ClientData],
    config: FederationConfig,
    objective: Objective,
    stream: Stream,
    round_: int,
    memory: Memory = Memory(),
    run: StackRunner = one_by_one,
) -> LocalResult:
    """Train client k from `start` [K, d] on its own data; K clients, a few at a time (`config.chunk` windows)."""
    whole = Stack(
        template=template,
        start=start,
        clients=tuple(clients),
        config=config,
        objective=objective,
        stream=stream,
        round=round_,
        memory=memory,
    )
    parts = chunks(len(clients), stack_width(config))
    return LocalResult.joined(run(backbone, [whole.part(part) for part in parts]))


def stack_width(config: FederationConfig) -> int:
    """The clients of a stack.

    >>> stack_width(FederationConfig(chunk=24)), stack_width(FederationConfig(chunk=24, windows=5))
    (24, 4)
    """
    return max(1, config.chunk // config.windows)


def train_or_halve(backbone: Backbone, stack: Stack) -> LocalResult:
    """Trains a stack; one that does not fit into memory is trained as two halves, and those as their halves.

    Raises the error of a single client that does not fit.
    """
    try:
        return train_stack(backbone, stack)
    except (MemoryError, RuntimeError) as error:
        if len(stack.clients) < 2 or not is_out_of_memory(error):
            raise
    if stack.start.is_cuda:  # after the error is gone, and with it what it held
        torch.cuda.empty_cache()
    middle = len(stack.clients) // 2
    halves = [stack.part(slice(0, middle)), stack.part(slice(middle, len(stack.clients)))]
    found = LocalResult.joined([train_or_halve(backbone, half) for half in halves])
    return found._replace(halved=found.halved + 1)


def chunks(n: int, size: int) -> Iterator[slice]:
    """
    >>> list(chunks(5, 2))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    return (slice(first, min(first + size, n)) for first in range(0, n, size))


def train_stack(backbone: Backbone, stack: Stack) -> LocalResult:
    """Trains the clients of a stack in one pass."""
    start, config = stack.start, stack.config
    theta = start.clone().requires_grad_()
    optimizer = build_optimizer(config, theta)
    losses, gradient = [], torch.zeros_like(start)
    for step in range(config.local_steps):
        timesteps = backbone.config.diffusion.timesteps
        drawn = draw(stack.clients, config, timesteps, stack.stream, stack.round, step).to(theta.device)
        optimizer.zero_grad()
        number = stack.round * config.local_steps + step
        losses.append(
            backward(
                backbone, stack.template, theta, start, drawn, config, stack.objective, stack.memory, number
            )
        )
        if theta.grad is not None:
            gradient += theta.grad / config.local_steps
        optimizer.step()
    theta = theta.detach()
    factor = stack.objective.reliability(
        TrainedDevices(backbone=backbone, bank=stack.template.unflatten(theta), draw=drawn)
    )
    loss = torch.stack(losses).mean(0)
    return LocalResult(theta, loss, torch.ones_like(loss) if factor is None else factor, gradient)


def build_optimizer(config: FederationConfig, *parameters: Tensor) -> torch.optim.Optimizer:
    """The clients' optimiser; both kinds are elementwise."""
    if config.optimizer == "adam":
        return torch.optim.Adam(parameters, lr=config.lr, foreach=False)
    return torch.optim.SGD(parameters, lr=config.lr, foreach=False)


def backward(
    backbone: Backbone,
    template: AdapterBank,
    theta: Tensor,
    start: Tensor,
    drawn: Draw,
    config: FederationConfig,
    objective: Objective,
    memory: Memory,
    number: int = 0,
) -> Tensor:
    """Add the gradient of the sum of the clients' losses to `theta.grad`; returns the diffusion loss [K].

    A single client with more windows than a pass holds is run slice by slice: its mean loss is the mean of the
    slices' means, weighted by their windows.
    """
    k, windows = len(theta), len(drawn.t) // len(theta)
    total = theta.new_zeros(k)
    for part in chunks(windows, max(1, config.chunk // k)):
        share = (part.stop - part.start) / windows
        rows = torch.arange(k * windows).view(k, windows)[:, part].flatten()
        seen = drawn if share == 1 else drawn[rows]
        step, loss = forward(backbone, template, theta, start, seen, memory, number)
        extra = objective.extra_loss(step)
        objective_sum = (loss if extra is None else loss + extra).sum() * share
        objective_sum.backward()
        total += loss.detach() * share
    return total


def forward(
    backbone: Backbone,
    template: AdapterBank,
    theta: Tensor,
    start: Tensor,
    drawn: Draw,
    memory: Memory = Memory(),
    number: int = 0,
) -> tuple[LocalStep, Tensor]:
    """One pass of K adapters `theta` [K, d] over K·W windows: the step and its diffusion loss [K].

    The loss is `Backbone.loss`, spelled out because methods also read the prediction.
    """
    noisy = backbone.add_noise(drawn.batch.latents, drawn.noise, drawn.t)
    denoiser = backbone.denoiser
    with adapted(denoiser, template.unflatten(theta)), recomputing(denoiser, backbone.recomputes):
        v = backbone.predict(noisy, drawn.t, drawn.batch)
    step = LocalStep(
        backbone=backbone,
        draw=drawn,
        noisy=noisy,
        v=v,
        theta=theta,
        start=start,
        server=memory.server,
        own=memory.own,
        number=number,
    )
    return step, step.per_client(step.errors().flatten(1).mean(1))

"""A short measurement of the steps that a run is made of, on the backbone and the device that it will use.

Nothing is read of any corpus: windows are drawn at random, as only their shapes cost anything.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode, sdpa_backward_flop_count, sdpa_flop_count

from privtalk.bench.planning.saved import saved_bytes
from privtalk.core.frozen import Frozen
from privtalk.core.seeds import torch_stream
from privtalk.methods.adapters import AdapterBank, adapted
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.backbone.conditioning import ClipFeatures
from privtalk.methods.config import AdapterConfig, FederationConfig
from privtalk.methods.federation.clients import ClientData, Draw, draw
from privtalk.methods.federation.local import forward

SECONDS = 0.7
"""Seconds that each kind of step is repeated for, at least twice."""
FRAMES = 24
"""Frames of the pass that is timed, about: more cost the same each."""
LANDMARKS = 78

ATTENTION = {
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: lambda q, k, v, *rest, **more: (
        sdpa_flop_count(q, k, v)
    ),
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward: lambda grad, q, k, v, *rest, **more: (
        sdpa_backward_flop_count(grad, q, k, v)
    ),
}
"""The processor's attention, which torch's counter leaves out."""


class Pass(Frozen):
    """The cost of one frame on the way through a network."""

    seconds: float
    """On one core, or on the device."""
    flops: float


class StepCounts(NamedTuple):
    """The operations of one frame, by what is done with it."""

    forward: float
    step: float
    encode: float
    decode: float


class StepCosts(Frozen):
    """The costs of one frame, by what is done with it."""

    forward: Pass
    """Through the denoiser, without gradient."""
    step: Pass
    """Through the denoiser and back to the adapters, with the optimiser's step."""
    encode: Pass
    decode: Pass
    saved_bytes: float
    """Bytes that are kept of a frame for its backward pass."""

    @property
    def counts(self) -> StepCounts:
        """The operations alone."""
        return StepCounts(self.forward.flops, self.step.flops, self.encode.flops, self.decode.flops)


def measure_steps(backbone: Backbone, adapter: AdapterConfig, federation: FederationConfig) -> StepCosts:
    """Returns what a frame costs on a backbone's device, on one thread as in a run.

    Operations are torch's count of those that ran; the backward pass ends at the adapters, whose backbone is frozen.
    """
    with one_thread():
        forward, step, encode, decode = (
            Pass(seconds=_seconds(work) / frames, flops=_operations(work) / frames)
            for work, frames in _passes(backbone, adapter, federation)
        )
        return StepCosts(
            forward=forward,
            step=step,
            encode=encode,
            decode=decode,
            saved_bytes=kept_bytes(backbone, adapter, federation),
        )


def count_steps(backbone: Backbone, adapter: AdapterConfig, federation: FederationConfig) -> StepCounts:
    """Returns the operations of a frame alone, without timing any: the same wherever and whenever it is asked."""
    passes = _passes(backbone, adapter, federation)
    return StepCounts(*(_operations(work) / frames for work, frames in passes))


def _passes(
    backbone: Backbone, adapter: AdapterConfig, federation: FederationConfig
) -> Iterator[tuple[Callable[[], object], int]]:
    """A pass of each kind, in the order of `StepCounts`, with its frames."""
    many = _drawn(backbone, federation, max(1, round(FRAMES / federation.window_frames)))
    frames = torch.zeros(8, backbone.config.size, backbone.config.size, 3, dtype=torch.uint8)
    latents = many.batch.latents.flatten(0, 1)[:1].expand(8, -1, -1, -1)
    yield partial(_forward, backbone, adapter, many), _frames(many)
    yield partial(_step, backbone, adapter, many), _frames(many)
    yield partial(backbone.encode, frames), len(frames)
    yield partial(backbone.decode, latents), len(latents)


def kept_bytes(backbone: Backbone, adapter: AdapterConfig, federation: FederationConfig) -> float:
    """Returns the bytes that local training keeps of a frame for its backward pass, with the backbone as it is set."""
    drawn = _drawn(backbone, federation, max(1, round(FRAMES / federation.window_frames)))
    bank = _bank(backbone, adapter)
    theta = bank.flatten().repeat(len(drawn.t), 1).requires_grad_()
    return saved_bytes(lambda: forward(backbone, bank, theta, theta.detach(), drawn)) / _frames(drawn)


@contextmanager
def one_thread() -> Iterator[None]:
    """Computes on one thread, as every worker of a run does."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _operations(work: Callable[[], object]) -> float:
    """Operations of one go, as torch counts them."""
    with FlopCounterMode(display=False, custom_mapping=ATTENTION) as counter:
        work()
    return float(counter.get_total_flops())


def _seconds(work: Callable[[], object]) -> float:
    """Seconds of the fastest of several goes: what else the machine does only slows them.

    Without a GPU they are the thread's own, which leave out the time that other programs had the core.
    """
    clock = time.perf_counter if torch.cuda.is_available() else time.thread_time
    best, started, goes = float("inf"), time.perf_counter(), 0
    while goes < 2 or time.perf_counter() - started < SECONDS:
        before = clock()
        work()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        best, goes = min(best, clock() - before), goes + 1
    return best


def _drawn(backbone: Backbone, federation: FederationConfig, clients: int) -> Draw:
    """The windows of a local step of some clients who hold noise."""
    config = federation.model_copy(update={"windows": 1})
    length = config.window_frames
    shape, generator = backbone.latent_shape, torch_stream(0, "benchmark")
    clip = ClipFeatures(
        torch.randn(length, *shape, generator=generator),
        torch.randn(length, backbone.config.audio.width, generator=generator),
        torch.rand(length, LANDMARKS, generator=generator) * 2 - 1,
        None,
    )
    people = [ClientData.of(k, [clip]) for k in range(clients)]
    stream = partial(torch_stream, 0, "benchmark")
    return draw(people, config, backbone.config.diffusion.timesteps, stream, 0, 0).to(backbone.device)


def _frames(drawn: Draw) -> int:
    return len(drawn.t) * drawn.batch.frames


def _bank(backbone: Backbone, adapter: AdapterConfig) -> AdapterBank:
    return AdapterBank.initial(backbone.denoiser, adapter, partial(torch_stream, 0, "benchmark"))


@torch.no_grad()
def _forward(backbone: Backbone, adapter: AdapterConfig, drawn: Draw) -> Tensor:
    bank = _bank(backbone, adapter).repeat(len(drawn.t))
    with adapted(backbone.denoiser, bank):
        return backbone.predict(drawn.batch.latents, drawn.t, drawn.batch)


def _step(backbone: Backbone, adapter: AdapterConfig, drawn: Draw) -> None:
    bank = _bank(backbone, adapter)
    theta = bank.flatten().repeat(len(drawn.t), 1).requires_grad_()
    optimizer = torch.optim.Adam([theta], foreach=False)
    _, loss = forward(backbone, bank, theta, theta.detach(), drawn)
    loss.sum().backward()
    optimizer.step()

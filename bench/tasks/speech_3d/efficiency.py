"""How fast a network speaks and how large it is: one clip at a time, the median of many runs."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from statistics import median

import torch
from safetensors.torch import save
from threadpoolctl import threadpool_limits
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from privtalk.bench.environment import usable_cores
from privtalk.bench.tasks.speech_3d.footage import MeshCorpus
from privtalk.bench.tasks.speech_3d.lessons import heard, lesson_of, new_network, open_encoder
from privtalk.bench.tasks.speech_3d.settings import TEACHER_STEPS, Speech3dCell
from privtalk.core.record_parts import EfficiencyBlock, Speed
from privtalk.methods.speech_3d.data import MELS_PER_FRAME, Speech
from privtalk.methods.speech_3d.diffusiontalker import DiffusionTalker
from privtalk.methods.speech_3d.facediffuser import FaceDiffuserReleased
from privtalk.methods.speech_3d.method import SpeechToMotion
from privtalk.methods.speech_3d.speech_encoder import ContentEncoder

WARM_UP = 2
LONGEST, LEAST = 4.0, 3
"""Seconds after which slow networks are run no more, and the runs that they have all the same."""
PAIRS = 7
"""Turns that a network and the teacher take beside each other: their ratio holds on a busy machine too."""
REFERENCE = "teacher, 16 steps"
THREADS = (1, 2)


def efficiency(cell: Speech3dCell, corpus: MeshCorpus, network: SpeechToMotion) -> EfficiencyBlock:
    """Returns speed and size of a network at a row's steps."""
    encoder = open_encoder(cell)
    frames = round(cell.evaluation.seconds * corpus.fps)
    speech = _long(cell, frames)
    noise = torch.zeros(1, frames, len(corpus.rig.channels))
    hears = hears_with(network)
    whole = _speaks(network, encoder, speech, noise, cell.steps, hears)
    ways: dict[bool, Callable[[], object]] = {True: whole}
    if hears == "large":
        ways[False] = lambda: network.animate(speech, noise, cell.steps)
    teacher = new_network(replace(lesson_of(cell), method="teacher", steps=0), corpus).eval()
    beside = _speaks(teacher, encoder, speech, noise, TEACHER_STEPS, "large")
    with torch.no_grad():
        speeds = [
            Speed(
                threads=threads,
                audio=audio,
                frames_per_second=frames / _seconds(work, threads, cell.evaluation.timings),
            )
            for threads in THREADS[: _free_cores()]
            for audio, work in ways.items()
        ]
        macs = _macs(whole) / frames
        ratio = _ratio(beside, whole, min(PAIRS, cell.evaluation.timings))
    animating = network.needed()
    if hears == "large":
        own = encoder.state_dict().items()
        animating |= {f"speech_encoder.{name}": value for name, value in own if name.split(".")[0] != "head"}
    needed = sum(value.numel() for value in animating.values())
    idle = sum(value.numel() for name, value in network.named_parameters() if name not in animating)
    return EfficiencyBlock(
        frames=frames,
        speeds=tuple(speeds),
        reference=REFERENCE,
        times_reference=ratio,
        passes=network.passes(frames, cell.steps),
        macs_per_frame=macs,
        parameters=needed + idle,
        trainable=network.learned(),
        needed=needed,
        bytes_on_disk=len(save({name: value.contiguous() for name, value in animating.items()})),
    )


def hears_with(network: SpeechToMotion) -> str:
    """Returns whose encoder a network hears with: `large`, the frozen one, or `small`, its own."""
    return "small" if isinstance(network, DiffusionTalker) and network.encoder is not None else "large"


def _long(cell: Speech3dCell, frames: int) -> Speech:
    """One utterance of many frames: test clips one after the other."""
    clips = heard(cell, "test").speech
    needed = -(-frames // clips.frames)
    rows = torch.arange(needed) % len(clips)
    mel = clips.mel[rows].flatten(0, 1)[None, : frames * MELS_PER_FRAME]
    content = clips.content[rows].flatten(0, 1)[None, :frames]
    return Speech(mel=mel, content=content, speaker=clips.speaker[:1])


def _speaks(
    network: SpeechToMotion, encoder: ContentEncoder, speech: Speech, noise: Tensor, steps: int, hears: str
) -> Callable[[], object]:
    """The whole way from sound to motion."""

    def work() -> None:
        if isinstance(network, FaceDiffuserReleased):
            _heard_at_every_step(network, encoder, speech, noise, steps)
            return
        content = encoder(speech.mel) if hears == "large" else speech.content
        network.animate(Speech(mel=speech.mel, content=content, speaker=speech.speaker), noise, steps)

    return work


def _heard_at_every_step(
    network: FaceDiffuserReleased, encoder: ContentEncoder, speech: Speech, noise: Tensor, steps: int
) -> None:
    network.listen = encoder.forward  # a module would hide behind the class's None
    try:
        network.animate(speech, noise, steps)
    finally:
        network.listen = None


def _seconds(work: Callable[[], object], threads: int, timings: int) -> float:
    """Median time on a number of threads, of fewer runs where they are long."""
    with _threads(threads):
        for _ in range(WARM_UP):
            work()
        taken: list[float] = []
        while len(taken) < timings and (sum(taken) < LONGEST or len(taken) < LEAST):
            taken.append(_taken(work))
        return median(taken)


def _free_cores() -> int:
    """Cores that nobody else uses, at least one: on a busy machine threads wait for each other, and their speed says
    nothing.
    """
    others = max(os.getloadavg()[0] - 1, 0.0)
    return max(1, int(usable_cores() - others + 0.5))


def _ratio(beside: Callable[[], object], work: Callable[[], object], pairs: int) -> float:
    """Median of how many times longer one takes than the other, turn by turn on one thread."""
    with _threads(1):
        beside()
        return median(_taken(beside) / _taken(work) for _ in range(pairs))


def _taken(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        with threadpool_limits(count):
            yield
    finally:
        torch.set_num_threads(before)


def _macs(work: Callable[[], object]) -> float:
    """Multiplications and additions of the matrix products and convolutions."""
    counter = FlopCounterMode(display=False)
    with counter:
        work()
    return counter.get_total_flops() / 2

"""The interface of an engine, and the clocks that it is measured with."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Protocol

from tests.peers.workload import PeerWorkload, Played

if TYPE_CHECKING:
    from torch import Tensor


class PeerEngine(Protocol):
    """Something that runs federated rounds."""

    name: str
    packages: tuple[str, ...]
    """The distributions that must be installed."""
    slow: bool
    """Whether it plays a workload's `slow_rounds`."""
    resources: str
    """Its processes and threads, in words."""

    def play(self, workload: PeerWorkload, rounds: int, cores: int) -> Played:
        """Returns a run of some rounds, measured after all preparation and after whatever warms it."""


def version_of(engine: PeerEngine) -> str:
    """Returns the versions of an engine's packages; `PackageNotFoundError` where one is not installed."""
    return ", ".join(f"{package} {version(package)}" for package in engine.packages)


@dataclass
class Stopwatch:
    """Wall time and processor time between `start` and `stop`."""

    wall_s: float = 0.0
    cpu_s: float = 0.0

    def start(self) -> None:
        self.wall_s, self.cpu_s = time.perf_counter(), tree_cpu_seconds()

    def stop(self) -> None:
        self.wall_s = time.perf_counter() - self.wall_s
        self.cpu_s = tree_cpu_seconds() - self.cpu_s


def tree_cpu_seconds() -> float:
    """Returns the processor time so far of this process and of all that descend from it and still run."""
    import psutil

    me = psutil.Process()
    total = 0.0
    for process in [me, *me.children(recursive=True)]:
        try:
            times = process.cpu_times()
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        total += times.user + times.system
    return total


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Torch computes on `count` threads of this process."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def timed(run: Callable[[], Tensor], cores: int) -> Played:
    """Returns a run in this process on `cores` threads."""
    watch = Stopwatch()
    with threads(cores):
        watch.start()
        weights = run()
        watch.stop()
    return Played(weights, watch.wall_s, watch.cpu_s)

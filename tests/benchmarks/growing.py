"""A federation of many clients on a toy backbone, each size in a process of its own.

`python -m tests.benchmarks.growing 200 2000 20000` prints what each size costs.

Clients' features lie in files and are read when they are drawn. A quarter of the clients takes part in a round, with
noise; every part of a round is the one that real runs go through.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch

from privtalk.core.seeds import torch_stream
from privtalk.core.tensor_files import save_tensors
from privtalk.methods.adapters import AdapterBank
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.backbone.conditioning import LANDMARK_DIM, ClipFeatures
from privtalk.methods.config import AdapterConfig, FederationConfig
from privtalk.methods.federated.fedavg import FedAvg
from privtalk.methods.federation.clients import ClientData
from privtalk.methods.federation.rounds import Federation, federate
from privtalk.methods.privacy.mechanisms.noise import GaussianMechanism

GROUP = 200
"""Clients in a file."""
COHORT = 50
"""Clients of a round, where rounds do not grow with the population."""
FRAMES = (8, 8)
"""Frames of each clip of a client."""
CONFIG = FederationConfig(rounds=3, rate=0.25, local_steps=1, window_frames=2, chunk=20)


class Grown(NamedTuple):
    """The cost of one size."""

    clients: int
    cohort: float
    """Clients of a round, in the mean."""
    each: float
    """Processor seconds for each client of a round, in the fastest round."""
    peak: float
    """MiB of the process at its peak."""
    before: float
    """MiB of the process before training."""


class ToyFootage(NamedTuple):
    """The place of a toy client's features."""

    folder: Path
    number: int

    def __call__(self) -> ClipFeatures:
        """Returns the features, end to end."""
        from safetensors import safe_open

        rows = slice(self.number % GROUP * sum(FRAMES), (self.number % GROUP + 1) * sum(FRAMES))
        with safe_open(file_of(self.folder, self.number // GROUP), framework="pt") as file:
            parts = [file.get_slice(name)[rows] for name in ("latents", "audio", "landmarks")]
        return ClipFeatures(*parts, masked=None)


def file_of(folder: Path, group: int) -> Path:
    return folder / f"{group}.safetensors"


def write(folder: Path, clients: int, backbone: Backbone) -> None:
    """Writes random features of so many clients."""
    for group in range(-(-clients // GROUP)):
        generator = torch.Generator().manual_seed(group)
        frames = GROUP * sum(FRAMES)
        shapes = {
            "latents": backbone.latent_shape,
            "audio": (backbone.config.audio.width,),
            "landmarks": (LANDMARK_DIM,),
        }
        tensors = {name: torch.randn(frames, *shape, generator=generator) for name, shape in shapes.items()}
        save_tensors(file_of(folder, group), tensors)


def federation(folder: Path, clients: int, backbone: Backbone, fixed: bool = False) -> Federation:
    """A federation of clients whose features lie in a folder; `fixed`: of which `COHORT` take part in a round."""
    stream = partial(torch_stream, 0)
    adapter = AdapterConfig(rank=4, targets=("*.to_v",))
    return Federation(
        backbone=backbone,
        template=AdapterBank.initial(backbone.denoiser, adapter, stream),
        clients=tuple(ClientData.streamed(k, ToyFootage(folder, k), FRAMES) for k in range(clients)),
        config=CONFIG.model_copy(update={"rate": COHORT / clients}) if fixed else CONFIG,
        method=FedAvg(),
        stream=stream,
        mechanism=GaussianMechanism(clip=1.0, noise_multiplier=1.0),
    )


def grow(clients: int, fixed: bool = False) -> Grown:
    """Trains one size in this process."""
    torch.set_num_threads(1)
    backbone = Backbone.tiny()
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), clients, backbone)
        [*_] = federate(federation(Path(folder), min(clients, GROUP), backbone))  # warm
        before = peak()
        made = federation(Path(folder), clients, backbone, fixed)  # counts: it must hold nobody's features
        cohorts, seconds = [], []
        began = time.process_time()
        for state in federate(made):
            cohorts.append(len(state.transcript.log[-1].cohort))
            seconds.append((now := time.process_time()) - began)
            began = now
    each = min(second / cohort for second, cohort in zip(seconds, cohorts, strict=True))
    return Grown(clients, sum(cohorts) / len(cohorts), each, peak(), before)


def peak() -> float:
    """MiB of this process at its peak; not `getrusage`, where a child's begins with its parent's."""
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) / 1024


def grown(sizes: Iterable[int], fixed: bool = False) -> Iterator[Grown]:
    """Each size, trained in a process of its own."""
    for clients in sizes:
        call = f"print(json.dumps(grow({clients}, {fixed})))"
        made = subprocess.run(
            [sys.executable, "-c", f"import json; from tests.benchmarks.growing import grow; {call}"],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        yield Grown(*json.loads(made.stdout.splitlines()[-1]))


def main(sizes: Iterable[int]) -> None:
    """Prints a table: a quarter of the clients in a round, then as many whatever their number."""
    print(
        "| clients | of a round | ms for each | processor seconds a round | MiB above those of the process |"
    )
    print("|---|---|---|---|---|")
    for fixed in (False, True):
        for found in grown(sizes, fixed):
            seconds, above = found.cohort * found.each, found.peak - found.before
            print(
                f"| {found.clients:,} | {found.cohort:,.0f} | {1000 * found.each:.2f} | {seconds:.3f} "
                f"| {above:.0f} |"
            )


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]])

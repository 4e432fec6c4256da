"""Named random streams: every draw of a run comes from a generator that its name alone determines.

A name is a path such as ``("client", 17, "round", 3, "noise")``. It never contains a method's name, so two
methods under one seed see the same cohorts, batches, timesteps, diffusion noise and initial adapters.
Draws are made on the CPU and then moved, so that the device does not change them.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

Name = str | int


def stream_key(seed: int, *names: Name) -> int:
    """64-bit key of a named stream.

    >>> stream_key(0, "client", 1) == stream_key(0, "client", 1)
    True
    >>> stream_key(0, "client", 1) == stream_key(0, "client", "1")
    False
    """
    path = repr((int(seed), *names)).encode()
    return int.from_bytes(hashlib.blake2b(path, digest_size=8).digest(), "little")


def numpy_stream(seed: int, *names: Name) -> np.random.Generator:
    """NumPy generator of a named stream."""
    return np.random.Generator(np.random.PCG64(stream_key(seed, *names)))


def torch_stream(seed: int, *names: Name) -> torch.Generator:
    """Torch generator (on the CPU) of a named stream."""
    import torch

    return torch.Generator().manual_seed(stream_key(seed, *names) & (2**63 - 1))

"""Processes that train together, as `torchrun` starts them: one a GPU, by torch's distributed data parallel.

torchrun says in the environment who a process is (RANK, WORLD_SIZE, LOCAL_RANK); without it there is one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple, cast

from privtalk.bench.networks import choose_device
from privtalk.core.errors import UserError, unknown

if TYPE_CHECKING:
    from privtalk.methods.backbone.optimise import Compute, Precision

PRECISIONS = ("float32", "bfloat16")


class Processes(NamedTuple):
    """Who this process is among those that train together."""

    rank: int
    ranks: int
    local: int
    """Its number on this machine, which is that of its GPU."""


def processes() -> Processes:
    """Returns what torchrun says in the environment; one process where it says nothing."""
    try:
        found = Processes(*(int(os.environ.get(name, own)) for name, own in _VARIABLES))
    except ValueError as error:
        raise UserError(
            "RANK, WORLD_SIZE and LOCAL_RANK must be whole numbers; start it with torchrun"
        ) from error
    if not 0 <= found.rank < found.ranks:
        raise UserError(f"RANK {found.rank} is not among {found.ranks} processes; start it with torchrun")
    return found


_VARIABLES = (("RANK", 0), ("WORLD_SIZE", 1), ("LOCAL_RANK", 0))


@contextmanager
def joined(device: str, precision: str, recomputes: bool) -> Iterator[Compute]:
    """Gives where and how this process computes; the processes are joined while it lasts."""
    from privtalk.methods.backbone.optimise import Compute

    if precision not in PRECISIONS:
        raise unknown("precision", precision, PRECISIONS)
    own, chosen = processes(), choose_device(device)
    compute = Compute(
        device=f"cuda:{own.local}" if chosen == "cuda" else chosen,
        precision=cast("Precision", precision),
        recomputes=recomputes,
        rank=own.rank,
        ranks=own.ranks,
    )
    if own.ranks == 1:
        yield compute
        return
    import torch.distributed as together

    together.init_process_group("nccl" if chosen == "cuda" else "gloo")
    try:
        yield compute
        together.barrier()
    finally:
        together.destroy_process_group()

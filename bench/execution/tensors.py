"""Tensors between the processes of a run: as copies of their numbers, not as shared memory."""

from __future__ import annotations

from collections.abc import Callable
from multiprocessing.reduction import ForkingPickler
from typing import Any


def send_tensors_by_copy() -> None:
    """Sends this process's tensors through pipes by copy from now on.

    torch sends them as shared memory, a file handle each, of which a process has a thousand, and a container little
    memory to share. A copy has the same bits, holds nothing open, and has no gradient.
    """
    import torch
    import torch.multiprocessing  # registers torch's own way, which must not come later

    ForkingPickler.register(torch.Tensor, _by_copy)


def _by_copy(tensor: Any) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    import torch

    return torch.from_numpy, (tensor.detach().cpu().contiguous().numpy(),)

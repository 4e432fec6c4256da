"""The memory that a forward pass keeps for its backward pass."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks


def saved_bytes(work: Callable[[], object]) -> int:
    """Returns the bytes that autograd keeps for the backward pass of some work, each storage once.

    >>> x = torch.ones(10, requires_grad=True)
    >>> saved_bytes(lambda: x.exp().sum())
    40
    """
    held: dict[int, int] = {}
    kept: list[Tensor] = []

    def pack(tensor: Tensor) -> Tensor:
        if not isinstance(tensor, torch.nn.Parameter):
            held[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            kept.append(tensor)  # an address is not given again while it is held
        return tensor

    with saved_tensors_hooks(pack, lambda tensor: tensor):
        work()
    return sum(held.values())

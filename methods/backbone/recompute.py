"""Activations of the denoiser's blocks computed again in the backward pass, instead of being kept until then."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from torch import nn
from torch.utils.checkpoint import checkpoint

Hooks = Mapping[nn.Module, Any]


@contextmanager
def recomputing(denoiser: nn.Module, on: bool = True) -> Iterator[None]:
    """Inside, a forward pass keeps the inputs of blocks alone, and its backward pass computes the rest again.

    The gradient has the same bits: the same operations run on the same numbers. Adapters that are put on by hooks may
    be taken off before the backward pass; the blocks remember those that were there.

    Parameters: `denoiser`, diffusers' UNet; `on`, whether it is done at all.
    """
    if not on:
        yield
        return
    switch: Any = denoiser
    switch.enable_gradient_checkpointing(gradient_checkpointing_func=_again)
    try:
        yield
    finally:
        switch.disable_gradient_checkpointing()


def _again(block: nn.Module, *inputs: Any) -> Any:
    """The output of a block whose insides are computed again."""
    hooks = {module: module._forward_hooks.copy() for module in block.modules() if module._forward_hooks}

    def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        return nullcontext(), _hooked(hooks)

    return checkpoint(block, *inputs, use_reentrant=False, preserve_rng_state=False, context_fn=contexts)


@contextmanager
def _hooked(hooks: Hooks) -> Iterator[None]:
    """Modules with the hooks that they had."""
    now = {module: module._forward_hooks for module in hooks}
    for module, known in hooks.items():
        module._forward_hooks = known
    try:
        yield
    finally:
        for module, known in now.items():
            module._forward_hooks = known

"""Activations of the denoiser's blocks computed again in the backward pass, instead of being kept until then."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from torch import nn
from torch.utils.checkpoint import checkpoint

Adapted = Mapping[nn.Module, Any]
"""The forward passes that were put in the place of modules' own."""


@contextmanager
def recomputing(denoiser: nn.Module, on: bool = True) -> Iterator[None]:
    """Inside, a forward pass keeps the inputs of blocks alone, and its backward pass computes the rest again.

    The gradient has the same bits: the same operations run on the same numbers. Adapters may be taken off before the
    backward pass; the blocks remember those that were there.

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
    passes = {part: vars(part)["forward"] for part in block.modules() if "forward" in vars(part)}

    def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        return nullcontext(), _adapted_as(passes)

    return checkpoint(block, *inputs, use_reentrant=False, preserve_rng_state=False, context_fn=contexts)


@contextmanager
def _adapted_as(passes: Adapted) -> Iterator[None]:
    """Modules with the forward passes that they had."""
    now = {part: vars(part).get("forward") for part in passes}
    for part, known in passes.items():
        part.forward = known
    try:
        yield
    finally:
        for part, known in now.items():
            if known is None:
                del part.forward
            else:
                part.forward = known

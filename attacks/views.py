"""What one adversary sees. An attack declares the view it needs and gets nothing else."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from torch import Tensor, nn

from privtalk.methods.adapters import adapted
from privtalk.methods.backbone.conditioning import Batch


class Bank(Protocol):
    """The parts of `methods.adapters.AdapterBank` that attacks use: K adapters."""

    def flatten(self) -> Tensor:
        """[K, d] all factors."""
        ...

    def unflatten(self, flat: Tensor) -> Bank:
        """A bank of the same layers with the factors `flat` [K, d]."""
        ...


class FrozenBackbone(Protocol):
    """The parts of `methods.backbone.Backbone` that attacks use."""

    @property
    def denoiser(self) -> nn.Module:
        """What adapters are put into."""
        ...

    def loss(self, batch: Batch, t: Tensor, noise: Tensor) -> Tensor:
        """[N] denoising loss of each window."""
        ...


Adapt = Callable[[Any, Any], AbstractContextManager[Any]]
"""(denoiser, bank) -> context in which the denoiser's forward passes use the bank."""


@dataclass(frozen=True, kw_only=True)
class ReleaseView:
    """The outsider's: the published backbone and the final global adapter, nothing said during training."""

    backbone: FrozenBackbone
    adapter: Bank
    """A bank of one."""
    adapt: Adapt = field(default=adapted, repr=False)

    def __post_init__(self) -> None:
        count = len(self.adapter.flatten())
        if count != 1:
            raise ValueError(f"a release is one adapter, this bank holds {count}; select one first")

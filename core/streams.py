"""The source of randomness that methods are given; a run's seed is bound to it by the caller."""

from __future__ import annotations

from typing import Protocol

import torch


class Stream(Protocol):
    """``stream("client", 17, "round", 3, "noise")``: a CPU generator that its name alone determines.

    Names never contain a method's name, so that all methods under one seed draw the same.
    """

    def __call__(self, *names: str | int) -> torch.Generator: ...

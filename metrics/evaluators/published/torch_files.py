"""Weights of torch networks from local files, and networks built without touching anything global."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError

import torch
from torch import Tensor


def read_state(path: Path) -> dict[str, Tensor]:
    """A state dict; torch's restricted reader builds tensors and containers only, never objects of a file's own.

    Raises `ValueError` in one line for any other file.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, UnpicklingError, EOFError, ValueError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise ValueError(f"{path}: no weights that can be read ({reason})") from error
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise ValueError(f"{path}: no state dict of tensors")
    return dict(state)


@contextmanager
def weights_of(what: str, path: Path) -> Iterator[None]:
    """A block in which a network takes a file's weights: names or shapes that differ become a `ValueError`."""
    try:
        yield
    except RuntimeError as error:
        _, reason, *_ = [*str(error).splitlines(), "", ""]
        raise ValueError(f"{path}: no weights of {what} ({reason.strip() or error})") from error


@contextmanager
def building() -> Iterator[None]:
    """A block in which a network of a package is made: its random first weights leave the global generator alone, and
    what torchvision calls deprecated is the package's to mend."""
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning, module="torchvision")
        yield

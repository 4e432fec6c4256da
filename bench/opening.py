"""The means of a run: what the command line wishes, what was found, and what a bound on memory makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """The wishes of the command line about the means of a run."""

    corpus: str | None = None
    """A prepared folder, or the reference of a corpus that somebody brought."""
    device: str = "auto"
    changes: tuple[str, ...] = ()
    """`key=value` settings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """The means of a run, found and checked."""

    resources: Any = None
    """Whatever a cell's run needs of this machine; goes to other processes, so it must pickle."""
    device: str = "cpu"
    changes: tuple[str, ...] = ()
    """Those settings that are left."""
    given: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the means at hand, which changes may contradict (and are then refused with a better reason later)."""
    fixed: Mapping[str, Any] = field(default_factory=dict)
    """Settings that the means determine, which nothing contradicts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryBounded:
    """The means of a run under a bound on memory."""

    resources: Any
    """In place of `Opened.resources`."""
    workers: int
    """Processes, at most."""
    changes: tuple[str, ...] = ()
    """Settings that had to change, as `key=value`: they are recorded, as figures may depend on them."""
    said: str = ""
    """All of it in words."""

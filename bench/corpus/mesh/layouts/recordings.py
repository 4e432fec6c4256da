"""The contract of a layout: recordings of a folder by role, the face that they move, and what is left aside."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Protocol, TypeGuard

import numpy as np
from numpy.typing import NDArray

from privtalk.bench.corpus.mesh.clip import NEUTRAL, MeshRole

Floats = NDArray[np.float32]
ROLES: tuple[MeshRole, ...] = ("train", "test", "strangers")


def is_role(text: str) -> TypeGuard[MeshRole]:
    """Returns whether a text is a role, and not why there is none."""
    return text in ROLES


VALIDATION = "a validation recording of the official split"
OUTSIDE = "not in the official split"


class MeshFault(ValueError):
    """A recording that cannot be used: the reason, which others may share, and what is particular to this one."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason} ({detail})" if detail else reason)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True, kw_only=True)
class MeshRefusal:
    """A recording that is not taken, and why."""

    name: str
    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeshRecording:
    """A recording of a data set, whose motion is read when it is asked for."""

    name: str
    identity: str
    sentence: str
    role: MeshRole
    audio: Path
    sources: tuple[Path, ...]
    """The files that hold the motion."""
    motion: Callable[[], Floats]
    """Vertices [T, V, 3], or the weights [T, C] of the face's channels; a `MeshFault` where they cannot be read."""
    emotion: str = NEUTRAL
    level: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MeshRegions:
    """Numbers of the vertices that metrics look at."""

    lips: NDArray[np.intp]
    upper: NDArray[np.intp]
    eyes: NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True)
class MeshFace:
    """The face that a data set's motion moves."""

    fps: float
    unit: str = "none"
    millimetres: float | None = None
    templates: Mapping[str, Floats] = field(default_factory=dict)
    """Person -> vertices [V, 3] at rest; nobody where the data set has weights alone."""
    regions: MeshRegions | None = None
    channels: tuple[str, ...] = ()
    """Names of weights; none where the motion is given as vertices."""
    displacements: Floats | None = None
    """[C, V, 3] of the weights; None where nobody knows."""
    everybody: Floats | None = None
    """[V, 3] at rest of everybody without an own template."""


class MeshLayout(Protocol):
    """A data set's way to lay its files out."""

    name: ClassVar[str]
    about: ClassVar[str]
    licence: ClassVar[str]
    citation: ClassVar[str]
    split: ClassVar[str]
    """A line on who plays which role."""

    def recognises(self, folder: Path) -> str | None:
        """Returns why a folder is not of this layout, in a line; None where it is."""
        ...

    def face(self, folder: Path) -> MeshFace:
        """Returns the face; a `UserError` where something that all recordings need is missing."""
        ...

    def recordings(self, folder: Path) -> Iterator[MeshRecording | MeshRefusal]:
        """Yields recordings in the order of their names."""
        ...

"""Public clips as pre-training reads them: all frames on one axis, in memory or in a file that is mapped.

Shapes: P frames of H x W pixels.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from privtalk.core.files import write_atomic


class SpokenClip(Protocol):
    """The part of a clip that pre-training reads."""

    @property
    def frames(self) -> NDArray[np.uint8]: ...
    @property
    def audio(self) -> NDArray[np.float32]: ...
    @property
    def fps(self) -> float: ...
    @property
    def landmarks(self) -> NDArray[np.float32]: ...
    @property
    def identity(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicData:
    """Frames of all public clips on one axis; P frames, clip c spans [start[c], start[c + 1])."""

    frames: Tensor
    """uint8 [P, H, W, 3]; mapped from a file where one is named."""
    points: Tensor
    """[P, 68, 2] landmarks in pixels."""
    start: NDArray[np.int64]
    person: NDArray[np.int64]
    """[clips]."""
    audio: tuple[NDArray[np.float32], ...]
    fps: tuple[float, ...]

    @classmethod
    def gather(cls, clips: Iterable[SpokenClip], store: Path | None = None) -> PublicData:
        """Reads clips one after another; with `store`, a folder, frames and sound go to files there, not to memory.

        `ValueError` where there are none, or where their frames differ in size.
        """
        identities: dict[str, int] = {}
        frames = RowSink(np.uint8, None if store is None else store / FRAMES)
        sound = RowSink(np.float32, None if store is None else store / SOUND)
        points, person, samples, fps, start = [], [], [0], [], [0]
        for clip in clips:
            frames.add(clip.frames)
            sound.add(clip.audio)
            points.append(torch.from_numpy(clip.landmarks))
            person.append(identities.setdefault(clip.identity, len(identities)))
            samples.append(samples[-1] + len(clip.audio))
            fps.append(clip.fps)
            start.append(start[-1] + len(clip.frames))
        heard = sound.close().numpy()
        return cls(
            frames=frames.close(),
            points=torch.cat(points),
            start=np.array(start),
            person=np.array(person),
            audio=tuple(heard[first:last] for first, last in pairwise(samples)),
            fps=tuple(fps),
        )

    def digest(self) -> str:
        """sha256 of all frames."""
        found = hashlib.sha256()
        for part in self.frames.split(PART):
            found.update(part.numpy().tobytes())
        return found.hexdigest()


FRAMES, SOUND = "frames.u8", "sound.f32"
"""Files of what was gathered."""
PART = 1024
"""Frames hashed at a time."""


class RowSink:
    """Rows of one shape as they come, kept in memory or appended to a file."""

    def __init__(self, kind: type[np.generic], store: Path | None) -> None:
        self.kind, self.store = kind, store
        self.kept: list[NDArray[Any]] = []
        self.count = 0
        self.shape: tuple[int, ...] = ()
        if store is not None:
            store.parent.mkdir(parents=True, exist_ok=True)
            store.unlink(missing_ok=True)

    def add(self, rows: NDArray[Any]) -> None:
        """Takes rows [n, ...]; `ValueError` where they have another shape than those before."""
        if self.count and rows.shape[1:] != self.shape:
            raise ValueError(f"clips of {rows.shape[1:]} and of {self.shape}; pre-training takes one size")
        self.count, self.shape = self.count + len(rows), rows.shape[1:]
        if self.store is None:
            self.kept.append(rows)
            return
        with self.store.open("ab") as file:
            np.ascontiguousarray(rows, self.kind).tofile(file)

    def close(self) -> Tensor:
        """Returns all rows as one tensor; `ValueError` where there are none."""
        if not self.count:
            raise ValueError("no public clips; pre-training needs some")
        if self.store is None:
            return torch.from_numpy(np.concatenate(self.kept))
        return mapped(self.store, (self.count, *self.shape), self.kind)


def mapped(path: Path, shape: tuple[int, ...], kind: type[np.generic]) -> Tensor:
    """Returns a tensor whose numbers stay in a file until they are read.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "numbers"
    ...     np.arange(6, dtype=np.float32).tofile(file)
    ...     mapped(file, (2, 3), np.float32)[1].tolist()
    [3.0, 4.0, 5.0]
    """
    return torch.from_numpy(np.memmap(path, kind, "r+", shape=shape))


@dataclass(frozen=True, slots=True)
class LatentStore:
    """A file of latents that were made from known frames by known weights, so that a resumed run finds them again."""

    path: Path
    key: str
    """Hash of everything that determines the latents."""

    @property
    def note(self) -> Path:
        """The file that says what the latents are; it is written last."""
        return self.path.with_suffix(".json")

    def holds(self) -> bool:
        """Whether the latents of this key are there, whole."""
        try:
            return (
                bool(json.loads(self.note.read_text(encoding="utf-8"))["key"] == self.key)
                and self.path.is_file()
            )
        except (OSError, ValueError, KeyError, TypeError):
            return False

    def seal(self) -> None:
        """Says that the file is whole."""
        write_atomic(self.note, json.dumps({"key": self.key}) + "\n")


def detail_points(points: Tensor, size: int) -> Tensor:
    """[N, 3, 2] eyes and mouth, in [-1, 1] across the frame, of landmarks [N, 68, 2] in pixels."""
    centres = [points[:, 36:42].mean(1), points[:, 42:48].mean(1), points[:, 48:68].mean(1)]
    return torch.stack(centres, dim=1) / (size / 2) - 1

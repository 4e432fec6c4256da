"""A clip of a face as a moving mesh: what is said, by whom, how, and the exact motion.

T frames, C motion channels, V vertices, S samples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16_000
FULL_SCALE = 32767
"""The 16-bit sample that stands for 1."""
MeshRole = Literal["train", "test", "strangers"]
"""Clips to learn from; new sentences of those who speak them; speech of people on whom nobody trains."""
NEUTRAL = "neutral"
NO_VISEME = -1
"""The viseme of a frame of which nobody knows what is said."""


def sixteen_bits(audio: NDArray[np.float32]) -> NDArray[np.int16]:
    """Returns sound [S] as 16-bit samples.

    >>> sixteen_bits(np.array([0.0, 1.0, -2.0], np.float32)).tolist()
    [0, 32767, -32767]
    """
    return np.asarray(np.round(np.clip(audio, -1, 1) * FULL_SCALE), dtype=np.int16)


@dataclass(frozen=True, slots=True, kw_only=True)
class MeshClip:
    """One utterance as a sequence of motion codes, which a `MotionRig` turns into vertices."""

    codes: NDArray[np.float32]
    """[T, C] motion, one number for each channel of the rig; at rest all are 0."""
    audio: NDArray[np.float32]
    """[S] mono, -1..1, at `SAMPLE_RATE`; frame t shows the time (t + 0.5) / fps."""
    fps: float
    identity: str
    sentence: str
    """The text, or the sentence's number in a data set."""
    visemes: NDArray[np.int64]
    """[T] index into `performance.VISEMES`, `NO_VISEME` where unknown."""
    emotion: str = NEUTRAL
    level: int = 0
    """The strength of the emotion: 0 neutral, 1 weak, 2 strong."""

    def __len__(self) -> int:
        return len(self.codes)


class MotionRig(Protocol):
    """The face that motion codes move."""

    @property
    def channels(self) -> tuple[str, ...]:
        """Returns the names [C], by which weights of data sets are matched."""
        ...

    @property
    def unit(self) -> str:
        """Returns the unit of the vertices, such as `head height` or `m`."""
        ...

    @property
    def millimetres(self) -> float | None:
        """Returns the millimetres in a unit; None where nobody knows."""
        ...

    @property
    def lips(self) -> NDArray[np.intp]:
        """Returns the numbers of the lips' vertices."""
        ...

    @property
    def upper(self) -> NDArray[np.intp]:
        """Returns the numbers of the upper face's vertices (FDD)."""
        ...

    @property
    def eyes(self) -> NDArray[np.intp]:
        """Returns the numbers of the eyes' and the forehead's vertices (EVE)."""
        ...

    @property
    def contacts(self) -> NDArray[np.intp] | None:
        """Returns pairs [P, 2] of an upper and a lower lip's vertices that touch in a shut mouth; None: unknown."""
        ...

    def template(self, identity: str) -> NDArray[np.float32]:
        """Returns a person's vertices [V, 3] at rest."""
        ...

    def vertices(self, codes: NDArray[np.float32], identity: str) -> NDArray[np.float32]:
        """Returns the vertices [T, V, 3] of motion codes [T, C] on a person's face."""
        ...

    def basis(self) -> NDArray[np.float32]:
        """Returns the displacements [C, V, 3] of one unit of each channel, linearised at rest."""
        ...

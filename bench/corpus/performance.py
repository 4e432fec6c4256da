"""The movement of a face over time: the interface between speech and head."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

VISEMES = ("sil", "PP", "FF", "TH", "DD", "kk", "CH", "SS", "nn", "RR", "aa", "E", "ih", "oh", "ou")
"""The 15 classes of MPEG-4 lip animation as used by most viseme sets."""

ARTICULATORS = ("jaw", "width", "round", "press", "tuck", "tongue")
"""Mouth controls.

jaw: 0 closed .. 1 widest opening in speech; width: -1 narrow .. 1 spread corners; round: 0..1 lips protruded
and rounded; press: 0..1 lips pressed together (p, b, m); tuck: 0..1 lower lip under the upper teeth (f, v);
tongue: 0..1 tongue tip visible between or behind the teeth.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """Per-frame controls of a head, T frames, frame t at time (t + 0.5) / fps. Fields as in `clip.Truth`."""

    visemes: NDArray[np.float32]
    articulators: NDArray[np.float32]
    pose: NDArray[np.float32]
    blink: NDArray[np.float32]
    brows: NDArray[np.float32]
    gaze: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.visemes)

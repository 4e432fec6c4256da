"""A rig of displacements that add up: blendshapes, or the principal components of a data set's vertices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False, kw_only=True)
class LinearRig:
    """Vertices = the person's template + codes @ displacements."""

    channels: tuple[str, ...]
    unit: str
    millimetres: float | None
    lips: NDArray[np.intp]
    upper: NDArray[np.intp]
    eyes: NDArray[np.intp]
    displacements: NDArray[np.float32]
    """[C, V, 3]."""
    templates: Mapping[str, NDArray[np.float32]]
    """Person -> [V, 3]."""
    contacts: NDArray[np.intp] | None = None

    def template(self, identity: str) -> NDArray[np.float32]:
        """Returns a person's vertices [V, 3] at rest."""
        return self.templates[identity]

    def vertices(self, codes: NDArray[np.float32], identity: str) -> NDArray[np.float32]:
        """Returns vertices [T, V, 3] of codes [T, C].

        >>> rig = LinearRig(channels=("up",), unit="m", millimetres=1000, lips=np.arange(1), upper=np.arange(1),
        ...     eyes=np.arange(1), displacements=np.array([[[0, 2, 0]]], np.float32),
        ...     templates={"a": np.ones((1, 3), np.float32)})
        >>> rig.vertices(np.array([[0], [0.5]], np.float32), "a")[:, 0].tolist()
        [[1.0, 1.0, 1.0], [1.0, 2.0, 1.0]]
        """
        moved = np.tensordot(codes.astype(np.float32), self.displacements, 1)
        return np.asarray(self.templates[identity] + moved, dtype=np.float32)

    def basis(self) -> NDArray[np.float32]:
        """Returns the displacements, which are linear anyway."""
        return self.displacements

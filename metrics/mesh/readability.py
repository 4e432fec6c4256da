"""Lip readability: can the visemes that are said be read off the lips?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from privtalk.metrics.declaration import Metric, Undefined
from privtalk.metrics.mesh.vertices import Region, Vertices

READABILITY = Metric(
    name="readability",
    family="lips",
    direction="higher",
    unit="share",
    range=(0.0, 1.0),
    worst=0.0,
    needs=("vertices",),
    about="share of frames whose viseme a reader of true lips names right",
)


def lip_shape(vertices: Vertices, template: Vertices, lips: Region) -> NDArray[np.float64]:
    """Returns how far the lips' vertices are from rest [T, 3 L], of vertices [T, V, 3] and a template [V, 3]."""
    chosen = np.asarray(lips)
    moved = vertices[:, chosen].astype(np.float64) - template[chosen]
    return np.asarray(moved.reshape(len(moved), -1))


class VisemeReader:
    """A linear discriminant that names the viseme of a lip shape, fitted on true motion."""

    def __init__(self, shapes: NDArray[np.float64], visemes: NDArray[np.int64]) -> None:
        """Fits on shapes [F, D] of known visemes [F]; a viseme that is seen once is never named."""
        names, counts = np.unique(visemes, return_counts=True)
        often = np.isin(visemes, names[counts > 1])
        self._reader = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.01)
        self._reader.fit(shapes[often], visemes[often])

    def accuracy(self, shapes: NDArray[np.float64], visemes: NDArray[np.int64]) -> float:
        """Returns the share of shapes [F, D] named right, among visemes [F] that are known (not negative).

        >>> rng = np.random.default_rng(0); said = np.arange(60) % 3
        >>> shapes = np.eye(3)[said] + 0.01 * rng.normal(size=(60, 3))
        >>> VisemeReader(shapes, said).accuracy(shapes, said)
        1.0
        """
        known = visemes >= 0
        if not known.any():
            raise Undefined("nobody knows what is said")
        return float((self._reader.predict(shapes[known]) == visemes[known]).mean())

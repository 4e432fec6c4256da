"""Motion codes of vertices: the principal components of how they leave their template in training.

They are taken about the template and not about the mean, so that a face at rest has the code 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

Floats = NDArray[np.float32]
MOST_FRAMES = 4000
"""Frames that components are fitted to."""
MOST_BYTES = 2**29
"""Bytes of those frames."""
WEAKEST = 1e-10
"""Share of the strongest component's energy under which one is rounding."""
STEADY = 0.1
"""Least deviation of a code, as a share of its root mean square, by which it is scaled: one that hardly varies about
an offset would otherwise be blown up."""
COLUMNS = 8192
"""Coordinates that are multiplied at a time in double precision."""


@dataclass(frozen=True, slots=True)
class MeshComponents:
    """Displacements whose codes vary by one in training."""

    displacements: Floats
    """[K, V, 3], at right angles to each other."""
    explained: float
    """Share of the squared displacement of the fitted frames that they give back."""


def quota(recordings: int, vertices: int) -> int:
    """Returns how many frames of each training recording components are fitted to."""
    whole = min(MOST_FRAMES, MOST_BYTES // (12 * max(vertices, 1)))
    return max(1, whole // max(recordings, 1))


def spread(frames: int, most: int) -> NDArray[np.intp]:
    """Returns the numbers of at most `most` frames, evenly spread.

    >>> spread(5, 3).tolist(), spread(2, 3).tolist()
    ([0, 2, 4], [0, 1])
    """
    return np.unique(np.linspace(0, frames - 1, min(frames, most)).round()).astype(np.intp)


def fit_components(moved: Floats, most: int) -> MeshComponents:
    """Returns at most `most` components of displacements [N, V, 3] from the template."""
    flat = moved.reshape(len(moved), -1)
    products = np.zeros((len(flat), len(flat)))
    for columns in _pieces(flat):
        products += columns @ columns.T
    count = min(most, len(flat), flat.shape[1])
    energies, sides = eigh(products, subset_by_index=[len(flat) - count, len(flat) - 1])
    energies, sides = energies[::-1], sides[:, ::-1]
    kept = energies > WEAKEST * max(energies[0], np.finfo(float).tiny)
    energies, sides = energies[kept], sides[:, kept]
    total = float(np.trace(products))
    return MeshComponents(
        _scaled(flat, energies, sides).reshape(-1, *moved.shape[1:]), _share(energies, total)
    )


def _share(energies: NDArray[np.float64], total: float) -> float:
    return float(min(energies.sum() / total, 1.0)) if total > 0 else 1.0


def _pieces(flat: Floats) -> list[NDArray[np.float64]]:
    return [flat[:, first : first + COLUMNS].astype(np.float64) for first in range(0, flat.shape[1], COLUMNS)]


def _scaled(flat: Floats, energies: NDArray[np.float64], sides: NDArray[np.float64]) -> Floats:
    """The components, scaled by their codes' deviations, with the largest coordinate positive."""
    lengths = np.sqrt(energies)
    weights = (sides / lengths).T
    units = np.concatenate([weights @ columns for columns in _pieces(flat)], axis=1)
    largest = np.take_along_axis(units, np.abs(units).argmax(1)[:, None], 1)
    codes = sides * lengths
    scale = np.maximum(codes.std(0), STEADY * np.sqrt(np.square(codes).mean(0)))
    return np.asarray(units * np.sign(largest) * scale[:, None], dtype=np.float32)


def codes_of_vertices(moved: Floats, displacements: Floats) -> Floats:
    """Returns the codes [T, K] whose sum of displacements [K, V, 3] comes closest to `moved` [T, V, 3]."""
    flat = displacements.reshape(len(displacements), -1).astype(np.float64)
    energies = np.square(flat).sum(1)
    return np.asarray(moved.reshape(len(moved), -1) @ (flat / energies[:, None]).T, dtype=np.float32)


def squared_errors(moved: Floats, codes: Floats, displacements: Floats) -> NDArray[np.float64]:
    """Returns the squared distance [T, V] of each vertex to where codes put it."""
    rest = moved - np.tensordot(codes, displacements, 1)
    return np.square(rest, dtype=np.float64).sum(-1)

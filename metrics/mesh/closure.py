"""Lip contacts: does the mouth shut where p, b and m are said?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from privtalk.metrics.declaration import Metric, Undefined
from privtalk.metrics.mesh.vertices import Vertices, check_vertices

CLOSURE = Metric(
    name="closure",
    family="lips",
    direction="higher",
    unit="share",
    range=(0.0, 1.0),
    worst=0.0,
    needs=("vertices",),
    about="share of p, b and m at which the lips meet, within a millimetre of how close they truly come",
)
SLACK = 1.0
"""Millimetres by which lips may stay further apart than they truly do."""


def lip_gap(vertices: Vertices, contacts: NDArray[np.intp]) -> NDArray[np.float64]:
    """Returns the mean distance [T] of pairs of vertices that touch where the mouth is shut, in the mesh's unit.

    vertices: [T, V, 3]. contacts: [P, 2] numbers of an upper and a lower lip's vertices.
    """
    apart = vertices[:, contacts[:, 0]].astype(np.float64) - vertices[:, contacts[:, 1]]
    return np.asarray(np.linalg.norm(apart, axis=-1).mean(-1))


def closure(
    generated: Vertices,
    truth: Vertices,
    bilabial: NDArray[np.bool_],
    contacts: NDArray[np.intp],
    slack: float,
) -> float:
    """Share of the runs of frames in `bilabial` [T] in which the generated lips come within `slack` of the truth's
    smallest gap; higher is better. `slack` is in the mesh's unit. `Undefined` where nobody says p, b or m.

    >>> truth = np.zeros((4, 2, 3)); truth[[0, 3], 0, 1] = 5
    >>> open = truth.copy(); open[:, 0, 1] = 5
    >>> said = np.array([False, True, True, False])
    >>> pair = np.array([[0, 1]])
    >>> closure(truth, truth, said, pair, 1.0), closure(open, truth, said, pair, 1.0)
    (1.0, 0.0)
    """
    check_vertices(generated, truth)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], bilabial, [False]]).astype(int)))
    if not len(edges):
        raise Undefined("no clip says p, b or m")
    made, true = lip_gap(generated, contacts), lip_gap(truth, contacts)
    runs = edges.reshape(-1, 2)
    met = [made[a:b].min() <= true[a:b].min() + slack for a, b in runs]
    return float(np.mean(met))

"""How much the mouth still moves, whatever moves it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from privtalk.metrics.declaration import Metric, Undefined
from privtalk.metrics.mouth_sync import FLAT

MOUTH_ENERGY = Metric(
    name="mouth_energy",
    family="control",
    direction="lower",
    unit="",
    range=(0.0, float("inf")),
    worst=None,
    needs=("truth", "landmarks", "mouth_reader"),
    about="standard deviation over time of the mouth's opening, over the clean portrait's",
)


def mouth_energy(protected: NDArray[np.float64], clean: NDArray[np.float64]) -> float:
    """Returns std(protected) / std(clean) of two opening curves [T]; lower is stiller.

    >>> curve = np.array([0.0, 0.2, 0.4])
    >>> mouth_energy(curve / 2, curve)
    0.5
    """
    if clean.std() < FLAT:
        raise Undefined("the clean portrait's mouth does not move")
    return float(protected.std() / clean.std())

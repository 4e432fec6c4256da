"""The cameras that the embedded people are filmed with: how each sees colour, before a look's own white balance.

The public pool is filmed with studio cameras. Clients, held-out and shadow people may be filmed with phones instead: a
shift that a whole population shares, that pre-training has not seen, and that federated training can make good.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privtalk.bench.corpus.spec import CameraName

Colour = tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensor:
    """One kind of camera."""

    mixing: tuple[Colour, Colour, Colour] = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    """Linear RGB of the scene -> linear RGB of the sensor; rows sum to one, so that grey stays grey."""
    balance: Colour = (1.0, 1.0, 1.0)
    """Gains after mixing: a cast."""
    gamma: float = 1.0
    """Exponent on the developed picture beside the look's own; above 1 is darker and harder."""

    def sense(self, picture: NDArray[np.float32]) -> NDArray[np.float32]:
        """Linear RGB [..., 3] of the scene as the sensor takes it in.

        >>> Sensor(balance=(0.5, 1.0, 1.0)).sense(np.ones(3, dtype=np.float32)).tolist()
        [0.5, 1.0, 1.0]
        """
        mixed = picture @ np.asarray(self.mixing, dtype=np.float32).T
        return mixed * np.asarray(self.balance, dtype=np.float32)


SENSORS: dict[CameraName, Sensor | None] = {
    "studio": None,
    "phone": Sensor(
        mixing=((0.7, 0.2, 0.1), (0.15, 0.7, 0.15), (0.05, 0.2, 0.75)), balance=(1.04, 1.3, 0.98), gamma=1.8
    ),
}
"""By a corpus' setting; None takes light as it is. A phone in tube light: dull colours, a green cast, hard contrast."""


def told(camera: CameraName) -> dict[str, Any]:
    """The part of a file's hash that a camera adds; the studio's adds nothing, so that files of before keep their name.

    >>> told("studio"), list(told("phone"))
    ({}, ['sensor'])
    """
    sensor = SENSORS[camera]
    return {} if sensor is None else {"sensor": asdict(sensor)}

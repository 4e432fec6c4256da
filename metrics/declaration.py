"""What a metric declares about itself, so that boards can read its direction and never guess it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Direction = Literal["higher", "lower", "reference"]
"""Which way is better; `reference` for a value that is only to be compared with ground truth's."""

Need = Literal["truth", "landmarks", "mouth_reader"]
"""What a metric is computed from, beside the generated frames."""


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One metric of a clip."""

    name: str
    direction: Direction
    unit: str
    """Empty for a pure number."""
    range: tuple[float, float]
    """Smallest and largest possible value; infinite where unbounded."""
    worst: float | None
    """Worst possible value; None where there is none (unbounded, or `reference`)."""
    needs: tuple[Need, ...]
    about: str
    """One line for the board."""


class Undefined(Exception):
    """A metric that has no value for this clip; the message is the reason that boards show."""

"""The declaration of a metric about itself, so that boards can read its direction and never guess it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Direction = Literal["higher", "lower", "reference"]
"""The way that is better; `reference` for a value that is only to be compared with ground truth's."""

Family = Literal[
    "quality",
    "distribution",
    "identity",
    "landmarks",
    "temporal",
    "sync",
    "mesh",
    "control",
    "intactness",
    "portrait",
    "published",
    "lips",
]
"""The kind of question that a metric answers; boards group their columns by it."""

Need = Literal["truth", "landmarks", "audio", "mouth_reader", "weights", "vertices"]
"""The things that a metric is computed from, beside the generated frames."""


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One metric."""

    name: str
    """Its standard name; where a network reads the frames, that network in brackets: `lpips[alex]`."""
    family: Family
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
    level: Literal["clip", "set"] = "clip"
    """`set`: of many clips together (a Fréchet distance); a clip's figure is then its share of it."""

    @property
    def evaluator(self) -> str | None:
        """The network in brackets.

        >>> lpips = Metric(name="lpips[alex]", family="quality", direction="lower", unit="", range=(0, 1),
        ...                worst=None, needs=(), about="")
        >>> lpips.evaluator, lpips.base
        ('alex', 'lpips')
        """
        return self.name.partition("[")[2].removesuffix("]") or None

    @property
    def base(self) -> str:
        """The name before its evaluator."""
        return self.name.partition("[")[0]


class Undefined(Exception):
    """A metric that has no value for this clip; the message is the reason that boards show."""

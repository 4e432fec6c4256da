"""The outcome of an attack on one run: everything a record states about it, but for the seconds it took."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from privtalk.attacks.controls import ControlOutcome
from privtalk.attacks.declaration import Declaration
from privtalk.attacks.evaluation import Evaluation
from privtalk.core.intervals import Interval

Direction = Literal["higher", "lower"]


@dataclass(frozen=True, kw_only=True)
class MeasureOutcome:
    """A figure beside the ROC: a rank-1 rate, decibels over the prior."""

    estimate: Interval
    chance: float
    """The value that an attacker who knows nothing gets in expectation."""
    unit: str
    """`rate`, `dB`, `cosine` ..."""
    direction: Direction = "higher"
    """The direction in which the attacker gains."""
    about: str = ""
    """The meaning of the measure, in a line."""


@dataclass(frozen=True, kw_only=True)
class StrengthOutcome:
    """How well the same attack does where there is something to find, so that chance is never read as privacy."""

    estimate: Interval
    """The headline measure on the planted positive."""
    planted: str
    """The planted thing, in a line: such as `adapters of one person each, 16 steps`."""


@dataclass(frozen=True, kw_only=True)
class AttackOutcome:
    """An attack's result."""

    declaration: Declaration
    evaluation: Evaluation | None
    """None for attacks that do not call anybody a member (reconstruction)."""
    measures: Mapping[str, MeasureOutcome] = field(default_factory=dict)
    curves: Mapping[str, tuple[tuple[float, float], ...]] = field(default_factory=dict)
    """Name of a series -> (x, y) points, such as the AUC by the number of clients in a sum."""
    controls: Mapping[str, ControlOutcome] = field(default_factory=dict)
    strength: StrengthOutcome | None = None

    @property
    def valid(self) -> bool:
        """All controls are at chance."""
        return all(control.passed for control in self.controls.values())

"""How a task's boards are to be read: names of its rows, metrics and axes, its baseline, what counts as worse.

A task says it once; a run writes it into its plan, so that a board is a pure function of a run folder. A task that
says nothing (`Display()`) has a board all the same: its names are shown as they are, and nothing is compared with a
baseline.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from privtalk.core.frozen import Frozen
from privtalk.core.upgrade import NO_LEVEL, at_of, tier_of

DEFAULT = NO_LEVEL
"""Place of a row on no axis: every axis at its default."""


class Wording(Frozen):
    """A row's or metric's name as people write it, and a line about it."""

    label: str = ""
    """Empty: the name as it is."""
    about: str = ""


class MetricFamily(Frozen):
    """A group of metrics that answer one question."""

    name: str
    about: str = ""
    """The question that it answers."""
    main: tuple[str, ...] = ()
    """Metrics, by the name before the evaluator, that speak for it where they were taken."""


class AxisDisplay(Frozen):
    """The property that sets rows of a method apart: a privacy tier, a budget, a number of steps."""

    name: str
    label: str = ""
    """Head of its column; empty: the name."""
    value: str = ""
    """A value as people write it, such as `ε = {}`; empty: `name = {}`."""
    default: str = ""
    """Label of rows that are not placed on it, such as `no DP`."""
    about: str = ""
    """The words that a chart writes along it."""
    factor: str = ""
    """The name of being placed on it at all, where that is a factor of experiments, such as `DP`; empty: it is none."""
    order: Literal["rising", "falling"] | tuple[str, ...] = "rising"
    """The order of values that are numbers, or all values in their order; rows at the default come first."""
    progress: bool = False
    """Its values are how far a row has come, such as steps: curves go along it, and overviews show its ends alone."""
    apart: bool = False
    """Rows on it have a section of their own, and no other section shows them."""

    @property
    def heading(self) -> str:
        return self.label or self.name

    def text(self, value: str | None) -> str:
        """A value's label; that of the default for None."""
        if value is None:
            return self.default
        return (self.value or f"{self.name} = {{}}").replace("{}", value)

    def place(self, value: str | None) -> tuple[int, float, str]:
        """A key to sort values by: the default, then those in order, then those that have no place in it."""
        if value is None:
            return (0, 0.0, "")
        if isinstance(self.order, tuple):
            known = value in self.order
            return (1, float(self.order.index(value)), "") if known else (2, 0.0, value)
        try:
            number = float(value)
        except ValueError:
            return (2, 0.0, value)
        return (1, -number if self.order == "falling" else number, "")


class Baseline(Frozen):
    """The row that all others are compared with."""

    row: str
    phrase: str = ""
    """How a sentence calls it, such as `the zero-shot backbone`; empty: its label."""


class ShareOfBase(Frozen):
    """A tolerance that grows with the base value."""

    share: float = Field(ge=0)


def allowance(tolerances: Mapping[str, float | ShareOfBase], metric: str, base: float) -> float | None:
    """A metric's tolerance, by its full name, else by the name before its evaluator; None where nothing is said.

    >>> said = {"near": 0.1, "far": ShareOfBase(share=0.25)}
    >>> allowance(said, "near", 24.0), allowance(said, "far[net]", -20.0), allowance(said, "other", 1.0)
    (0.1, 5.0, None)
    """
    for name in (metric, metric.partition("[")[0]):
        if name in tolerances:
            found = tolerances[name]
            return found.share * abs(base) if isinstance(found, ShareOfBase) else found
    return None


def alike(levels: Mapping[str, float], metric: str, *values: float) -> bool:
    """Whether all values of a metric are so large that they tell rounding alone.

    >>> alike({"psnr": 60.0}, "psnr", 97.0, 100.0), alike({"psnr": 60.0}, "psnr[crop]", 97.0, 40.0)
    (True, False)
    """
    level = levels.get(metric, levels.get(metric.partition("[")[0], math.inf))
    return min(values) >= level


class FloorRule(Frozen):
    """How a floor is called, and where it is none: a still picture is a real one of the right person."""

    phrase: str = ""
    """The words for a row that does not clear it; empty: `not above` its label."""
    none_in: tuple[str, ...] = ()
    """Families of metrics in which it is no floor."""
    if_beaten_in: tuple[str, ...] = ()
    """Families in which it is one only for metrics on which a ceiling is better."""


class PublishedSystem(Frozen):
    """A system as its authors report it; figures are kept as printed."""

    system: str
    data: str
    source: str
    figures: dict[str, str] = Field(default_factory=dict)
    """Metric -> figure."""
    other: str = ""


class PublishedFigures(Frozen):
    """Figures that others published on other data: for orientation, never ranked beside measured rows."""

    note: str = ""
    metrics: tuple[str, ...] = ()
    """The columns."""
    systems: tuple[PublishedSystem, ...] = ()


class ClaimedRow(Frozen):
    """A row of a claim, by its name and its place."""

    row: str
    tier: str = NO_LEVEL


class Claim(Frozen):
    """A statement that a paper makes of two rows, to be put to the test wherever both are on a board."""

    question: str
    row: ClaimedRow
    against: tuple[ClaimedRow, ...] = Field(min_length=1)
    metrics: tuple[str, ...] = Field(min_length=1)


class Display(Frozen):
    """Everything about a task that its boards show and its records do not hold."""

    suites: dict[str, str] = Field(default_factory=dict)
    """Suite -> title of its page, in the order of the pages."""
    rows: dict[str, Wording] = Field(default_factory=dict)
    metrics: dict[str, Wording] = Field(default_factory=dict)
    """By the name before the evaluator; `about` is for records that do not say it (schema 1)."""
    acronyms: tuple[str, ...] = ()
    """Words in metrics' names that are written in capitals."""
    families: tuple[MetricFamily, ...] = ()
    """In the order of their columns; others follow as records name them."""
    axes: tuple[AxisDisplay, ...] = ()
    baseline: Baseline | None = None
    headline: str = ""
    """Metric of the ranks and the charts; empty: the first that has a direction."""
    tolerances: dict[str, float | ShareOfBase] = Field(default_factory=dict)
    """Metric, by its full name or the one before its evaluator -> smallest worsening that counts."""
    alike_from: dict[str, float] = Field(default_factory=dict)
    """Metric, named alike -> the value from which on no two differ by more than rounding."""
    floors: dict[str, FloorRule] = Field(default_factory=dict)
    """Row -> how it is a floor; a floor that is not named is one for every metric with a direction."""
    shared: tuple[str, ...] = ()
    """Parts of a cell in which all rows of a board must agree."""
    published: PublishedFigures | None = None
    claims: tuple[Claim, ...] = ()

    @classmethod
    def read(cls, file: Path) -> Display:
        """Returns a display that stands in a YAML file."""
        import yaml

        return cls.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))

    def row_label(self, name: str) -> str:
        """A row's name as people write it; rows that are not named are shown under their own name."""
        return self._wording(self.rows, name.replace("-", "_")).label or name

    def metric_label(self, name: str) -> str:
        """A metric's name before its evaluator, as people write it.

        >>> shown = Display(acronyms=("psnr",), metrics={"lse_c": Wording(label="LSE-C")})
        >>> shown.metric_label("psnr_mouth"), shown.metric_label("lse_c[net]"), shown.metric_label("jitter_error")
        ('PSNR mouth', 'LSE-C', 'jitter error')
        """
        base = name.partition("[")[0]
        words = (word.upper() if word in self.acronyms else word for word in base.split("_"))
        return self._wording(self.metrics, base).label or " ".join(words)

    def metric_about(self, name: str) -> str:
        """One line about a metric; empty where nothing is known."""
        return (self.metrics.get(name) or self._wording(self.metrics, name.partition("[")[0])).about

    def family(self, name: str) -> MetricFamily:
        return next((family for family in self.families if family.name == name), MetricFamily(name=name))

    def family_order(self, name: str) -> tuple[int, bool]:
        """A key by which known families come first and nameless ones last; sorting keeps the order of the others."""
        names = [family.name for family in self.families]
        return (names.index(name) if name in names else len(names), not name)

    def at_label(self, tier: str) -> str:
        """A row's place on all axes as people write it; empty where there is no axis.

        >>> shown = Display(axes=(AxisDisplay(name="eps", value="ε = {}", default="no DP", order="falling"),))
        >>> shown.at_label("eps=8"), shown.at_label("none"), shown.at_label("odd"), shown.at_label("steps=4")
        ('ε = 8', 'no DP', 'odd', 'no DP, steps = 4')
        """
        at = _at(tier)
        if at is None:
            return tier
        return ", ".join(filter(None, (axis.text(at.get(axis.name)) for axis in self._axes(at))))

    def at_order(self, tier: str) -> tuple[Any, ...]:
        """A key to sort places by, axis by axis; what is no place comes last.

        >>> shown = Display(axes=(AxisDisplay(name="eps", order="falling"),))
        >>> sorted(["eps=2", "odd", "none", "eps=8"], key=shown.at_order)
        ['none', 'eps=8', 'eps=2', 'odd']
        """
        at = _at(tier)
        places = [] if at is None else [axis.place(at.get(axis.name)) for axis in self._axes(at)]
        return (at is None, places, tier)

    @property
    def at_heading(self) -> str:
        """Head of the column that places rows."""
        return ", ".join(axis.heading for axis in self.axes if not (axis.progress or axis.apart)) or "tier"

    @property
    def progress(self) -> AxisDisplay | None:
        """The axis along which rows progress; None where there is none."""
        return next((axis for axis in self.axes if axis.progress), None)

    def split(self, tier: str) -> tuple[str, str | None]:
        """A place without the axis of progress, and the value on that; None for a row that has none.

        >>> shown = Display(axes=(AxisDisplay(name="steps", progress=True),))
        >>> shown.split("eps=8, steps=4"), shown.split("eps=8")
        (('eps=8', '4'), ('eps=8', None))
        """
        at, axis = _at(tier), self.progress
        if at is None or axis is None or axis.name not in at:
            return tier, None
        return tier_of({name: value for name, value in at.items() if name != axis.name}), at[axis.name]

    def apart(self, tier: str) -> str | None:
        """The axis with a section of its own on which a place is; None where it is on none.

        >>> shown = Display(axes=(AxisDisplay(name="attacker", apart=True),))
        >>> shown.apart("budget=8, attacker=blur"), shown.apart("budget=8")
        ('attacker', None)
        """
        at = _at(tier) or {}
        return next((axis.name for axis in self.axes if axis.apart and axis.name in at), None)

    def _axes(self, at: Mapping[str, str]) -> list[AxisDisplay]:
        """The axes of the task, then those that only the row names."""
        known = [axis.name for axis in self.axes]
        return [*self.axes, *(AxisDisplay(name=name) for name in sorted(at) if name not in known)]

    @staticmethod
    def _wording(words: Mapping[str, Wording], name: str) -> Wording:
        return words.get(name, Wording())


def _at(tier: str) -> dict[str, str] | None:
    """Axis -> value of a record's `tier`; None for a text that names no values."""
    at = at_of(tier)
    return at if all(at.values()) else None

"""The content of a suite's file."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from privtalk.core.frozen import Frozen


class Factor(Frozen):
    """An ingredient that a grid has with and without: the method's options in both cases."""

    present: dict[str, Any] = Field(default_factory=dict)
    absent: dict[str, Any] = Field(default_factory=dict)


class RowGrid(Frozen):
    """Rows: every method x tier x setting of the factors."""

    method: tuple[str, ...]
    tier: tuple[str, ...] = ("none",)
    """Places on the task's axes: `none`, `eps=8`, or several axes with commas between them."""
    factors: dict[str, Factor] = Field(default_factory=dict)


class Preset(Frozen):
    """A size of the suite."""

    about: str
    seeds: tuple[int, ...] | None = None
    tiers: tuple[str, ...] | None = None
    """Only these tiers of the grids; None: all."""
    settings: dict[str, Any] = Field(default_factory=dict)


class Suite(Frozen):
    """A suite's file."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")
    about: str
    task: str
    """The task whose settings, rows and tiers it names (`bench list tasks`)."""
    seeds: tuple[int, ...] = Field(min_length=1)
    base: dict[str, Any] = Field(default_factory=dict)
    grids: tuple[RowGrid, ...] = Field(min_length=1)
    presets: dict[str, Preset] = Field(min_length=1)

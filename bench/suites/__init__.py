"""Suites: one YAML file each, expanded here to cells.

A file names its `base` settings (`spec.Settings`), `seeds`, `grids` of rows and `presets`. A preset overrides any
part of base, the seeds, and which of the grids' tiers are run. In a grid, `method` x `tier` x every factor is
expanded; a factor turns options on or off and gives a row its name.
"""

from __future__ import annotations

from importlib.resources import files

import yaml

from privtalk.bench.suites.expansion import Plan, expand
from privtalk.bench.suites.schema import Suite
from privtalk.core.errors import unknown

__all__ = ["Plan", "Suite", "expand", "load", "names"]


def names() -> list[str]:
    """Every suite."""
    folder = files("privtalk.bench.suites")
    return sorted(
        entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml")
    )


def load(name: str) -> Suite:
    """A suite by name."""
    known = names()
    if name not in known:
        raise unknown("suite", name, known)
    text = (files("privtalk.bench.suites") / f"{name}.yaml").read_text(encoding="utf-8")
    return Suite.model_validate(yaml.safe_load(text))

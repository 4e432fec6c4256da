"""Suites: one YAML file each, expanded here to cells.

A file names its `task`, `base` settings (the task's), `seeds`, `grids` of rows and `presets`. A preset overrides any
part of base, the seeds, and which of the grids' tiers are run. In a grid, `method` x `tier` x every factor is
expanded; a factor turns options on or off and gives a row its name. A file may say `extends: SUITE` and hold only what
differs (`bench.suites.reading`).
"""

from __future__ import annotations

from privtalk.bench.suites.expansion import Plan, expand
from privtalk.bench.suites.reading import load, names
from privtalk.bench.suites.schema import Suite

__all__ = ["Plan", "Suite", "expand", "load", "names"]

"""The findings of `bench validate-metrics` in a run folder: how far metrics can be trusted, for the page to link."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from privtalk.core.json_files import read_json

FOLDER = "validation"


class NoiseFloor(NamedTuple):
    """Smallest difference that some clips can show."""

    n: int
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricValidation:
    """One validation."""

    folder: Path
    page: bool
    """It has a report to link to."""
    noise_floor: Mapping[str, NoiseFloor] = field(default_factory=dict)
    """By metric."""


def find(folders: Iterable[Path]) -> MetricValidation | None:
    """The first run folder's that has one, those with a report first; what cannot be read is left out."""
    found = [v for folder in folders if (v := _read(folder / FOLDER)) is not None]
    return next((v for v in found if v.page), found[0] if found else None)


def publish(validation: MetricValidation, site: Path) -> str:
    """Copy the report with all its files into the site and return its address; links that lead out of it are left."""
    for path in sorted(validation.folder.rglob("*")):
        inside = path.resolve().is_relative_to(validation.folder.resolve())
        target = site / FOLDER / path.relative_to(validation.folder)
        if path.is_file() and inside:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
    return f"{FOLDER}/index.html"


def noise_floors(raw: Any) -> dict[str, NoiseFloor]:
    """Entries of `metrics.json` that say what they should.

    >>> noise_floors({"noise_floor": {"near": {"n": 40, "value": 0.1}, "far": {"n": 40}, "odd": None}})
    {'near': NoiseFloor(n=40, value=0.1)}
    """
    entries = raw.get("noise_floor") if isinstance(raw, Mapping) else None
    floors = {}
    for name, entry in entries.items() if isinstance(entries, Mapping) else ():
        n, value = (entry.get("n"), entry.get("value")) if isinstance(entry, Mapping) else (None, None)
        if isinstance(n, int) and isinstance(value, int | float) and math.isfinite(value):
            floors[str(name)] = NoiseFloor(n, float(value))
    return floors


def _read(folder: Path) -> MetricValidation | None:
    page = (folder / "index.html").is_file()
    try:
        raw = read_json(folder / "metrics.json")
    except ValueError:
        raw = None
    floors = noise_floors(raw)
    return MetricValidation(folder=folder, page=page, noise_floor=floors) if page or floors else None

"""How much worse a metric may get before it counts: as its task says, or a file."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import yaml

from privtalk.core.display import ShareOfBase, allowance
from privtalk.core.errors import UserError, unknown

Tolerances = Mapping[str, float | ShareOfBase]
"""Metric, by its full name or the name before its evaluator -> smallest worsening that counts."""

RELATIVE_TOLERANCE = 0.01
"""For metrics of which nothing is said: share of the base value."""


def tolerance(metric: str, base: float, tolerances: Tolerances) -> float:
    """Tolerance of a metric, by its full name, else by the name before its evaluator, else relative.

    >>> allowed = {"near": 0.1, "far": ShareOfBase(share=0.25)}
    >>> tolerance("near", 24.0, allowed), tolerance("far[net]", 20.0, allowed), tolerance("other", -50.0, allowed)
    (0.1, 5.0, 0.5)
    """
    found = allowance(tolerances, metric, base)
    return RELATIVE_TOLERANCE * abs(base) if found is None else found


def read_tolerances(path: Path, metrics: Collection[str]) -> dict[str, float | ShareOfBase]:
    """Tolerances of a YAML file: `metric: 0.2`, in its unit, or `metric: 5 %` of the base value.

    `metrics` are those of the records: a tolerance that nothing would heed is a mistake, as is one that is no number.
    """
    valid = sorted({name for metric in metrics for name in (metric, metric.split("[")[0])})
    found = {}
    for name, value in _mapping(path).items():
        if not isinstance(name, str) or name not in valid:
            raise UserError(f"{path}: {unknown('metric', str(name), valid)}")
        found[name] = _allowed(path, name, value)
    return found


class _Loader(yaml.SafeLoader):
    """YAML in which a name that stands twice is a mistake."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = [key.value for key, _ in node.value]
        for name in names:
            if names.count(name) > 1:
                raise yaml.YAMLError(f"{name!r} stands twice")
        return super().construct_mapping(node, deep)


def _mapping(path: Path) -> dict[Any, Any]:
    try:
        value = _Loader(path.read_text(encoding="utf-8")).get_single_data()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; name a YAML file of tolerances") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        said = " ".join(str(error).split()) or type(error).__name__
        raise UserError(f"{path}: not a YAML file of tolerances ({said})") from error
    if not isinstance(value, dict) or not value:
        raise UserError(
            f"{path}: holds no tolerances; write a line a metric, such as METRIC: 0.2 or METRIC: 5 %"
        )
    return value


def _allowed(path: Path, name: str, value: Any) -> float | ShareOfBase:
    share = re.fullmatch(r"\s*([0-9.eE+-]+)\s*%\s*", value) if isinstance(value, str) else None
    try:
        number = float(share[1]) if share else value
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise ValueError
        if not (math.isfinite(number) and number >= 0):
            raise ValueError
    except (ValueError, OverflowError) as error:
        raise UserError(
            f"{path}: {name}: {value!s:.40} is no tolerance; write a number from 0, in the metric's unit, or a "
            "share of the base value such as 5 %"
        ) from error
    return ShareOfBase(share=number / 100) if share else float(number)

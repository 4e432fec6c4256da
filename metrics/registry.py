"""Every metric of generated clips by its name, in the order of the board's columns, to which people add their own."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import get_args

from privtalk.metrics.declaration import Direction, Family, Metric, Need, Undefined
from privtalk.metrics.distributions import SOURCES
from privtalk.metrics.readings import ClipPair
from privtalk.metrics.scorers import SCORERS, Scorer

FAMILIES: tuple[Family, ...] = ("quality", "distribution", "identity", "landmarks", "temporal", "sync")
NAME = re.compile(r"[a-z][a-z0-9_]{0,39}(\[[a-z0-9_.-]{1,24}\])?")
LONGEST = 200
"""Characters of the line that a metric says of itself."""

_metrics: dict[str, Metric] = {}
METRICS: Mapping[str, Metric] = MappingProxyType(_metrics)
"""Name -> declaration, of all that are registered so far; `register` adds to it."""
_brought: dict[str, Scorer] = {}


def metric(name: str) -> Metric:
    """Declaration of a metric.

    >>> metric("psnr").direction
    'higher'
    """
    if name not in METRICS:
        raise ValueError(f"unknown metric {name!r}; the metrics are {', '.join(METRICS)}")
    return METRICS[name]


# ---- metrics that people bring


def register(scorer: Scorer) -> str:
    """Enters a metric of a clip, which is scored and shown from then on like any other; returns its name.

    `ValueError` in one line where it is none, lacks a part, or its name is not free. Entering the same one again does
    nothing.
    """
    check(scorer)
    name = scorer.metric.name
    if _brought.get(name) is not scorer:
        if name in METRICS:
            raise ValueError(f"metric {name!r} is there already; give it another name")
        SCORERS[name] = scorer._replace(
            value=_called(name, scorer.value),
            truth=None if scorer.truth is None else _called(name, scorer.truth),
        )
        _brought[name] = scorer
        _order()
    return name


def forget(name: str) -> None:
    """Takes out a metric that was entered, so that its name is free again."""
    del _brought[name], SCORERS[name]
    _order()


def check(scorer: object) -> None:
    """Raises `ValueError` in one line unless a thing is a metric of a clip that can be entered."""
    if not isinstance(scorer, Scorer):
        raise ValueError(
            f"it is {type(scorer).__name__!r}, not a metric; write NAME = Scorer(Metric(...), value)"
        )
    if not isinstance(scorer.metric, Metric):
        raise ValueError("its declaration is none; write Scorer(Metric(name=..., ...), value)")
    if fault := undeclared(scorer.metric):
        raise ValueError(f"metric {scorer.metric.name!r}: {fault}")
    if not callable(scorer.value) or not (scorer.truth is None or callable(scorer.truth)):
        raise ValueError(
            f"metric {scorer.metric.name!r}: value and truth are functions of a ClipPair; give it some"
        )


def undeclared(about: Metric) -> str:
    """Returns what a declaration lacks; empty where it lacks nothing."""
    if not isinstance(about.name, str) or not NAME.fullmatch(about.name):
        return "a name is small letters, digits and _, such as sharpness or lpips[alex]; write it so"
    if about.level != "clip":
        return "a metric of a set cannot be added; write one of a clip, level='clip'"
    for part, valid in (("family", FAMILIES), ("direction", get_args(Direction))):
        if getattr(about, part) not in valid:
            return f"{part} is {getattr(about, part)!r}; write one of {', '.join(valid)}"
    if odd := [need for need in about.needs if need not in get_args(Need)]:
        return f"needs {odd[0]!r}; write some of {', '.join(get_args(Need))}, as a tuple"
    if not isinstance(about.about, str) or not about.about.strip() or len(about.about) > LONGEST:
        return f"about is not said; write it in a line of at most {LONGEST} characters"
    if not about.about.isprintable() or not isinstance(about.unit, str) or len(about.unit) > 20:
        return "unit and about are short lines without odd characters; write them so"
    if not about.range[0] < about.range[1]:
        return f"range is {about.range}; write (smallest, largest), infinite where there is no bound"
    return ""


def _called(name: str, value: Callable[[ClipPair], float]) -> Callable[[ClipPair], float]:
    """The function, whose errors say what they are."""

    def scored(pair: ClipPair) -> float:
        try:
            return float(value(pair))
        except (Undefined, ValueError):
            raise
        except Exception as error:
            raise ValueError(f"{type(error).__name__}: {' '.join(str(error).split())}") from error

    return scored


def _order() -> None:
    """Puts the metrics into the order of the columns, those that people brought at the end of their family."""
    declared = [scorer.metric for scorer in SCORERS.values()] + [source.metric for source in SOURCES.values()]
    _metrics.clear()
    _metrics.update(
        {about.name: about for family in FAMILIES for about in declared if about.family == family}
    )


_order()

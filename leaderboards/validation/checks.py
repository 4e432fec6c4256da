"""A check: a bar, what was measured, and whether it holds."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from privtalk.core.intervals import clopper_pearson

Verdict = Literal["pass", "fail", "not done"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BarCheck:
    """One line of the summary."""

    section: str
    """Part of the report that shows what is behind it."""
    name: str
    bar: str
    """The condition that must hold, in words."""
    verdict: Verdict
    measured: str = ""
    """In words, with its interval."""
    value: float | None = None
    low: float | None = None
    high: float | None = None
    reason: str = ""
    """Why it was not done."""


def judged(
    section: str,
    name: str,
    bar: str,
    passed: bool,
    measured: str,
    value: float | None = None,
    low: float | None = None,
    high: float | None = None,
) -> BarCheck:
    """A check that was done.

    >>> judged("sync", "offsets", "at least 95 %", False, "90 %").verdict
    'fail'
    """
    verdict: Verdict = "pass" if passed else "fail"
    return BarCheck(
        section=section, name=name, bar=bar, verdict=verdict, measured=measured,
        value=value, low=low, high=high,
    )  # fmt: skip


def not_done(section: str, name: str, bar: str, reason: str) -> BarCheck:
    """A check that could not be done, which is not a pass."""
    return BarCheck(section=section, name=name, bar=bar, verdict="not done", reason=reason)


def exit_code(checks: Iterable[BarCheck]) -> int:
    """1 where a bar does not hold; what was not done is told, and neither holds nor fails.

    >>> exit_code([not_done("sync", "offsets", "at least 95 %", "no network")])
    0
    """
    return int(any(check.verdict == "fail" for check in checks))


def digits(value: float) -> str:
    """Two significant digits, plainly written.

    >>> digits(0.01234), digits(3.456), digits(0.0000123)
    ('0.012', '3.5', '1.2e−5')
    """
    if value and abs(value) < 1e-4:
        mantissa, _, exponent = f"{value:.1e}".partition("e")
        return f"{mantissa}e{int(exponent)}".replace("-", "−")
    places = max(0, 1 - math.floor(math.log10(abs(value)))) if value else 0
    return f"{value:.{places}f}".replace("-", "−")


class Share(NamedTuple):
    """A share of trials with its 95 % interval."""

    value: float
    low: float
    high: float
    n: int


def wilson(hits: int, n: int, z: float = 1.959964) -> Share:
    """Share with Wilson's interval.

    >>> tuple(round(x, 3) for x in wilson(95, 100))
    (0.95, 0.888, 0.978, 100)
    """
    if not n:
        raise ValueError("a share of nothing; give at least one trial")
    share = hits / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    low = max(0.0, middle - half) if hits else 0.0
    return Share(share, low, min(1.0, middle + half) if hits < n else 1.0, n)


def exact(hits: int, n: int, level: float = 0.95) -> Share:
    """Share with Clopper and Pearson's interval, which errs on the wide side.

    >>> tuple(round(x, 3) for x in exact(0, 10))
    (0.0, 0.0, 0.308, 10)
    """
    found = clopper_pearson(hits, n, level)
    assert found.low is not None
    assert found.high is not None
    return Share(hits / n, found.low, found.high, n)

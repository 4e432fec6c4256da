"""How numbers and names are written, the same in the terminal, on the page and in the charts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from privtalk.core.records import Code, Estimate
from privtalk.leaderboards.board.statistics import Difference, Rank

MISSING = "-"
MINUS = "\N{MINUS SIGN}"
FIXED = 6
"""Most decimals that are written out."""


def number(value: float | None, digits: int, *, signed: bool = False) -> str:
    """A number with a true minus sign, or a dash where there is none; beyond `FIXED` decimals with an exponent.

    >>> number(-0.1234, 2), number(0.5, 1, signed=True), number(None, 2), number(-0.001, 2)
    ('−0.12', '+0.5', '-', '0.00')
    >>> number(0.00123, 5), number(1.234e-6, 8), number(0.0, 8)
    ('0.00123', '1.23e−6', '0')
    """
    if value is None:
        return MISSING
    if digits > FIXED:
        text = _scientific(value, digits, "+" if signed else "")
    else:
        text = f"{value:+.{digits}f}" if signed else f"{value:.{digits}f}"
    if float(text) == 0:
        text = text.lstrip("+-")
    return text.replace("-", MINUS)


def _scientific(value: float, digits: int, sign: str) -> str:
    """A number to `digits` decimals, written with an exponent."""
    power = math.floor(math.log10(abs(value))) if value else 0
    if power < -digits or not value:
        return "0"
    mantissa, _, exponent = f"{value:{sign}.{digits + power}e}".partition("e")
    return f"{mantissa}e{int(exponent)}"


def interval(estimate: Estimate | Difference, digits: int, *, signed: bool = False) -> str:
    """The 95 % interval in brackets; empty where there is none.

    >>> interval(Estimate(value=1.0, low=0.5, high=1.5), 1)
    '[0.5, 1.5]'
    """
    if estimate.low is None or estimate.high is None:
        return ""
    return f"[{number(estimate.low, digits, signed=signed)}, {number(estimate.high, digits, signed=signed)}]"


def plus_minus(estimate: Estimate, digits: int) -> str:
    """Half of the interval after ±; empty where there is none.

    >>> plus_minus(Estimate(value=1.0, low=0.5, high=1.5), 1)
    '±0.5'
    """
    half = half_width(estimate)
    return "" if half is None else f"±{number(half, digits)}"


def with_interval(
    estimate: Estimate | Difference, digits: int, unit: str = "", *, signed: bool = False
) -> str:
    """Value, unit and interval in one string.

    >>> with_interval(Estimate(value=1.0, low=0.5, high=1.5), 1, "dB", signed=True)
    '+1.0 dB [+0.5, +1.5]'
    """
    parts = [number(estimate.value, digits, signed=signed), unit, interval(estimate, digits, signed=signed)]
    return " ".join(part for part in parts if part)


def rank(place: Rank | None) -> str:
    """A place, with `=` where it is shared.

    >>> rank(Rank(2, True)), rank(None)
    ('2=', '')
    """
    if place is None:
        return ""
    return f"{place.place}=" if place.shared else str(place.place)


def half_width(estimate: Estimate) -> float | None:
    """Half the width of the interval."""
    if estimate.low is None or estimate.high is None:
        return None
    return (estimate.high - estimate.low) / 2


def digits_for(estimates: Iterable[Estimate], *, default: int = 3, most: int = 4) -> int:
    """Decimals of a column, by its typical half-interval: two significant digits below 3.5, else one.

    >>> digits_for([Estimate(value=24.0, low=23.88, high=24.12)])
    2
    """
    widths = sorted(width for width in map(half_width, estimates) if width)
    if not widths:
        return min(default, most)
    middle = widths[len(widths) // 2]
    power = max(math.floor(math.log10(middle)), -300)  # below it, 10**power is 0
    return min(max((1 if middle / 10**power < 3.5 else 0) - power, 0), most)


def most_digits(estimates: Iterable[Estimate]) -> int:
    """Decimals beyond which a column is not read: four, or four significant ones of a small typical value.

    >>> most_digits([Estimate(value=24.0)]), most_digits([Estimate(value=0.0012)]), most_digits([])
    (4, 6, 4)
    """
    sizes = sorted(abs(e.value) for e in estimates if e.value)
    return max(4, 3 - math.floor(math.log10(sizes[len(sizes) // 2]))) if sizes else 4


def duration(seconds: float) -> str:
    """Seconds as people read them.

    >>> duration(0.34), duration(75), duration(4000)
    ('0.3 s', '1 min 15 s', '1 h 07 min')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    if seconds < 3600:
        return "{} min {:02d} s".format(*divmod(round(seconds), 60))
    return "{} h {:02d} min".format(*divmod(round(seconds / 60), 60))


def size(count: float) -> str:
    """Bytes as people read them.

    >>> size(512), size(3_500_000)
    ('512 B', '3.3 MiB')
    """
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024 or unit == "GiB":
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    raise AssertionError("unreachable")


def listing(items: Sequence[str]) -> str:
    """Items in a sentence.

    >>> listing(["a"]), listing(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"


def first_of(items: Sequence[str], most: int = 3) -> str:
    """Items in a sentence, the later ones counted where they are many.

    >>> first_of(["a", "b"]), first_of(["a", "b", "c", "d", "e"])
    ('a and b', 'a, b, c and 2 more')
    """
    if len(items) <= most + 1:
        return listing(items)
    return listing([*items[:most], f"{len(items) - most} more"])


def code_name(code: Code) -> str:
    """Version, commit and dirtiness of the code behind a record.

    >>> code_name(Code(version="1.0", commit="0123456789abcdef", dirty=True))
    'version 1.0, commit 0123456789, uncommitted changes'
    """
    commit = f", commit {code.commit[:10]}" if code.commit else ""
    return f"version {code.version}{commit}{', uncommitted changes' if code.dirty else ''}"

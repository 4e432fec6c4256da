from __future__ import annotations

import doctest
import importlib
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privtalk import leaderboards
from privtalk.core.records import Estimate
from privtalk.leaderboards import formats

PACKAGE = Path(next(iter(leaderboards.__path__)))
DOCUMENTED = sorted(
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
    for path in PACKAGE.rglob("*.py")
    if ">>> " in path.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("name", DOCUMENTED)
def test_examples_in_docstrings(name):
    module = importlib.import_module(f"privtalk.leaderboards.{name}")
    assert doctest.testmod(module).failed == 0


@given(st.floats(-1e6, 1e6), st.integers(0, 4))
def test_a_number_reads_back_rounded(value, digits):
    text = formats.number(value, digits)
    assert "-" not in text
    assert float(text.replace(formats.MINUS, "-")) == pytest.approx(value, abs=0.51 * 10**-digits)


@given(st.floats(1e-3, 1e3))
def test_digits_show_the_interval_but_not_much_more(half):
    digits = formats.digits_for([Estimate(value=0.0, low=-half, high=half)])
    shown = float(f"{half:.{digits}f}")
    assert abs(shown - half) <= 0.17 * half
    assert digits <= max(0, 2 - math.floor(math.log10(half)))


@given(st.floats(1e-12, 1e-3), st.integers(7, 12))
def test_tiny_numbers_read_back_with_an_exponent(value, digits):
    text = formats.number(-value, digits).replace(formats.MINUS, "-")
    assert float(text) == pytest.approx(-value, abs=1.01 * 10**-digits)


def test_small_columns_show_four_digits_and_large_ones_no_more_than_before():
    small = [Estimate(value=v, low=v - 1e-4, high=v + 1e-4) for v in (1.2e-3, 1.9e-3)]
    large = [Estimate(value=0.8, low=0.8 - 1e-6, high=0.8 + 1e-6)]
    assert formats.digits_for(small, most=formats.most_digits(small)) == 5
    assert formats.digits_for(large, most=formats.most_digits(large)) == 4


def test_zero_width_and_missing_intervals_do_not_count():
    same = Estimate(value=1.0, low=1.0, high=1.0)
    assert formats.digits_for([same, Estimate(missing="x")], default=3) == 3

"""Mouth energy: how much a mouth moves, whatever moves it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from privtalk.metrics.declaration import Undefined
from privtalk.metrics.mouth_sync import FLAT
from privtalk.metrics.protection.mouth_energy import mouth_energy

CURVE = 0.2 + 0.1 * np.sin(np.arange(24))


@given(st.floats(0, 4), st.floats(-1, 1))
def test_it_is_the_size_of_the_movement_and_not_where_it_rests(size, rest):
    assert mouth_energy(size * CURVE + rest, CURVE) == pytest.approx(size, abs=1e-9)


@given(st.permutations(range(24)))
def test_it_does_not_ask_when_the_mouth_moves(order):
    assert mouth_energy(CURVE[list(order)], CURVE) == pytest.approx(1.0)


def test_a_still_mouth_has_none():
    assert mouth_energy(np.full(24, 0.3), CURVE) == pytest.approx(0.0, abs=1e-12)


def test_there_is_no_value_where_the_clean_mouth_is_flat():
    nearly = 0.9 * FLAT * np.sign(np.sin(np.arange(24)))
    with pytest.raises(Undefined, match="does not move"):
        mouth_energy(CURVE, nearly)

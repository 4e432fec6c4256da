"""Growth: ten times the clients take ten times the time, and memory follows neither the population nor the cohort.

Timed by processor time, each size in a process of its own.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.federation.waves import waves
from tests.benchmarks.growing import CONFIG, federation, grown

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="peaks are read from /proc"),
]

COPIES = 12
"""Copies of a wave's updates, in float32, that live at once (measured: 10)."""
KNOWN = 600
"""Bytes of a client that is known and, a quarter of the time, takes part (measured: 470, of 100,000 clients)."""
SLACK = 16.0
"""MiB by which the peak of a process differs from one time to the next."""


def test_a_client_of_a_round_costs_the_same_whatever_the_population_and_rounds_hold_one_wave(
    tmp_path: Path,
) -> None:
    few, some, many = grown((200, 2_000, 20_000))
    assert some.each <= 1.2 * few.each, (few, some)
    assert many.each <= 1.2 * some.each, (some, many)
    template = federation(tmp_path, 1, Backbone.tiny()).template
    wave = next(waves(20_000, CONFIG))
    updates = COPIES * 4 * template.dim * (wave.stop - wave.start) / 2**20
    for found in (few, some, many):
        assert found.peak - found.before <= updates + KNOWN * found.clients / 2**20 + SLACK, found
    assert 4 * template.dim * many.cohort / 2**20 > SLACK + KNOWN * 20_000 / 2**20  # one copy would be seen


def test_a_round_of_as_many_clients_takes_as_much_memory_whatever_the_population() -> None:
    few, many = grown((200, 20_000), fixed=True)
    assert many.peak - many.before <= few.peak - few.before + SLACK, (few, many)
    assert many.each <= 2 * few.each, (few, many)

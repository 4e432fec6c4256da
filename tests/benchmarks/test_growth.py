"""Growth: ten times the clients take ten times the time, and memory does not follow the population.

Timed by processor time, each size in a process of its own.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from privtalk.methods.backbone.backbone import Backbone
from tests.benchmarks.growing import CONFIG, federation, grown

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="peaks are read from /proc"),
]

COPIES = 12
"""Copies of a round's updates, in float32, that live at once (measured: 10)."""
SLACK = 16.0
"""MiB by which the peak of a process differs from one time to the next."""


def test_ten_times_the_clients_take_ten_times_the_time(tmp_path: Path) -> None:
    few, some, many = grown((200, 2_000, 20_000))
    assert some.seconds <= 10.5 * few.seconds
    assert many.seconds <= 11 * some.seconds  # 10.5 and below on an idle machine
    template = federation(tmp_path, 1, Backbone.tiny()).template
    for found in (few, some, many):
        updates = COPIES * 4 * template.dim * CONFIG.rate * found.clients / 2**20
        assert found.peak - found.before <= updates + SLACK, found


def test_a_round_of_as_many_clients_takes_as_much_memory_whatever_the_population() -> None:
    few, many = grown((200, 20_000), fixed=True)
    assert many.peak - many.before <= few.peak - few.before + SLACK, (few, many)
    assert many.seconds <= 2 * few.seconds, (few, many)

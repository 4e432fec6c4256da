"""Cells of the smoke preset whose footage and features are made."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from privtalk.bench.commands.run import prepare
from privtalk.bench.networks import Means
from privtalk.bench.preparing import make
from privtalk.bench.tasks.talking_head.run import CellWorld, open_world
from privtalk.bench.tasks.talking_head.settings import TalkingHeadCell
from privtalk.bench.tasks.talking_head.stages.prepare import preparations


@pytest.fixture
def opened_cell(request_for) -> Callable[[str], tuple[TalkingHeadCell, Means, CellWorld]]:
    """Opens a row's cell without privacy: the cell, the means of the run, and the world that it trains in."""

    def opened(row: str) -> tuple[TalkingHeadCell, Means, CellWorld]:
        found, plan, _ = prepare(request_for(row))
        cell, means = next(p.cell for p in plan.cells if p.cell.tier == "none"), found.resources
        for preparation in preparations([cell], means):
            make(preparation, 1)
        return cell, means, open_world(cell, means)

    return opened

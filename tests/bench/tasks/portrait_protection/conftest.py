"""Three owners at 32 px on toy weights, whose mouths move by nothing that means anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from privtalk.bench.commands import run as command
from privtalk.bench.commands.run import Request
from privtalk.bench.tasks.portrait_protection.settings import PortraitProtectionCell

CHANGES = (
    "backbone=tiny",
    "corpus.clients=3",
    "corpus.heldout=2",
    "corpus.tested=3",
    "corpus.train={clips: 1, frames: 2}",
    "corpus.test={clips: 1, frames: 20}",
    "protection.iterations=2",
    "animation.attackers=[jpeg_75]",
    "animation.frames=4",
)


@pytest.fixture(scope="session")
def owners_request(world):
    """Requests of the smoke preset for three owners; `changes` are further settings."""

    def make(*rows: str, out: Path, changes: tuple[str, ...] = (), **fields: Any) -> Request:
        fields = {"suite": "portrait_protection", "preset": "smoke", "workers": 1} | fields
        return Request(rows=rows, out=out, changes=(*CHANGES, *changes), **fields)

    return make


@pytest.fixture(scope="session")
def whole(owners_request, tmp_path_factory):
    """Run of the clean portrait and a protection, uninterrupted; treat as read-only."""
    folder = tmp_path_factory.mktemp("owners") / "run"
    assert command.run(owners_request("unprotected", "silencer", out=folder)) == command.OK
    return folder


@pytest.fixture
def cell(owners_request, tmp_path) -> PortraitProtectionCell:
    """Silencer's cell at 8/255."""
    _, plan, _ = command.prepare(owners_request("silencer", out=tmp_path / "run"))
    [planned] = plan.cells
    return planned.cell

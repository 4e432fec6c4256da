"""Four speakers and toy networks: the whole path in seconds, whose figures mean nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from privtalk.bench.commands import run as command
from privtalk.bench.commands.run import Request
from privtalk.bench.tasks.speech_3d.footage import open_meshes
from privtalk.bench.tasks.speech_3d.settings import Speech3dCell

CHANGES = (
    "corpus.speakers=5",
    "corpus.clips=2",
    "corpus.tested=3",
    "corpus.strangers=2",
    "corpus.frames=25",
    "training.steps=3",
    "training.distillation_steps=2",
    "training.encoder_steps=3",
    "training.batch=4",
    "training.frames=20",
    "evaluation.timings=1",
    "evaluation.seconds=1",
)


@pytest.fixture(scope="session")
def speech_request(world):
    """Requests of the smoke preset for five speakers; `changes` are further settings."""

    def make(*rows: str, out: Path, changes: tuple[str, ...] = (), **fields: Any) -> Request:
        fields = {"suite": "speech_3d", "preset": "smoke", "workers": 1} | fields
        distils = fields["suite"] != "speech_3d_federated"
        common = [change for change in CHANGES if distils or "distillation" not in change]
        return Request(rows=rows, out=out, changes=(*common, *changes), **fields)

    return make


@pytest.fixture(scope="session")
def spoken(speech_request, tmp_path_factory):
    """Run of a floor, a ceiling, the student, its teacher and a peer; treat as read-only."""
    out = tmp_path_factory.mktemp("spoken") / "run"
    rows = ("mean_motion", "conditional_mean", "diffusiontalker", "teacher", "unitalker")
    assert command.run(speech_request(*rows, out=out)) == 0
    return out


@pytest.fixture(scope="session")
def cell_of(speech_request, spoken):
    """Finds the cell of a row at a tier in the spoken run's settings, whose corpus and encoders are made."""

    def find(method: str, tier: str = "none", **fields: Any) -> Speech3dCell:
        _, plan, _ = command.prepare(speech_request(method, out=spoken, tiers=(tier,), **fields))
        [planned] = plan.cells
        assert isinstance(planned.cell, Speech3dCell)
        return planned.cell

    return find


@pytest.fixture
def corpus(cell_of):
    """The corpus of the spoken run; treat as read-only."""
    return open_meshes(cell_of("teacher").corpus)


@pytest.fixture(scope="session")
def together(speech_request, tmp_path_factory):
    """Run of a federation without and with a guarantee; treat as read-only."""
    out = tmp_path_factory.mktemp("together") / "run"
    request = speech_request(
        "regressor",
        "federated_base",
        "federated",
        out=out,
        suite="speech_3d_federated",
        changes=("federation.rounds=2", "federation.rate=0.9", "corpus.speakers=12", "corpus.strangers=4"),
    )
    assert command.run(request) == 0
    return out

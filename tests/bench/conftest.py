"""A world small enough to train in seconds: toy weights, 32 px, eight clients."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from privtalk.bench.commands import run as command
from privtalk.bench.commands.run import Request

SETTINGS = (
    "backbone=tiny",
    "corpus.clients=8",
    "corpus.heldout=6",
    "corpus.shadows=8",
    "corpus.tested=3",
    "corpus.attacked=6",
    "corpus.train={clips: 2, frames: 5}",
    "corpus.test={clips: 1, frames: 20}",
    "corpus.fresh={clips: 2, frames: 4}",
    "federation.rounds=3",
    "federation.rate=0.6",
    "evaluation.steps=2",
)


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    """A cache for the session: footage, features and calibrations are made once. No published weights."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PRIVTALK_CACHE", str(folder / "cache"))
        patch.setenv("PRIVTALK_WEIGHTS", str(folder / "weights"))
        yield folder


@pytest.fixture(scope="session")
def small_request(world):
    """Requests of the smoke preset in the small world; `changes` are further settings."""

    def make(*rows: str, out: Path, changes: tuple[str, ...] = (), **fields: Any) -> Request:
        fields = {"suite": "privacy_utility", "preset": "smoke", "workers": 1} | fields
        return Request(rows=rows, out=out, changes=(*SETTINGS, *changes), **fields)

    return make


@pytest.fixture
def request_for(small_request, tmp_path):
    """The same, into a folder of the test's own unless another is named."""

    def make(*rows: str, out: Path | None = None, **fields: Any) -> Request:
        return small_request(*rows, out=out or tmp_path / "run", **fields)

    return make


@pytest.fixture(scope="session")
def whole(small_request, tmp_path_factory):
    """Run of every row of the smoke preset, in this process, uninterrupted."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    assert command.run(small_request(out=folder)) == command.OK
    return folder

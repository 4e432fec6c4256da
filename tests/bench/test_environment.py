"""Environment, code version and the clock of a cell."""

from __future__ import annotations

import mmap
import subprocess

import numpy as np
import pytest

from privtalk.bench import environment
from privtalk.bench.clock import Clock


def test_environment_names_versions_and_machine():
    described = environment.describe_environment("cpu", 1)
    assert described["device"] == "cpu"
    assert described["threads"] == "1"
    assert int(described["cores"]) >= 1
    assert all(
        described[name] not in ("", "not installed") for name in ("numpy", "torch", "diffusers", "processor")
    )


def test_code_version_is_that_of_its_own_checkout_only(tmp_path, monkeypatch):
    def git(*arguments):
        subprocess.run(
            ["git", "-C", str(tmp_path), "-c", "user.name=x", "-c", "user.email=x", *arguments],
            check=True,
            capture_output=True,
        )

    file = tmp_path / "environment.py"
    file.write_text("")
    git("init")
    (tmp_path / "other").write_text("")
    git("add", "other")
    git("commit", "-m", "x")
    monkeypatch.setattr(environment, "_HERE", file)
    assert environment.code_version().commit is None, "installed inside somebody else's checkout"
    git("add", "environment.py")
    git("commit", "-m", "y")
    clean = environment.code_version()
    assert clean.commit is not None
    assert clean.dirty is False
    file.write_text("changed")
    assert environment.code_version().dirty is True
    assert environment.code_version().commit == clean.commit


def test_peak_memory_follows_a_large_array():
    environment.reset_peak_memory()
    before = environment.peak_memory_mib()
    block = mmap.mmap(-1, 40 * 2**20)  # an array could stand on memory that was free, and resident, already
    array = np.frombuffer(block, np.uint8)
    array[:] = 1
    assert environment.peak_memory_mib() >= before + 30


def test_the_clock_goes_on_across_interruptions(tmp_path):
    path = tmp_path / "clock.json"
    first = Clock.resumed(path)
    with first.stage("training"):
        first.ticking(lambda *where: None)("training", 1, 3)
    kept = Clock.resumed(path)
    assert kept.started == first.started
    assert 0 < kept.seconds["training"] <= first.seconds["training"]
    before = kept.seconds["training"]
    with kept.stage("training"):
        pass
    with kept.stage("scoring"):
        pass
    assert kept.seconds["training"] > before
    assert set(kept.seconds) == {"training", "scoring"}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"started": 1}', '{"started": "x", "seconds": 3}'])
def test_a_damaged_clock_starts_anew(tmp_path, text):
    path = tmp_path / "clock.json"
    path.write_text(text)
    assert Clock.resumed(path).seconds == {}

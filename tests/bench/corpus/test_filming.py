"""A run starts from a cache without a dead one's leftovers, and from a prepared folder that can be trusted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from privtalk.bench.corpus.filming import footage
from privtalk.bench.corpus.population import FootageGroup, Person, Purpose, Role
from privtalk.core import cache


class Nobody:
    """A population without people."""

    def people(self, role: Role) -> tuple[Person, ...]:
        return ()

    def clips(self, person: Person, purpose: Purpose) -> tuple[()]:
        return ()

    def groups(self) -> tuple[FootageGroup, ...]:
        return ()


def test_leftovers_of_dead_writers_are_gone_from_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path))
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    folder = tmp_path / "corpus" / "x"
    folder.mkdir(parents=True)
    for name in ("a.safetensors", f"a.safetensors.{dead.pid}.part", f"a.safetensors.sha256.{dead.pid}.part"):
        (folder / name).touch()
    footage(Nobody())
    assert [path.name for path in folder.iterdir()] == ["a.safetensors"]

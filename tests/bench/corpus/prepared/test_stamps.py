"""A file is hashed once while its size and time stay."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from privtalk.bench.corpus.prepared import stamps as module
from privtalk.bench.corpus.prepared.stamps import STAMPS, Stamps
from privtalk.core.files import file_hash


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that are hashed, as they are."""
    found: list[str] = []

    def counted(path: Path) -> str:
        found.append(path.name)
        return file_hash(path)

    monkeypatch.setattr(module, "file_hash", counted)
    return found


def old(path: Path, data: bytes, when: float = 1e9) -> Path:
    path.write_bytes(data)
    os.utime(path, (when, when))
    return path


def test_a_file_is_read_once_over_calls(tmp_path: Path, read: list[str]) -> None:
    film = old(tmp_path / "a.mp4", b"film")
    for _ in range(3):
        stamps = Stamps(tmp_path)
        assert stamps.hash(film) == stamps.hash(film) == hashlib.sha256(b"film").hexdigest()
        stamps.write()
    assert read == ["a.mp4"]


@pytest.mark.parametrize(("data", "when"), [(b"longer", 1e9), (b"film", 1e9 + 1), (b"mlif", 1e9 + 1e-6)])
def test_another_size_or_time_is_read_again(
    tmp_path: Path, read: list[str], data: bytes, when: float
) -> None:
    film, stamps = old(tmp_path / "a.mp4", b"film"), Stamps(tmp_path)
    stamps.hash(film)
    old(film, data, when)
    assert stamps.hash(film) == hashlib.sha256(data).hexdigest()
    assert len(read) == 2


def test_a_time_that_is_too_new_is_not_trusted(tmp_path: Path, read: list[str]) -> None:
    stamps, film = Stamps(tmp_path), tmp_path / "a.mp4"
    for data in (b"one", b"two"):
        film.write_bytes(data)
        assert stamps.hash(film) == hashlib.sha256(data).hexdigest()
    assert not stamps.known


def test_what_was_just_written_is_taken_down(tmp_path: Path, read: list[str]) -> None:
    stamps, clip = Stamps(tmp_path), tmp_path / "a.npz"
    clip.write_bytes(b"clip")
    stamps.enter(clip, hashlib.sha256(b"clip").hexdigest())
    stamps.write()
    assert Stamps(tmp_path).hash(clip) == hashlib.sha256(b"clip").hexdigest()
    assert read == []


def test_damaged_lines_cost_time_alone(tmp_path: Path, read: list[str]) -> None:
    film, stamps = old(tmp_path / "a.mp4", b"film"), Stamps(tmp_path)
    stamps.hash(film)
    stamps.write()
    whole = (tmp_path / STAMPS).read_bytes()
    (tmp_path / STAMPS).write_bytes(b"[" * 9999 + b"\n7\n[1,2,3,4]\n\xff\n" + whole + whole[:20])
    assert Stamps(tmp_path).hash(film) == hashlib.sha256(b"film").hexdigest()
    assert read == ["a.mp4"]
    (tmp_path / STAMPS).write_bytes(whole[:-20])
    assert Stamps(tmp_path).hash(film) == hashlib.sha256(b"film").hexdigest()
    assert len(read) == 2


def test_what_was_overtaken_goes(tmp_path: Path) -> None:
    stamps = Stamps(tmp_path)
    for k in range(300):
        stamps.hash(old(tmp_path / "a.mp4", b"%d" % k, 1e9 + k))
    stamps.tidy()
    assert len((tmp_path / STAMPS).read_text().splitlines()) == 1
    assert len(Stamps(tmp_path).known) == 1

"""The disk space that a preparation needs is told before it begins; where less is free, nothing begins."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from privtalk.bench.corpus.prepared.disk import check_disk, clip_bytes, disk_need
from privtalk.bench.corpus.prepared.prepare import prepare
from privtalk.core.errors import UserError
from tests.bench.corpus.prepared.squares import shots


class Usage(NamedTuple):
    free: int


def noise(count: int) -> list[np.ndarray]:
    generator = np.random.default_rng(0)
    return [generator.integers(0, 255, (48, 64, 3), np.uint8) for _ in range(count)]


def test_lengths_are_those_of_the_headers(tmp_path: Path, film: Any, sine: Any) -> None:
    films = [film(tmp_path / f"{k}.mkv", noise(25 * k), sound=sine(k)) for k in (1, 2)]
    films.append(tmp_path / "bad.mkv")
    films[-1].write_bytes(b"no film" * 10)
    need = disk_need([(path, path.stat().st_size) for path in films], 64)
    assert need.seconds == pytest.approx(3.0, rel=0.05)
    assert need.bytes == clip_bytes(need.seconds, 64)
    assert disk_need([], 64).bytes == disk_need([(films[-1], 70)], 64).bytes == 0


def test_many_are_sampled(tmp_path: Path, film: Any, sine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    path = film(tmp_path / "a.mkv", noise(25), sound=sine(1))
    need = disk_need([(path, path.stat().st_size)] * 1000, 64)
    assert need.seconds == pytest.approx(1000, rel=0.05)


def test_clips_take_no_more_than_is_said(red_squares: Any, tmp_path: Path, film: Any, sine: Any) -> None:
    src = tmp_path / "src"
    for k in range(2):
        film(src / f"p{k}" / "a.mkv", shots(60, speed=k + 1), sound=sine(2.4))
    said: list[str] = []
    prepare(src, tmp_path / "dst", say=said.append)
    assert sum(path.stat().st_size for path in (tmp_path / "dst").glob("*/*.npz")) < clip_bytes(4.8, 64)
    assert len(said) == 1
    assert said[0].startswith("0.1 min of film at 64 pixels will take up to ")
    prepare(src, tmp_path / "dst", say=said.append)
    assert len(said) == 1


def test_too_small_a_disk_is_refused_in_one_line(
    red_squares: Any, tmp_path: Path, film: Any, sine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    film(tmp_path / "src" / "ann" / "a.mkv", shots(60), sound=sine(2.4))
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(2**18))
    with pytest.raises(
        UserError, match=r"at 64 pixels may take .* MiB, and 0\.2 MiB are free there; make room"
    ):
        prepare(tmp_path / "src", tmp_path / "dst")
    assert red_squares.calls == 0
    monkeypatch.undo()


def test_what_is_enough_is_told(tmp_path: Path) -> None:
    line = check_disk(tmp_path, disk_need([], 64)._replace(seconds=7200.0, bytes=2**31), 64)
    assert line.startswith("2.0 h of film at 64 pixels will take up to 2.0 GiB in ")

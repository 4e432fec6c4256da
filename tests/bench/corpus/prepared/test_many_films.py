"""Preparation of many films: what did not change is not read again, and one fault stops one film."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from privtalk.bench.corpus.prepared import prepare as pipeline
from privtalk.bench.corpus.prepared import stamps, store
from privtalk.bench.corpus.prepared.folder import find_films
from privtalk.bench.corpus.prepared.ledger import VideoLedger
from privtalk.bench.corpus.prepared.prepare import prepare
from privtalk.bench.corpus.prepared.summary import VideoOutcome
from privtalk.bench.corpus.video.ingest import PrepareOptions
from privtalk.core.files import file_hash
from tests.bench.corpus.prepared.squares import Square, reasons


def test_nothing_is_hashed_again_that_did_not_change(
    square: Square, videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in videos.rglob("*.mkv"):
        os.utime(path, (1e9, 1e9))
    prepare(videos, tmp_path / "out")
    read: list[Path] = []
    monkeypatch.setattr(stamps, "file_hash", lambda path: read.append(path) or file_hash(path))
    assert [outcome.reason for outcome in prepare(videos, tmp_path / "out").outcomes] == [None, None]
    assert read == []
    clip = next((tmp_path / "out" / "ann").glob("*.npz"))
    clip.write_bytes(clip.read_bytes()[:-1] + b"x")
    calls = square.calls
    prepare(videos, tmp_path / "out")
    assert clip in read
    assert square.calls > calls


def test_books_are_not_written_after_every_film(
    square: Square, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = VideoLedger(tmp_path)
    entry = store.ClipEntry(sha256="0", length=50, size=64, fps=25.0)
    written: list[str] = []
    monkeypatch.setattr(store, "write_index", lambda folder, *rest: written.append(folder.name))
    ledger.due = float("inf")
    for k in range(100):
        ledger.record(
            VideoOutcome(
                video=f"ann/{k}", identity="ann", utterance=str(k), key="k", clips={f"{k}-0.npz": entry}
            )
        )
    assert written == []
    ledger.write()
    assert written == ["ann"]
    assert len(ledger.place("ann", "7")) == 1


def test_a_fault_that_nobody_foresaw_stops_one_film(
    square: Square, videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    convert = pipeline.convert

    def faulty(source: Any, *rest: Any) -> Any:
        if source.identity == "ann":
            raise ZeroDivisionError("no\nframes")
        return convert(source, *rest)

    monkeypatch.setattr(pipeline, "convert", faulty)
    prepare(videos, tmp_path / "out")
    assert reasons(tmp_path / "out") == {
        "ann/one.mkv": "cannot be prepared (ZeroDivisionError: no frames)",
        "bob/day/two.mkv": None,
    }
    monkeypatch.undo()


def test_the_meter_counts_bytes_once(videos: Path) -> None:
    seen: list[tuple[int, int]] = []
    films = find_films(videos)
    tools = pipeline.Tools(Path("d"), Path("l"), "key")
    jobs = [pipeline.make_job(film, Path("dst"), PrepareOptions(), tools, "root") for film in films]
    meter = pipeline._Meter(jobs, lambda done, total, video: seen.append((done, total)))
    total = sum(film.source.path.stat().st_size for film in films)
    for share in (0.5, 0.25, 1.0, 1.0):
        meter(jobs[0], share)
    meter(jobs[1], 1.0)
    assert seen[-1] == (total, total)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)

"""The pipeline on small films whose "face" is a red square, and on a real clip where the shared models are."""

from __future__ import annotations

import dataclasses
import io
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from privtalk.bench.corpus.prepared import store
from privtalk.bench.corpus.prepared.folder import find_films
from privtalk.bench.corpus.prepared.prepare import prepare
from privtalk.bench.corpus.prepared.store import load_corpus
from privtalk.bench.corpus.prepared.summary import headline, read_summary, summary_table
from privtalk.bench.corpus.video.ingest import PrepareOptions, cut_segments
from tests.bench.corpus.prepared.squares import Square, reasons, shots, tree


def test_videos_become_clips(square: Square, videos: Path, tmp_path: Path) -> None:
    summary = prepare(videos, tmp_path / "out")
    assert [(o.video, o.reason, len(o.clips)) for o in summary.outcomes] == [
        ("ann/one.mkv", None, 1),
        ("bob/day/two.mkv", None, 2),
    ]
    corpus = load_corpus(tmp_path / "out")
    assert [clip.utterance for clip in corpus["bob"]] == ["day-two-000000", "day-two-000065"]
    assert {clip.identity for clip in corpus["bob"]} == {"bob"}
    for clip in [*corpus["ann"], *corpus["bob"]]:
        assert (clip.size, clip.fps, clip.truth, dict(clip.attributes)) == (64, 25.0, None, {})
        assert len(clip.audio) == clip.length * 640
        assert np.abs(clip.audio).max() > 0.4
    assert read_summary(tmp_path / "out") == summary
    assert headline(summary) == "2 videos taken (2 identities, 3 clips, 8 s), 0 refused"


def test_crop_is_steady_and_the_landmarks_lie_on_the_face(
    square: Square, videos: Path, tmp_path: Path
) -> None:
    prepare(videos, tmp_path / "out", PrepareOptions(size=128))
    (clip,) = load_corpus(tmp_path / "out")["ann"]
    left, right = clip.landmarks[:, 0, 0], clip.landmarks[:, 9, 0]
    for number in (0, 30, 59):
        red = (clip.frames[number, ..., 0] > 155) & (clip.frames[number, ..., 1] < 60)
        columns = np.nonzero(red.any(0))[0]
        # Boxes are smoothed over a few frames and pixels are 1.2 of the film's: two pixels of play.
        assert columns.min() == pytest.approx(left[number], abs=2.5)
        assert columns.max() + 1 == pytest.approx(right[number], abs=2.5)
    size = right - left
    assert np.ptp(size) < 2
    assert abs((left + right).mean() / 2 - 64) < 8


REFUSALS = {
    "corrupt.mp4": "corrupt, or not a media file",
    "empty.mp4": "empty file",
    "faceless.mkv": "faceless: no face in 60 frames",
    "mute.mkv": "soundless: no audio stream",
    "nan.mkv": "NaN",
    "short.mkv": "too short: a face and sound for 1.60 s, at least 2 are needed",
    "silent.mkv": "soundless: digital silence",
    "sound.wav": "no video stream",
    "tiny.mkv": "face too small",
}


@pytest.fixture
def bad_videos(videos: Path, film: Any, sine: Any) -> Path:
    cal = videos / "cal"
    tone = sine(2.4)
    film(cal / "faceless.mkv", [np.full((96, 128, 3), 90, np.uint8)] * 60, sound=tone)
    film(cal / "mute.mkv", shots(60))
    film(cal / "silent.mkv", shots(60), sound=0 * tone)
    film(cal / "short.mkv", shots(40), sound=tone)
    film(cal / "tiny.mkv", shots(60, size=12), sound=tone)
    film(cal / "nan.mkv", shots(60), sound=np.where(np.arange(38400) == 9, np.nan, tone))
    film(cal / "sound.wav", [], sound=tone)
    (cal / "empty.mp4").touch()
    (cal / "corrupt.mp4").write_bytes(b"no film" * 500)
    (cal / "notes.txt").write_text("not tried")
    shutil.copy(videos / "ann" / "one.mkv", videos / "stray.mkv")
    return videos


def test_bad_videos_are_refused_by_name_and_the_rest_goes_on(
    square: Square, bad_videos: Path, tmp_path: Path
) -> None:
    summary = prepare(bad_videos, tmp_path / "out")
    found = reasons(tmp_path / "out")
    for name, reason in REFUSALS.items():
        assert reason in (found.pop(f"cal/{name}") or "taken"), name
    assert "SRC/<identity>/" in (found.pop("stray.mkv") or "")
    assert found == {"ann/one.mkv": None, "bob/day/two.mkv": None}
    assert len(summary.refused) == len(REFUSALS) + 1
    assert not (tmp_path / "out" / "cal").exists()
    assert set(load_corpus(tmp_path / "out")) == {"ann", "bob"}
    console = Console(width=160, record=True, file=io.StringIO())
    console.print(summary_table(summary))
    lines = console.export_text().splitlines()
    for name, reason in REFUSALS.items():
        assert any(name in line and reason in line for line in lines)


def test_refusal_on_the_way_leaves_nothing_behind(
    square: Square, videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = 0

    def locate(picture: np.ndarray, box: np.ndarray) -> np.ndarray:
        nonlocal calls
        calls += 1
        return np.full((68, 2), np.nan if calls > 100 else 1.0)

    monkeypatch.setattr(square, "locate", locate)
    shutil.rmtree(videos / "ann")
    summary = prepare(videos, tmp_path / "out")
    assert summary.outcomes[0].reason == "the landmarks hold NaN or infinite values"
    assert sorted(tree(tmp_path / "out")) == ["corpus.json", "prepare.json"]


def test_second_run_does_nothing(square: Square, bad_videos: Path, tmp_path: Path) -> None:
    first = prepare(bad_videos, tmp_path / "out")
    before, calls = tree(tmp_path / "out"), square.calls
    assert prepare(bad_videos, tmp_path / "out") == first
    assert square.calls == calls
    assert tree(tmp_path / "out") == before


def test_damaged_and_changed_files_are_made_again_and_only_they(
    square: Square, videos: Path, tmp_path: Path, film: Any, sine: Any
) -> None:
    out = tmp_path / "out"
    prepare(videos, out)
    before, calls = tree(out), square.calls
    clip = out / "ann" / "one-000000.npz"
    clip.write_bytes(clip.read_bytes()[:-100])
    prepare(videos, out)
    assert tree(out) == before
    assert square.calls == calls + 60
    film(videos / "ann" / "one.mkv", shots(75), sound=sine(3.0))
    prepare(videos, out)
    assert square.calls == calls + 135
    assert load_corpus(out)["ann"][0].length == 75


def test_video_that_turns_bad_takes_its_clips_along(square: Square, videos: Path, tmp_path: Path) -> None:
    prepare(videos, tmp_path / "out")
    (videos / "ann" / "one.mkv").write_bytes(b"")
    prepare(videos, tmp_path / "out")
    assert set(load_corpus(tmp_path / "out")) == {"bob"}
    assert not (tmp_path / "out" / "ann").exists()


def test_other_options_make_other_clips_and_sweep_the_old(
    square: Square, videos: Path, tmp_path: Path
) -> None:
    prepare(videos, tmp_path / "out")
    prepare(videos, tmp_path / "out", PrepareOptions(seconds=5.0, size=128))
    corpus = load_corpus(tmp_path / "out")
    assert [clip.length for clip in corpus["bob"]] == [130]
    assert corpus["ann"][0].size == 128
    assert sorted(path.name for path in (tmp_path / "out" / "bob").iterdir()) == [
        "day-two-000000.npz",
        "index.json",
    ]


@pytest.mark.parametrize("stop", [1, 100, 150, 379])
def test_interrupted_run_goes_on_to_the_same_bytes(
    square: Square, videos: Path, tmp_path: Path, stop: int
) -> None:
    prepare(videos, tmp_path / "whole")
    square.stop_after = stop
    with pytest.raises(KeyboardInterrupt):
        prepare(videos, tmp_path / "out")
    square.stop_after = None
    prepare(videos, tmp_path / "out")
    assert tree(tmp_path / "out") == tree(tmp_path / "whole")


def test_killed_run_leaves_no_clip_that_counts_and_is_swept(
    square: Square, videos: Path, tmp_path: Path
) -> None:
    prepare(videos, tmp_path / "whole")
    out = tmp_path / "out"
    (out / "bob").mkdir(parents=True)
    # What a kill leaves: clips that no index lists, a part of a file, and no summary.
    shutil.copy(tmp_path / "whole" / "bob" / "day-two-000000.npz", out / "bob" / "older-000000.npz")
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    for place in (out, out / "bob"):
        (place / f"day-two-000065.npz.{dead.pid}.part").write_bytes(b"half")
    with pytest.raises(store.StoreError, match="no clips"):
        load_corpus(out)
    prepare(videos, out)
    assert tree(out) == tree(tmp_path / "whole")


def test_two_sources_share_a_destination(
    square: Square, videos: Path, tmp_path: Path, film: Any, sine: Any
) -> None:
    prepare(videos, tmp_path / "out")
    (videos / "ann").rename(tmp_path / "ann")
    film(tmp_path / "more" / "dan" / "one.mkv", shots(60, speed=3), sound=sine(2.4))
    summary = prepare(tmp_path / "more", tmp_path / "out")
    assert [outcome.video for outcome in summary.outcomes] == ["dan/one.mkv"]
    assert set(load_corpus(tmp_path / "out")) == {"ann", "bob", "dan"}


def test_same_name_with_two_suffixes_gives_two_utterances(
    square: Square, videos: Path, tmp_path: Path, film: Any, sine: Any
) -> None:
    film(tmp_path / "other.mkv", shots(60, speed=3), sound=sine(2.4)).rename(videos / "ann" / "one.mov")
    assert [film.source.utterance for film in find_films(videos)] == ["one-mkv", "one-mov", "day-two"]
    prepare(videos, tmp_path / "out")
    assert len(load_corpus(tmp_path / "out")["ann"]) == 2


def test_progress_rises_to_the_whole(square: Square, videos: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int, str]] = []
    prepare(videos, tmp_path / "out", progress=lambda *report: seen.append(report))
    done = [report[0] for report in seen]
    assert done == sorted(done)
    assert len(set(done)) > 50
    assert done[-1] == seen[-1][1] == sum(f.source.path.stat().st_size for f in find_films(videos))


@pytest.mark.parametrize(
    ("changes", "option"),
    [({"size": 100}, "--size"), ({"seconds": 1.0}, "--min-seconds"), ({"workers": 0}, "--workers")],
)
def test_impossible_options_are_named(changes: dict[str, Any], option: str) -> None:
    with pytest.raises(ValueError, match=option):
        dataclasses.replace(PrepareOptions(), **changes)


def test_nothing_to_do_is_said_before_anything_is_written(
    square: Square, videos: Path, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="not a folder"):
        prepare(tmp_path / "nowhere", tmp_path / "out")
    (tmp_path / "bare").mkdir()
    with pytest.raises(ValueError, match="no videos"):
        prepare(tmp_path / "bare", tmp_path / "out")
    with pytest.raises(ValueError, match="outside the videos"):
        prepare(videos, videos / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("length", [0, 49, 50, 51, 75, 99, 100, 112, 113, 500, 1257])
def test_segments_are_equal_long_enough_and_use_nearly_all(length: int) -> None:
    runs = cut_segments(7, 7 + length, 75, 50)
    assert bool(runs) == (length >= 50)
    assert len({len(run) for run in runs}) <= 1
    assert all(50 <= len(run) <= 112 for run in runs)
    assert sum(map(len, runs)) > length - 1 - len(runs) or not runs
    assert [run.start for run in runs[1:]] == [run.stop for run in runs[:-1]]


# With the shared models


@pytest.fixture
def real(tmp_path: Path, radio10: Path) -> Path:
    (tmp_path / "real" / "radio10").mkdir(parents=True)
    shutil.copy(radio10, tmp_path / "real" / "radio10")
    return tmp_path / "real"


def test_real_clip_is_framed_as_the_embedded_corpus_is(
    yunet: Path, pfld: Path, real: Path, tmp_path: Path
) -> None:
    (real / "radio10" / "empty.mp4").touch()
    options = PrepareOptions(detector=yunet, landmarks=pfld, size=128, workers=2)
    summary = prepare(real, tmp_path / "out", options)
    assert [outcome.reason for outcome in summary.outcomes] == ["empty file", None]
    (clip,) = load_corpus(tmp_path / "out")["radio10"]
    assert clip.length == 51
    points = clip.landmarks / clip.size
    eyes = points[:, 42:48].mean(1) - points[:, 36:42].mean(1)
    assert 0.22 < np.linalg.norm(eyes, axis=-1).mean() < 0.28
    assert 0.52 < (points[:, 8, 1] - points[:, 17:27, 1].min(1)).mean() < 0.63
    assert 0.45 < points[..., 0].mean() < 0.55
    assert np.abs(np.diff(points[:, 27], axis=0)).max() < 0.02, "the crop jumps"

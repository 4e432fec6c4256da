"""No film is lost to another one's name, none stands in a corpus twice, and each that is left out is named."""

from __future__ import annotations

import errno
import io
import os
import re
import shutil
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from privtalk.bench.corpus.clip import Clip
from privtalk.bench.corpus.prepared import prepare as pipeline
from privtalk.bench.corpus.prepared import store
from privtalk.bench.corpus.prepared.prepare import prepare
from privtalk.bench.corpus.prepared.summary import Summary, read_summary, summary_table
from privtalk.bench.corpus.video.ingest import PrepareOptions
from tests.bench.corpus.prepared.squares import Square, shots, tree

Shoot = Callable[..., Path]


@pytest.fixture
def shoot(film: Any, sine: Any, red_squares: Square) -> Shoot:
    """Films a person; equal speeds give equal pictures."""

    def make(path: Path, speed: float = 1.0) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        plain = film(path.parent / "plain.mkv", shots(60, speed=speed), sound=sine(2.4))
        return plain.rename(path)

    return make


def remuxed(path: Path, source: Path) -> Path:
    """The same streams in other bytes: an empty element more at the end of the container."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(source.read_bytes() + b"\xec\x80")
    return path


def told(summary: Summary) -> dict[str, str | None]:
    return {outcome.video: outcome.reason for outcome in summary.outcomes}


def corpus(dst: Path) -> dict[str, list[str]]:
    return {who: [clip.utterance for clip in clips] for who, clips in store.load_corpus(dst).items()}


# Names


def test_paths_that_flatten_to_one_name_are_both_kept(
    shoot: Shoot, red_squares: Square, tmp_path: Path
) -> None:
    src, dst = tmp_path / "src", tmp_path / "dst"
    shoot(src / "ann" / "day-1.mkv")
    shoot(src / "ann" / "day" / "1.mkv", 2)
    first = prepare(src, dst)
    assert told(first) == {"ann/day/1.mkv": None, "ann/day-1.mkv": None}
    assert len(corpus(dst)["ann"]) == 2
    calls = red_squares.calls
    assert prepare(src, dst) == first
    assert red_squares.calls == calls


@pytest.mark.parametrize(
    "name",
    ["x" * 251 + ".mkv", "\u00e9" * 120 + ".mkv", "x" * 200 + "/" + "y" * 200 + ".mkv", "caf\udce9\n.mkv"],
)
def test_names_that_are_too_long_or_not_text_are_taken_under_others(
    shoot: Shoot, tmp_path: Path, name: str
) -> None:
    src, dst = tmp_path / "src", tmp_path / "dst"
    shoot(src / "ann" / "film.mkv").rename(src / "film.mkv")
    (src / "ann" / name).parent.mkdir(exist_ok=True)
    (src / "film.mkv").rename(src / "ann" / name)
    shoot(src / "bob" / "ok.mkv", 2)
    summary = prepare(src, dst)
    assert set(told(summary).values()) == {None}
    assert {who: len(clips) for who, clips in corpus(dst).items()} == {"ann": 1, "bob": 1}
    assert read_summary(dst) == summary


def test_what_a_terminal_obeys_is_not_printed(shoot: Shoot, tmp_path: Path) -> None:
    shoot(tmp_path / "src" / "ann" / "\x1b]0;x\x07[bold].mkv")
    console = Console(width=200, file=io.StringIO(), record=True)
    console.print(summary_table(prepare(tmp_path / "src", tmp_path / "dst")))
    assert r"ann/\x1b]0;x\x07[bold].mkv" in console.export_text()


# One film's trouble is its own


def failing(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    """Writes of clips of one film fail."""
    save = store.save_clip

    def fail(path: Path, clip: Clip) -> store.ClipEntry:
        if clip.utterance.startswith("bad"):
            raise OSError(code, os.strerror(code), str(path))
        return save(path, clip)

    monkeypatch.setattr(store, "save_clip", fail)


@pytest.mark.parametrize("code", [errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ, errno.ELOOP, errno.EACCES])
def test_a_film_that_cannot_be_written_is_named_and_tried_again(
    shoot: Shoot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    src, dst = tmp_path / "src", tmp_path / "dst"
    shoot(src / "ann" / "bad.mkv")
    shoot(src / "bob" / "ok.mkv", 2)
    failing(monkeypatch, code)
    expected = {"ann/bad.mkv": f"cannot be prepared ({os.strerror(code)})", "bob/ok.mkv": None}
    assert told(prepare(src, dst)) == expected
    monkeypatch.undo()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_a_full_disk_stops_all(
    shoot: Shoot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    shoot(tmp_path / "src" / "ann" / "bad.mkv")
    failing(monkeypatch, code)
    with pytest.raises(OSError, match=os.strerror(code)):
        prepare(tmp_path / "src", tmp_path / "dst")


def test_a_film_that_vanishes_on_the_way_is_named(
    shoot: Shoot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    src = tmp_path / "src"
    gone = shoot(src / "ann" / "a.mkv")
    shoot(src / "bob" / "ok.mkv", 2)
    find = pipeline.find_laid_out

    def then_gone(*asked: Any) -> Any:
        films = find(*asked)
        gone.unlink()
        return films

    monkeypatch.setattr(pipeline, "find_laid_out", then_gone)
    reasons = told(prepare(src, tmp_path / "dst", progress=lambda *_: None))
    assert "cannot be read" in (reasons["ann/a.mkv"] or "") or "No such file" in (reasons["ann/a.mkv"] or "")
    assert reasons["bob/ok.mkv"] is None


def test_a_film_that_kills_its_worker_is_named_and_the_rest_goes_on(
    shoot: Shoot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"p{k}" for k in range(9)]
    for speed, name in enumerate(names, 1):
        shoot(tmp_path / "src" / name / "a.mkv", speed)
    pools: list[int] = []

    def deadly(jobs: list[Any], workers: int) -> Any:
        pools.append(len(jobs))
        for job in jobs:
            if job.identity == "p1":
                raise BrokenProcessPool
            yield pipeline.run_job(job, lambda share: None)

    monkeypatch.setattr(pipeline, "_side_by_side", deadly)
    reasons = told(prepare(tmp_path / "src", tmp_path / "dst", PrepareOptions(workers=2)))
    assert "the process that read it died" in (reasons.pop("p1/a.mkv") or "")
    assert reasons == {f"{name}/a.mkv": None for name in names if name != "p1"}
    assert pools == [9, 1, 1, 1, 1, 1, 3], "those after it go on side by side"


# The same film twice

SAME: dict[str, Callable[[Path, Path], object]] = {
    "same bytes": lambda path, source: shutil.copy(source, path)
}
SAME["same streams"] = remuxed


@pytest.fixture(params=SAME)
def copied(request: pytest.FixtureRequest) -> Callable[[Path, Path], object]:
    def copy(path: Path, source: Path) -> object:
        path.parent.mkdir(parents=True, exist_ok=True)
        return SAME[request.param](path, source)

    return copy


def test_a_film_that_comes_twice_is_taken_once(
    shoot: Shoot, copied: Any, red_squares: Square, tmp_path: Path
) -> None:
    src, dst = tmp_path / "src", tmp_path / "dst"
    first = shoot(src / "ann" / "x.mkv")
    copied(src / "ann" / "z.mkv", first)
    copied(src / "eve" / "y.mkv", first)
    shoot(src / "bob" / "ok.mkv", 2)
    summary = prepare(src, dst)
    reasons = told(summary)
    assert (reasons["ann/x.mkv"], reasons["bob/ok.mkv"]) == (None, None)
    assert (reasons["ann/z.mkv"] or "").endswith(" ann/x.mkv")
    assert re.search(r" ann/[xz]\.mkv, which is another identity's", reasons["eve/y.mkv"] or "")
    assert set(corpus(dst)) == {"ann", "bob"}
    assert not (dst / "eve").exists()
    calls, before = red_squares.calls, tree(dst)
    assert prepare(src, dst) == summary
    assert (red_squares.calls, tree(dst)) == (calls, before)


def test_what_has_clips_already_keeps_its_place(shoot: Shoot, tmp_path: Path) -> None:
    src, dst = tmp_path / "src", tmp_path / "dst"
    first = shoot(src / "bob" / "x.mkv")
    prepare(src, dst)
    (src / "ann").mkdir()
    shutil.copy(first, src / "ann" / "x.mkv")
    reasons = told(prepare(src, dst))
    assert reasons["bob/x.mkv"] is None
    assert "the same film as bob/x.mkv" in (reasons["ann/x.mkv"] or "")


def test_the_other_is_taken_when_the_first_is_gone_or_changed(
    shoot: Shoot, copied: Any, tmp_path: Path
) -> None:
    src, dst = tmp_path / "src", tmp_path / "dst"
    first = shoot(src / "ann" / "x.mkv")
    copied(src / "eve" / "y.mkv", first)
    prepare(src, dst)
    shoot(first, 3)
    assert set(told(prepare(src, dst)).values()) == {None}
    assert set(corpus(dst)) == {"ann", "eve"}


def test_a_film_that_was_renamed_takes_its_clips_along(shoot: Shoot, copied: Any, tmp_path: Path) -> None:
    src, dst = tmp_path / "src", tmp_path / "dst"
    shoot(src / "bob" / "ok.mkv", 2)
    old = shoot(src / "ann" / "x.mkv")
    prepare(src, dst)
    copied(src / "eve" / "y.mkv", old)
    old.unlink()
    assert told(prepare(src, dst)) == {"bob/ok.mkv": None, "eve/y.mkv": None}
    assert set(corpus(dst)) == {"bob", "eve"}


def test_empty_files_are_not_one_film(shoot: Shoot, tmp_path: Path) -> None:
    for name in ("ann", "bob"):
        (tmp_path / "src" / name).mkdir(parents=True)
        (tmp_path / "src" / name / "a.mkv").touch()
    assert set(told(prepare(tmp_path / "src", tmp_path / "dst")).values()) == {"empty file"}


def test_an_identity_that_links_to_another_is_seen_through(shoot: Shoot, tmp_path: Path) -> None:
    src = tmp_path / "src"
    shoot(src / "ann" / "x.mkv")
    (src / "eve").symlink_to(src / "ann")
    reasons = told(prepare(src, tmp_path / "dst"))
    assert reasons["ann/x.mkv"] is None
    assert "the same film as ann/x.mkv" in (reasons["eve/x.mkv"] or "")


# Two sources into one folder


@pytest.fixture
def two(shoot: Shoot, tmp_path: Path) -> tuple[Path, Path, Path]:
    """Two sets with another film of the same name each, and DST with the first one's."""
    shoot(tmp_path / "A" / "s1" / "1.mkv")
    shoot(tmp_path / "B" / "s1" / "1.mkv", 2)
    shoot(tmp_path / "B" / "s2" / "1.mkv", 3)
    prepare(tmp_path / "A", tmp_path / "dst")
    return tmp_path / "A", tmp_path / "B", tmp_path / "dst"


def test_another_films_clips_are_not_replaced_unasked(two: tuple[Path, Path, Path]) -> None:
    a, b, dst = two
    before = tree(dst / "s1")
    reasons = told(prepare(b, dst))
    assert reasons["s2/1.mkv"] is None
    assert f"would replace another film, s1/1.mkv of {a}" in (reasons["s1/1.mkv"] or "")
    assert f"delete {dst}/s1/1-*.npz" in (reasons["s1/1.mkv"] or "")
    assert tree(dst / "s1") == before
    assert told(prepare(a, dst)) == {"s1/1.mkv": None}
    assert tree(dst / "s1") == before


def test_the_way_out_that_is_named_works(two: tuple[Path, Path, Path]) -> None:
    _, b, dst = two
    before = tree(dst / "s1")
    prepare(b, dst)
    for clip in dst.glob("s1/1-*.npz"):
        clip.unlink()
    assert told(prepare(b, dst)) == {"s1/1.mkv": None, "s2/1.mkv": None}
    assert set(tree(dst / "s1")) == set(before)
    assert tree(dst / "s1") != before


def test_names_that_flatten_alike_in_two_sets_do_not_replace_each_other(
    shoot: Shoot, two: tuple[Path, Path, Path]
) -> None:
    a, b, dst = two
    shoot(a / "s3" / "x-1.mkv", 4)
    shoot(b / "s3" / "x" / "1.mkv", 5)
    prepare(a, dst)
    before = tree(dst / "s3")
    assert "would replace another film, s3/x-1.mkv of" in (told(prepare(b, dst))["s3/x/1.mkv"] or "")
    assert tree(dst / "s3") == before


def test_a_set_that_was_moved_is_the_same_and_goes_on(
    shoot: Shoot, two: tuple[Path, Path, Path], red_squares: Square, tmp_path: Path
) -> None:
    a, _, dst = two
    calls, before = red_squares.calls, tree(dst / "s1")
    moved = a.rename(tmp_path / "elsewhere")
    assert told(prepare(moved, dst)) == {"s1/1.mkv": None}
    assert (red_squares.calls, tree(dst / "s1")) == (calls, before)
    shoot(moved / "s1" / "1.mkv", 7)
    assert told(prepare(moved, dst)) == {"s1/1.mkv": None}
    assert tree(dst / "s1") != before


def test_a_film_of_another_set_is_not_taken_under_another_identity(
    two: tuple[Path, Path, Path], copied: Any, shoot: Shoot
) -> None:
    a, b, dst = two
    copied(b / "s9" / "x.mkv", a / "s1" / "1.mkv")
    reason = told(prepare(b, dst))["s9/x.mkv"] or ""
    assert f"s1/1.mkv of {a}" in reason
    assert "which is another identity's" in reason
    assert set(corpus(dst)) == {"s1", "s2"}


def test_an_identity_of_another_set_must_not_differ_in_case_only(
    two: tuple[Path, Path, Path], shoot: Shoot
) -> None:
    _, b, dst = two
    shoot(b / "S1" / "new.mkv", 8)
    shutil.rmtree(b / "s1")
    assert "differs from 's1'" in (told(prepare(b, dst))["S1/new.mkv"] or "")
    assert set(corpus(dst)) == {"s1", "s2"}


def test_the_right_level_after_the_wrong_one_replaces_it(shoot: Shoot, tmp_path: Path) -> None:
    src, dst = tmp_path / "src", tmp_path / "dst"
    shoot(src / "videos" / "ann" / "x.mkv")
    shoot(src / "videos" / "bob" / "x.mkv", 2)
    lines: list[str] = []
    prepare(src, dst, warn=lines.append)
    assert set(corpus(dst)) == {"videos"}
    assert len(lines) == 1
    prepare(src / "videos", dst, warn=lines.append)
    assert set(corpus(dst)) == {"ann", "bob"}
    assert not (dst / "videos").exists()
    assert len(lines) == 1


def test_books_of_an_earlier_version_are_taken_over(
    shoot: Shoot, red_squares: Square, tmp_path: Path
) -> None:
    src, dst = tmp_path / "src", tmp_path / "dst"
    shoot(src / "ann" / "x.mkv")
    summary = prepare(src, dst)
    (old,) = summary.model_dump(mode="json")["outcomes"]
    for later in ("source", "content", "twin"):
        del old[later]
    books = Summary.model_validate({"format": 1, "outcomes": [old]})
    (dst / "prepare.json").write_text(books.model_dump_json())
    calls = red_squares.calls
    assert prepare(src, dst) == summary
    assert red_squares.calls == calls

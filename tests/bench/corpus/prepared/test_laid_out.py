"""SRC of a data set: its films with their people, sound and roles; and SRC that is something else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from privtalk.bench.corpus.prepared.folder import Film
from privtalk.bench.corpus.prepared.laid_out import find_laid_out
from privtalk.bench.corpus.prepared.prepare import prepare
from privtalk.bench.corpus.prepared.store import load_corpus
from privtalk.bench.corpus.video.layouts.registry import FILM_LAYOUTS
from tests.bench.corpus.prepared.squares import shots
from tests.bench.corpus.prepared.test_folder import touch


def laid_out(src: Path, layout: str) -> tuple[list[Film], list[str]]:
    remarks: list[str] = []
    return find_laid_out(src, FILM_LAYOUTS[layout], remarks.append), remarks


def roles(films: list[Film]) -> dict[str, str]:
    return {film.source.identity or "": film.person.role for film in films}


def test_films_are_named_by_person_and_utterance(tmp_path: Path) -> None:
    touch(tmp_path, "WDA_BenCardin0_000.mp4", "WDA_BenCardin1_000.mp4", "RD_Radio10_000.mp4")
    films, remarks = laid_out(tmp_path, "hdtf")
    assert [(film.source.identity, film.source.utterance) for film in films] == [
        ("RD_Radio10", "RD_Radio10_000"),
        ("WDA_BenCardin", "WDA_BenCardin0_000"),
        ("WDA_BenCardin", "WDA_BenCardin1_000"),
    ]
    assert films[1].person.attributes == {"group": "WDA", "language": "english", "party": "democratic"}
    assert remarks == []


def test_sound_is_paired_with_its_film_and_is_no_film(tmp_path: Path) -> None:
    touch(
        tmp_path,
        *(f"dev/{kind}" for kind in ("mp4/id00012/a/1.mp4", "aac/id00012/a/1.m4a", "mp4/id00012/a/2.mp4")),
    )
    films, remarks = laid_out(tmp_path, "voxceleb2")
    assert [film.source.sound for film in films] == [tmp_path / "dev/aac/id00012/a/1.m4a", None]
    assert remarks == []


def test_what_is_passed_over_is_counted_by_its_reason(tmp_path: Path) -> None:
    names = [
        f"Actor_01/0{modality}-01-0{emotion}-01-01-01-01.mp4" for modality in (1, 2) for emotion in (1, 2, 3)
    ]
    touch(tmp_path, *names, "Actor_01/holiday.mp4")
    films, remarks = laid_out(tmp_path, "ravdess")
    assert len(films) == 3
    assert remarks == [
        "passed over: pictures alone, without sound (3 files, such as Actor_01/02-01-01-01-01-01-01.mp4)",
        "passed over: not of layout ravdess (Actor_01/holiday.mp4)",
    ]


def test_a_person_has_one_role_and_no_moment_twice(tmp_path: Path) -> None:
    touch(
        tmp_path,
        "pretrain/a/1.mp4",
        "pretrain/b/1.mp4",
        "trainval/b/2.mp4",
        "test/c/1.mp4",
        "trainval/c/2.mp4",
    )
    films, remarks = laid_out(tmp_path, "lrs3")
    assert roles(films) == {"a": "public", "b": "", "c": "heldout"}
    assert [film.video for film in films] == ["pretrain/a/1.mp4", "test/c/1.mp4", "trainval/b/2.mp4"]
    assert len(remarks) == 1
    assert "2 files, such as pretrain/b/1.mp4" in remarks[0]


def test_a_table_gives_roles_to_folders(tmp_path: Path) -> None:
    touch(tmp_path, "ann/a.mp4", "bob/a.mp4")
    (tmp_path / "people.csv").write_text("identity,role,sex\nann,public,female\n")
    films, _ = laid_out(tmp_path, "folders")
    assert roles(films) == {"ann": "public", "bob": ""}
    assert [dict(film.person.attributes) for film in films] == [{"sex": "female"}, {}]


LEVELS = [
    ("lrs3", "pretrain/talk/00001.mp4", "pretrain"),
    ("voxceleb2", "dev/mp4/id00012/a/00001.mp4", "dev/mp4"),
    ("ravdess", "Actor_01/01-01-03-01-01-01-01.mp4", "Actor_01"),
    ("mead", "M003/video/front/sad/level_1/001.mp4", "M003"),
    ("grid", "s1/bbaf2n.mpg", "s1"),
]


HIGH = [level for level in LEVELS if level[0] != "ravdess"]
"""RAVDESS may stand one level deeper."""


@pytest.mark.parametrize(("layout", "film", "inner"), LEVELS)
def test_src_too_low_names_the_folder_above(tmp_path: Path, layout: str, film: str, inner: str) -> None:
    touch(tmp_path / "set", film)
    with pytest.raises(ValueError, match=rf"levels? too low: name {tmp_path / 'set'}$"):
        laid_out(tmp_path / "set" / inner, layout)


@pytest.mark.parametrize(("layout", "film", "inner"), [*HIGH, ("hdtf", "RD_Radio1_000.mp4", "")])
def test_src_too_high_names_the_folder_below(tmp_path: Path, layout: str, film: str, inner: str) -> None:
    touch(tmp_path / "upper" / "data" / "set", film)
    with pytest.raises(ValueError, match=rf"2 levels too high: name {tmp_path / 'upper' / 'data' / 'set'}$"):
        laid_out(tmp_path / "upper", layout)


def test_another_layout_is_named(tmp_path: Path) -> None:
    touch(tmp_path, "s1/bbaf2n.mpg", "s2/bbaf2n.mpg")
    with pytest.raises(ValueError, match=r"no film of layout mead; it looks like grid: give --layout grid$"):
        laid_out(tmp_path, "mead")
    with pytest.raises(
        ValueError, match=rf"it looks like grid, and SRC is one level too low: name {tmp_path}$"
    ):
        laid_out(tmp_path / "s1", "mead")
    _, remarks = laid_out(tmp_path, "folders")
    assert remarks == [
        f"{tmp_path} looks like grid: --layout grid knows its people, its sound and its official split"
    ]


def test_films_of_no_layout_are_said_with_what_is_wanted(tmp_path: Path) -> None:
    touch(tmp_path, "ann/a.mp4")
    with pytest.raises(
        ValueError, match=r"no film of layout mead \(M003/video.*1 media files, such as ann/a.mp4$"
    ):
        laid_out(tmp_path, "mead")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"no videos; layout mead wants M003/video"):
        laid_out(tmp_path / "empty", "mead")
    with pytest.raises(ValueError, match=r"not a folder; layout mead wants M003/video"):
        laid_out(tmp_path / "gone", "mead")
    touch(tmp_path / "song", "Actor_01/01-02-01-01-01-01-01.mp4")
    with pytest.raises(ValueError, match=r"no film of layout ravdess to take; passed over: song$"):
        laid_out(tmp_path / "song", "ravdess")


# ---- prepared


def test_sound_of_its_own_file_is_heard(red_squares: Any, tmp_path: Path, film: Any, sine: Any) -> None:
    src = tmp_path / "src" / "M003"
    film(src / "video/front/sad/level_2/001.mp4", shots(60), codec="libx264")
    film(src / "audio/sad/level_2/001.m4a", [], sound=sine(2.4, hertz=1000.0), sound_codec="aac")
    summary = prepare(tmp_path / "src", tmp_path / "dst", layout=FILM_LAYOUTS["mead"])
    assert [outcome.reason for outcome in summary.outcomes] == [None]
    (clip,) = load_corpus(tmp_path / "dst")["M003"]
    assert clip.utterance == "sad-level_2-001-000000"
    assert clip.attributes == {"emotion": "sad", "intensity": "2"}
    spectrum = np.abs(np.fft.rfft(clip.audio))
    assert spectrum.argmax() * 16000 / len(clip.audio) == pytest.approx(1000, abs=1)


def test_new_sound_makes_the_clips_anew(red_squares: Any, tmp_path: Path, film: Any, sine: Any) -> None:
    src = tmp_path / "src" / "M003"
    film(src / "video/front/sad/level_2/001.mp4", shots(60), codec="libx264")
    sound = src / "audio/sad/level_2/001.wav"
    film(sound, [], sound=sine(2.4), sound_codec="pcm_s16le")
    prepare(tmp_path / "src", tmp_path / "dst", layout=FILM_LAYOUTS["mead"])
    calls = red_squares.calls
    prepare(tmp_path / "src", tmp_path / "dst", layout=FILM_LAYOUTS["mead"])
    assert red_squares.calls == calls
    film(sound, [], sound=sine(2.4, hertz=700.0), sound_codec="pcm_s16le")
    prepare(tmp_path / "src", tmp_path / "dst", layout=FILM_LAYOUTS["mead"])
    assert red_squares.calls == 2 * calls


def test_damaged_sound_is_refused_by_name(red_squares: Any, tmp_path: Path, film: Any, sine: Any) -> None:
    src = tmp_path / "src" / "M003"
    film(src / "video/front/sad/level_2/001.mp4", shots(60), codec="libx264")
    touch(src, "audio/sad/level_2/001.m4a")
    film(
        src / "video/front/sad/level_2/002.mp4",
        shots(60, speed=2),
        sound=sine(2.4),
        codec="libx264",
        sound_codec="aac",
    )
    summary = prepare(tmp_path / "src", tmp_path / "dst", layout=FILM_LAYOUTS["mead"])
    assert "its sound, 001.m4a: corrupt, or not a media file" in (summary.outcomes[0].reason or "")
    assert summary.outcomes[1].reason is None

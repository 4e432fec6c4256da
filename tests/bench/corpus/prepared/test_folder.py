"""Everything below SRC is found or named: through links, and whatever it is called."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from privtalk.bench.corpus.prepared import folder
from privtalk.bench.corpus.prepared.folder import doubts, find_films


def touch(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode("utf-8", "surrogateescape"))
    return root


def found(src: Path) -> dict[str, str | None]:
    return {film.video: film.fault for film in find_films(src)}


def test_linked_folders_and_files_are_followed(tmp_path: Path) -> None:
    disk = touch(tmp_path / "disk", "ann/a.mp4", "ann/deep/b.mp4", "c.mp4")
    src = touch(tmp_path / "src", "bob/a.mp4")
    (src / "ann").symlink_to(disk / "ann")
    (src / "bob" / "more").symlink_to(disk / "ann" / "deep")
    (src / "bob" / "c.mp4").symlink_to(disk / "c.mp4")
    assert found(src) == dict.fromkeys(
        ["ann/a.mp4", "ann/deep/b.mp4", "bob/a.mp4", "bob/c.mp4", "bob/more/b.mp4"]
    )


def test_all_identities_may_be_links(tmp_path: Path) -> None:
    touch(tmp_path / "disk", "ann/a.mp4")
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "ann").symlink_to(tmp_path / "disk" / "ann")
    assert found(tmp_path / "src") == {"ann/a.mp4": None}


def test_loops_end_and_real_folders_keep_their_names(tmp_path: Path) -> None:
    src = touch(tmp_path / "src", "ann/z/a.mp4", "bob/b.mp4")
    (src / "ann" / "again").symlink_to(src / "ann" / "z")
    (src / "ann" / "z" / "up").symlink_to(src / "ann")
    (src / "ann" / "z" / "top").symlink_to(src)
    (src / "bob" / "self").symlink_to(".")
    assert found(src) == {"ann/z/a.mp4": None, "bob/b.mp4": None}


def test_links_across_links_do_not_multiply(tmp_path: Path) -> None:
    src = tmp_path / "src"
    parts = [src / "ann" / str(k) for k in range(12)]
    for part in parts:
        touch(part, "a.mp4")
    for part in parts:
        for other in parts:
            (part / f"to {other.name}").symlink_to(other)
    assert len(find_films(src)) == len(parts)


def test_broken_links_and_odd_files_are_named(tmp_path: Path) -> None:
    src = touch(tmp_path / "src", "ann/a.mp4", "ann/notes.txt", ".hidden/x.mp4", "ann/._a.mp4")
    (src / "bob").symlink_to(tmp_path / "unmounted" / "bob")
    (src / "ann" / "lost.mp4").symlink_to("nowhere.mp4")
    (src / "ann" / "turn").symlink_to("turn")
    os.mkfifo(src / "ann" / "pipe.mp4")
    told = found(src)
    assert told.pop("ann/a.mp4") is None
    assert "unmounted/bob, which is not there" in (told.pop("bob") or "")
    assert "nowhere.mp4, which is not there" in (told.pop("ann/lost.mp4") or "")
    assert "which is not there" in (told.pop("ann/turn") or "")
    assert told == {"ann/pipe.mp4": "not a regular file"}


def test_a_folder_that_cannot_be_opened_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    src = touch(tmp_path / "src", "ann/a.mp4", "bob/locked/b.mp4")
    entries = folder._entries

    def denied(place: Path) -> list[Path]:
        if place.name == "locked":
            raise PermissionError(13, "Permission denied")
        return entries(place)

    monkeypatch.setattr(folder, "_entries", denied)
    assert found(src) == {"ann/a.mp4": None, "bob/locked": "the folder cannot be opened (Permission denied)"}


def test_names_that_cannot_be_an_identity_are_refused_and_the_rest_goes_on(tmp_path: Path) -> None:
    src = touch(
        tmp_path / "src", "Andr\udce9/one.mp4", "a\\b/x.mp4", "a\nb/x.mp4", "index.json/x.mp4", "bob/x.mp4"
    )
    told = found(src)
    assert told.pop("bob/x.mp4") is None
    reasons = {video: fault or "" for video, fault in told.items()}
    assert r"Andr\xe9 cannot name an identity: it must be UTF-8; rename" in reasons[r"Andr\xe9/one.mp4"]
    assert "slash" in reasons["a\\b/x.mp4"]
    assert reasons["a\nb/x.mp4"].startswith(r"a\nb cannot name an identity")
    assert "a file of the corpus is called so" in reasons["index.json/x.mp4"]
    assert {film.source.identity for film in find_films(src)} == {None, "bob"}


@pytest.mark.parametrize(
    "pair", [("Ann", "ann"), ("Andr\u00e9", "Andre\u0301"), ("ann", "ann ."), ("ß", "SS")]
)
def test_identities_that_some_disk_takes_for_one_are_refused_but_the_first(
    tmp_path: Path, pair: tuple[str, str]
) -> None:
    src = touch(tmp_path / "src", *(f"{name}/{name}.mp4" for name in pair))
    (_, kept), (_, refused) = found(src).items()
    assert kept is None
    assert "differs from" in (refused or "")
    assert "rename" in (refused or "")


def test_names_that_are_not_utf8_stay_apart_from_what_they_are_shown_as(tmp_path: Path) -> None:
    src = touch(tmp_path / "src", "ann/\udce9.mp4", "ann/\\xe9.mp4", "bob/x.mp4")
    films = find_films(src)
    assert len({film.video for film in films}) == len({film.source.utterance for film in films}) == 3
    assert [film.fault for film in films] == [None] * 3


def test_films_outside_any_identity_name_the_folder_above(tmp_path: Path) -> None:
    src = touch(tmp_path / "src", "ann/a.mp4", "ann/b.mp4")
    with pytest.raises(ValueError, match=rf"ann: its videos stand in no identity's folder.*{src}\)"):
        find_films(src / "ann")


def doubted(src: Path) -> list[str]:
    return doubts(src, find_films(src))


def test_one_level_too_high_is_doubted_with_the_way_out(tmp_path: Path) -> None:
    src = touch(tmp_path / "src", "videos/ann/a.mp4", "videos/bob/b.mp4", "videos/cal/x/c.mp4")
    (line,) = doubted(src)
    assert line.startswith(
        f"{src}/videos becomes one identity, videos, with all videos of its 3 folders (ann, bob"
    )
    assert line.endswith(f"name {src}/videos")
    assert len(doubted(touch(src, "more/dan/a.mp4", "more/eve/b.mp4"))) == 2


def test_people_with_sessions_are_not_doubted(tmp_path: Path) -> None:
    assert doubted(touch(tmp_path / "flat", "ann/a.mp4", "bob/b.mp4")) == []
    assert doubted(touch(tmp_path / "one session", "ann/day/a.mp4")) == []
    assert doubted(touch(tmp_path / "mixed", "ann/day/a.mp4", "ann/night/b.mp4", "bob/x.mp4")) == []
    several = [f"{name}/{day}/a.mp4" for name in ("ann", "bob", "cal", "dan") for day in (1, 2)]
    assert doubted(touch(tmp_path / "several", *several)) == []

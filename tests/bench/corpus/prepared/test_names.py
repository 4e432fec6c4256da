"""Names made from other names stay apart, can stand on any disk, and are the old ones where nothing is in the way."""

from __future__ import annotations

import os
import unicodedata
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privtalk.bench.corpus.prepared.names import LONGEST, distinct, readable, shown, unnameable, utterances

COLLIDING = st.text(st.sampled_from("aA1-.é\u0301\\:\n\u00df\udce9 "), min_size=1, max_size=4)
ANY = st.text(st.characters(exclude_characters="/\0"), min_size=1, max_size=300)


def on_disk(name: str) -> str:
    """What a disk makes of a name that knows neither the case nor the form of letters."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())


def is_part(name: str) -> bool:
    """Whether a folder may hold a file of the name, and the pipeline tries it."""
    try:
        return not name.startswith(".") and len(os.fsencode(name)) <= 255
    except UnicodeEncodeError:
        return False


def paths(part: st.SearchStrategy[str]) -> st.SearchStrategy[list[PurePosixPath]]:
    folder = part.filter(is_part)
    file = st.builds("{}.{}".format, part, st.sampled_from(["mp4", "MP4", "mov"])).filter(is_part)
    path = st.builds(lambda folders, name: PurePosixPath(*folders, name), st.lists(folder, max_size=3), file)
    return st.lists(path, unique=True, max_size=12)


@given(paths(COLLIDING) | paths(ANY))
def test_distinct_paths_have_distinct_names_that_can_stand(found: list[PurePosixPath]) -> None:
    names = utterances(found)
    assert len({on_disk(name) for name in names}) == len(found)
    for name in names:
        assert unnameable(name) is None
        assert len(name.encode()) <= LONGEST
    assert utterances(found[::-1]) == names[::-1]


@given(paths(COLLIDING | ANY))
def test_videos_have_distinct_names_that_json_takes(found: list[PurePosixPath]) -> None:
    videos = distinct([readable(path) for path in found], found)
    assert len(set(videos)) == len(found)
    for video in videos:
        video.encode()


KEPT = {
    ("a.mp4",): ["a"],
    ("a.mp4", "b/c.mov", "b/d e/ü.mkv"): ["a", "b-c", "b-d e-ü"],
    ("a.mp4", "a.MOV", "b.mp4"): ["a-mp4", "a-mov", "b"],
    ("x" * 220 + ".mp4",): ["x" * 220],
    ("-.mp4", "a..mp4"): ["-", "a."],
}


@pytest.mark.parametrize("given_paths", KEPT)
def test_names_stay_what_they_were_where_they_were_good(given_paths: tuple[str, ...]) -> None:
    assert utterances([PurePosixPath(path) for path in given_paths]) == KEPT[given_paths]


COLLISIONS = {
    "flattened": ("day-1.mp4", "day/1.mp4"),
    "flattened twice": ("a-b/c.mp4", "a/b-c.mp4", "a-b-c.mp4", "a/b/c.mp4"),
    "suffix doubled": ("a.mp4", "a.mov", "a-mp4.mov"),
    "suffixes alike": ("a.mp4", "a.MP4"),
    "case": ("Day.mp4", "day.mp4"),
    "form": ("caf\u00e9.mp4", "cafe\u0301.mp4"),
    "sharp s": ("stra\u00dfe.mp4", "STRASSE.mp4"),
    "not UTF-8": ("\udce9.mp4", "\udce8.mp4", "_.mp4"),
    "cut": ("x" * 300 + "1.mp4", "x" * 300 + "2.mp4"),
    "backslash": ("a\\b.mp4", "a_b.mp4", "a/b.mp4"),
}


@pytest.mark.parametrize("kind", COLLISIONS)
def test_collisions_of_every_kind_are_kept_apart(kind: str) -> None:
    names = utterances([PurePosixPath(path) for path in COLLISIONS[kind]])
    assert len({on_disk(name) for name in names}) == len(names)
    assert all(unnameable(name) is None for name in names)


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("", "empty"),
        ("..", "dot"),
        ("../../victim", "dot"),
        ("/etc/passwd", "slash"),
        ("a/b", "slash"),
        ("a\\b", "slash"),
        ("a\0b", "slash"),
        ("C:victim", "drive"),
        ("a\nb", "control"),
        ("a\x1b[1m", "control"),
        ("a\u2028b", "line breaks"),
        ("Andr\udce9", "UTF-8"),
        ("é" * 128, "255 bytes"),
    ],
)
def test_what_cannot_stand_is_said(name: str, rule: str) -> None:
    assert rule in (unnameable(name) or "")


@pytest.mark.parametrize(
    "name", ["a", "a b", "Ł ó d ź", "ab:c", "王", "x" * 255, "-", "\U0001f468\u200d\U0001f469"]
)
def test_what_can_stand_is_left_alone(name: str) -> None:
    assert unnameable(name) is None


def test_nothing_that_a_terminal_obeys_is_shown() -> None:
    assert shown("Andr\udce9 \x1b]0;x\x07\n\u202egpj.\ud800") == r"Andr\xe9 \x1b]0;x\x07\n\u202egpj.\ud800"
    assert shown("Ünï 王 \u200d") == "Ünï 王 \u200d"

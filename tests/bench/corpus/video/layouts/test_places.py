"""Every layout reads its own names as the data set's authors write them, and nobody else's."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from privtalk.bench.corpus.video.layouts.layout import FilmPlace, PassedOver
from privtalk.bench.corpus.video.layouts.registry import FILM_LAYOUTS, FOLDERS
from privtalk.core.errors import UserError


def placed(layout: str, path: str) -> FilmPlace:
    place = FILM_LAYOUTS[layout].place(PurePosixPath(path))
    assert isinstance(place, FilmPlace), path
    return place


TAKEN = {
    "hdtf": {
        "RD_Radio10_000.mp4": "RD_Radio10",
        "Radio11_1.mp4": "RD_Radio11",
        "WDA_BarackObama_000.mp4": "WDA_BarackObama",
        "WDA_BenCardin0_000.mp4": "WDA_BenCardin",
        "WDA_BenCardin1_002.mp4": "WDA_BenCardin",
        "WRA_MichaelBurgess_000_1.mp4": "WRA_MichaelBurgess",
    },
    "lrs3": {"pretrain/00j9bKdiOjk/00001.mp4": "00j9bKdiOjk", "test/0Fi83BHQsMA/00002.mp4": "0Fi83BHQsMA"},
    "voxceleb2": {"dev/mp4/id00012/21Uxsk56VDQ/00001.mp4": "id00012"},
    "ravdess": {
        "Video_Speech_Actor_01/Actor_01/01-01-03-01-01-01-01.mp4": "Actor_01",
        "Actor_24/01-01-08-02-02-02-24.mp4": "Actor_24",
    },
    "mead": {
        "M003/video/front/angry/level_1/001.mp4": "M003",
        "W009/video/front/sad/level_3/030.mp4": "W009",
    },
    "grid": {
        "s1/bbaf2n.mpg": "s1",
        "s34/video/swiz9a.mpg": "s34",
        "s23/video/mpg_6000/bbad1s.mpg": "s23",
        "s23.mpg_6000.part1/s23/video/mpg_6000/bbad1s.mpg": "s23",
    },
}
OTHERS = {
    "hdtf": ["clips/RD_Radio10_000.mp4", "RD_Radio10.mp4", "holiday_000.mp4"],
    "lrs3": ["trainval/00j9bKdiOjk/00001.txt", "00j9bKdiOjk/00001.mp4", "val/00j9bKdiOjk/00001.mp4"],
    "voxceleb2": [
        "dev/aac/id00012/21Uxsk56VDQ/00001.m4a",
        "mp4/id00012/21Uxsk56VDQ/00001.mp4",
        "dev/mp4/n12/a/1.mp4",
    ],
    "ravdess": ["01-01-03-01-01-01-01.mp4", "Actor_01/holiday.mp4", "a/b/Actor_01/01-01-03-01-01-01-01.mp4"],
    "mead": ["video/front/angry/level_1/001.mp4", "X003/video/front/angry/level_1/001.mp4"],
    "grid": [
        "s35/bbaf2n.mpg",
        "s1/holiday.mpg",
        "s1/align/bbaf2n.align",
        "bbaf2n.mpg",
        "s1/clips/bbaf2n.mpg",
    ],
}


@pytest.mark.parametrize("layout", TAKEN)
def test_paths_name_the_person(layout: str) -> None:
    assert {path: placed(layout, path).identity for path in TAKEN[layout]} == TAKEN[layout]


@pytest.mark.parametrize("layout", OTHERS)
def test_other_paths_are_of_no_film(layout: str) -> None:
    assert [
        path for path in OTHERS[layout] if FILM_LAYOUTS[layout].place(PurePosixPath(path)) is not None
    ] == []


@pytest.mark.parametrize("layout", TAKEN)
def test_no_layout_takes_another_ones_films(layout: str) -> None:
    others = [other for name, other in FILM_LAYOUTS.items() if name not in (layout, FOLDERS)]
    found = [(o.name, path) for o in others for path in TAKEN[layout] if o.place(PurePosixPath(path))]
    assert found == []


def test_utterances_of_a_person_differ() -> None:
    assert (
        placed("voxceleb2", "dev/mp4/id00012/a/00001.mp4").utterance
        != placed("voxceleb2", "dev/mp4/id00012/b/00001.mp4").utterance
    )
    assert str(placed("mead", "M003/video/front/sad/level_2/001.mp4").utterance) == "sad/level_2/001.mp4"


def test_ravdess_numbers_tell_the_attributes() -> None:
    place = placed("ravdess", "Actor_12/01-01-06-02-02-01-12.mp4")
    assert place.attributes == {
        "emotion": "fearful", "intensity": "strong", "statement": "dogs", "repetition": "1"
    }  # fmt: skip
    assert place.person == {"sex": "female", "language": "english"}
    assert placed("ravdess", "Actor_11/01-01-01-01-01-01-11.mp4").person["sex"] == "male"


@pytest.mark.parametrize(
    ("layout", "path", "why"),
    [
        ("ravdess", "Actor_12/02-01-06-02-02-01-12.mp4", "without sound"),
        ("ravdess", "Actor_12/03-01-06-02-02-01-12.wav", "sound alone"),
        ("ravdess", "Actor_12/01-02-06-02-02-01-12.mp4", "song"),
        ("mead", "M003/video/left_30/angry/level_1/001.mp4", "another side"),
    ],
)
def test_the_same_moments_are_passed_over(layout: str, path: str, why: str) -> None:
    place = FILM_LAYOUTS[layout].place(PurePosixPath(path))
    assert isinstance(place, PassedOver)
    assert why in place.reason


def test_sound_stands_where_the_data_sets_have_it() -> None:
    sounds = {
        "mead": ("M003/video/front/angry/level_1/001.mp4", "M003/audio/angry/level_1/001.m4a"),
        "voxceleb2": ("test/mp4/id00017/a/00001.mp4", "test/aac/id00017/a/00001.m4a"),
        "grid": ("s1/video/mpg_6000/bbaf2n.mpg", "audio_25k/s1/bbaf2n.wav"),
    }
    for layout, (path, sound) in sounds.items():
        assert PurePosixPath(sound) in placed(layout, path).sounds
    assert placed("lrs3", "test/a/00001.mp4").sounds == ()


def test_official_splits_become_roles() -> None:
    roles = {part: placed("lrs3", f"{part}/a/00001.mp4").role for part in ("pretrain", "trainval", "test")}
    assert roles == {"pretrain": "public", "trainval": "", "test": "heldout"}
    parts = [placed("voxceleb2", f"{part}/mp4/id00017/a/00001.mp4").role for part in ("dev", "test")]
    assert parts == ["", "heldout"]


def test_grid_has_sixteen_women() -> None:
    sexes = [placed("grid", f"s{number}/bbaf2n.mpg").person["sex"] for number in range(1, 35)]
    assert (sexes.count("female"), sexes.count("male")) == (16, 18)


# ---- tables


def test_hdtf_lists_hold_out_who_is_in_no_training_clip(tmp_path: Path) -> None:
    (tmp_path / "test.txt").write_text("WDA_BenCardin0_000.mp4\nclips/RD_Radio10_000 7\n\nWRA_JohnKline\n")
    (tmp_path / "train.txt").write_text("WDA_BenCardin1_000\n")
    people = FILM_LAYOUTS["hdtf"].people(tmp_path)
    assert {name: person.role for name, person in people.items()} == {
        "RD_Radio10": "heldout",
        "WRA_JohnKline": "heldout",
    }


def test_voxceleb2_table_tells_the_sex(tmp_path: Path) -> None:
    layout = FILM_LAYOUTS["voxceleb2"]
    assert layout.people(tmp_path) == {}
    table = tmp_path / "vox2_meta.csv"
    table.write_text(
        "VoxCeleb2 ID ,VGGFace2 ID ,Gender ,Set \nid00012 ,n000012 ,m ,dev \nid00017 ,n000017 ,f ,test \n"
    )
    found = {name: dict(person.attributes) for name, person in layout.people(tmp_path).items()}
    assert found == {"id00012": {"sex": "male"}, "id00017": {"sex": "female"}}
    table.write_text("id,sex\nid00012,m\n")
    with pytest.raises(UserError, match=r"no columns 'VoxCeleb2 ID'"):
        layout.people(tmp_path)


def test_a_table_of_ones_own_tells_attributes_and_roles(tmp_path: Path) -> None:
    layout = FILM_LAYOUTS[FOLDERS]
    (tmp_path / "people.csv").write_text(
        "identity,role,accent\nann,heldout,french\nbob,,\n", encoding="utf-8-sig"
    )
    people = layout.people(tmp_path)
    assert (people["ann"].role, dict(people["ann"].attributes)) == ("heldout", {"accent": "french"})
    assert (people["bob"].role, dict(people["bob"].attributes)) == ("", {})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("identity,role\nann,boss\n", "role 'boss' is not public, heldout or empty"),
        ("identity,role\nann\n", "row 2 has 1 cells, the head 2"),
        ("identity\nann\n", "must name two columns"),
        ("name,role\nann,public\n", "no column 'identity'"),
        (b"identity,\xff\xfe\n", "cannot be read as text"),
    ],
)
def test_a_table_that_is_none_is_named_in_one_line(tmp_path: Path, text: str | bytes, said: str) -> None:
    table = tmp_path / "people.csv"
    table.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UserError) as caught:
        FILM_LAYOUTS[FOLDERS].people(tmp_path)
    assert str(caught.value).startswith(str(table))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
